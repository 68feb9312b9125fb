"""The parts of a session: audio formats, turn detection, tools, and their ranges.

One set of models serves both ways: a client's `session.update` is checked against the
patch models (everything optional), what we announce against the full ones. Source: the
project's protocol page §1.5.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
)

from .wire import PeerObject, WholeNumber

Modality = Literal["text", "audio"]
PCM_RATES_HZ = (8000, 16000, 24000, 48000)
DEFAULT_RATE_HZ = 24000
TELEPHONE_RATE_HZ = 8000


# --- audio formats --------------------------------------------------------------------------


def _known_rate(value: int) -> int:
    if value not in PCM_RATES_HZ:
        raise ValueError(f"the rate must be one of {', '.join(map(str, PCM_RATES_HZ))} Hz")
    return value


class PcmFormat(PeerObject):
    """16-bit little-endian mono PCM. rate in Hz."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Annotated[WholeNumber, AfterValidator(_known_rate)] = DEFAULT_RATE_HZ


class MuLawFormat(PeerObject):
    """G.711 mu-law at 8 kHz."""

    type: Literal["audio/pcmu"]


class ALawFormat(PeerObject):
    """G.711 A-law at 8 kHz."""

    type: Literal["audio/pcma"]


def _format_tag(value: Any) -> str | None:
    if not isinstance(value, dict):
        return getattr(value, "type", None)
    kind = value.get("type", "audio/pcm")
    return kind if isinstance(kind, str) else None


AudioFormat = Annotated[
    Annotated[PcmFormat, Tag("audio/pcm")]
    | Annotated[MuLawFormat, Tag("audio/pcmu")]
    | Annotated[ALawFormat, Tag("audio/pcma")],
    Discriminator(_format_tag),
]


def rate_hz(audio_format: PcmFormat | MuLawFormat | ALawFormat) -> int:
    """Samples per second of a wire format."""
    return audio_format.rate if isinstance(audio_format, PcmFormat) else TELEPHONE_RATE_HZ


# --- input -----------------------------------------------------------------------------------


class NoiseReduction(PeerObject):
    type: Literal["near_field", "far_field"]


class Transcription(PeerObject):
    """What to write down of the user's speech. Any model name is taken: there is one, ours."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None


class ServerVad(PeerObject):
    """Turns end after a fixed silence. Times in ms; threshold in [0, 1]."""

    SEND_NULL = frozenset({"idle_timeout_ms"})
    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    prefix_padding_ms: Annotated[WholeNumber, Field(ge=0, le=10_000)] = 300
    silence_duration_ms: Annotated[WholeNumber, Field(ge=0, le=10_000)] = 500
    idle_timeout_ms: Annotated[WholeNumber, Field(ge=5_000, le=30_000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(PeerObject):
    """Turns end by what was said, how this speaker pauses, and `eagerness`."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


def _vad_tag(value: Any) -> str | None:
    if not isinstance(value, dict):
        return getattr(value, "type", None)
    kind = value.get("type", "server_vad")
    return kind if isinstance(kind, str) else None


TurnDetection = Annotated[
    Annotated[ServerVad, Tag("server_vad")] | Annotated[SemanticVad, Tag("semantic_vad")],
    Discriminator(_vad_tag),
]


# --- tools and the rest ----------------------------------------------------------------------


class FunctionTool(PeerObject):
    """A function of the client's that the model may call."""

    type: Literal["function"] = "function"
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ForcedFunction(PeerObject):
    type: Literal["function"]
    name: str


ToolChoiceWord = Literal["auto", "none", "required"]


def _word_tag(value: Any) -> str:
    """Which member of "a word or an object" a value is."""
    return "word" if isinstance(value, str) else "object"


ToolChoice = Annotated[
    Annotated[ToolChoiceWord, Tag("word")] | Annotated[ForcedFunction, Tag("object")],
    Discriminator(_word_tag),
]


def _one_modality(value: list[Modality]) -> list[Modality]:
    if len(value) != 1:
        raise ValueError('output_modalities must be ["text"] or ["audio"]')
    return value


def _can_be_made(value: Any) -> Any:
    """Pictures go in and never come out."""
    if isinstance(value, list) and not {"image", "video"}.isdisjoint(map(str, value)):
        raise ValueError('pictures are not made here: output_modalities is ["text"] or ["audio"]')
    return value


OutputModalities = Annotated[
    list[Modality], BeforeValidator(_can_be_made), AfterValidator(_one_modality)
]


def _checked_tokens(value: Any) -> int | Literal["inf"]:
    if value == "inf":
        return "inf"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4096:
        raise ValueError('max_output_tokens must be a whole number from 1 to 4096, or "inf"')
    return value


MaxOutputTokens = Annotated[int | Literal["inf"], PlainValidator(_checked_tokens)]


def _voice_name(value: Any) -> Any:
    """A voice is a name or {"id": name}."""
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        return value["id"]
    return value


Voice = Annotated[str, BeforeValidator(_voice_name)]
Speed = Annotated[float, Field(ge=0.25, le=1.5)]


def _short_pairs(value: dict[str, str]) -> dict[str, str]:
    if len(value) > 16:
        raise ValueError("metadata holds at most 16 pairs")
    if any(len(key) > 64 or len(text) > 512 for key, text in value.items()):
        raise ValueError("metadata keys hold at most 64 characters, values at most 512")
    return value


Metadata = Annotated[dict[str, str], AfterValidator(_short_pairs)]


class RetentionRatio(PeerObject):
    """How much of a conversation that is too long is kept."""

    type: Literal["retention_ratio"]
    retention_ratio: Annotated[float, Field(ge=0.0, le=1.0)]
    token_limits: dict[str, int] | None = None


class TracingOptions(PeerObject):
    group_id: str | None = None
    metadata: dict[str, Any] | None = None
    workflow_name: str | None = None


class Prompt(PeerObject):
    id: str
    variables: dict[str, Any] | None = None
    version: str | None = None


class Reasoning(PeerObject):
    effort: str | None = None


Truncation = Annotated[
    Annotated[Literal["auto", "disabled"], Tag("word")] | Annotated[RetentionRatio, Tag("object")],
    Discriminator(_word_tag),
]
Tracing = Annotated[
    Annotated[Literal["auto"], Tag("word")] | Annotated[TracingOptions, Tag("object")],
    Discriminator(_word_tag),
]
Include = Literal["item.input_audio_transcription.logprobs"]
