"""The session object: what we announce, and how a client's update changes it.

An update is all or nothing: it is checked, merged into a new object, and only a whole valid
object is returned. Rules and tolerances: the project's protocol page §1.5.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..core.bargein import YIELDING
from ..core.settings import BargeIn
from ..languages import AUTO, known_language
from .faults import PeerFault, validated
from .settings import (
    AudioFormat,
    ForcedFunction,
    FunctionTool,
    Include,
    MaxOutputTokens,
    NoiseReduction,
    OutputModalities,
    PcmFormat,
    Prompt,
    Reasoning,
    SemanticVad,
    ServerVad,
    Speed,
    ToolChoice,
    Tracing,
    Transcription,
    Truncation,
    TurnDetection,
    Voice,
)
from .wire import PeerObject

# Names other services give their voices; a client that asks for one gets the default voice.
FOREIGN_VOICES = frozenset(
    "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()
)


# --- the whole object ------------------------------------------------------------------------


class AudioInput(PeerObject):
    SEND_NULL = frozenset({"noise_reduction", "transcription", "turn_detection"})
    format: AudioFormat = PcmFormat()
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = None


class AudioOutput(PeerObject):
    format: AudioFormat = PcmFormat()
    voice: Voice
    speed: Speed = 1.0


class SessionAudio(PeerObject):
    input: AudioInput
    output: AudioOutput


class SessionObject(PeerObject):
    """The full effective session, as session.created and session.updated show it.

    expires_at: Unix time in seconds.
    language, dialect: ours; what the person speaks, where it is not left to the model.
    barge_in: ours; what speech does to a reply, where it is not left to the daemon.
    """

    SEND_NULL = frozenset({"tracing", "prompt", "include"})
    type: Literal["realtime"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    model: str
    expires_at: int
    output_modalities: OutputModalities
    instructions: str
    tools: list[FunctionTool]
    tool_choice: ToolChoice
    max_output_tokens: MaxOutputTokens
    audio: SessionAudio
    truncation: Truncation = "auto"
    tracing: Tracing | None = None
    prompt: Prompt | None = None
    include: list[Include] | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None
    language: str | None = None
    dialect: str | None = None
    barge_in: BargeIn | None = None


# --- what a client may change ----------------------------------------------------------------


class AudioInputPatch(PeerObject):
    format: AudioFormat | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = None


class AudioOutputPatch(PeerObject):
    format: AudioFormat | None = None
    voice: Voice | None = None
    speed: Speed | None = None


class AudioPatch(PeerObject):
    input: AudioInputPatch | None = None
    output: AudioOutputPatch | None = None


class SessionPatch(PeerObject):
    """The fields of session.update; everything else in it is ignored."""

    type: Literal["realtime"] | None = None
    model: str | None = None
    output_modalities: OutputModalities | None = None
    instructions: str | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxOutputTokens | None = None
    audio: AudioPatch | None = None
    truncation: Truncation | None = None
    tracing: Tracing | None = None
    prompt: Prompt | None = None
    include: list[Include] | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None
    language: str | None = None
    dialect: str | None = None
    barge_in: BargeIn | None = None


# --- beginning and changing ------------------------------------------------------------------


@dataclass(frozen=True)
class UsualTurns:
    """How turns are found unless asked otherwise: each kind as the daemon does it, and which."""

    by_silence: ServerVad = ServerVad()
    by_meaning: SemanticVad = SemanticVad(type="semantic_vad")
    detection: Literal["silence", "semantic"] = "silence"

    @property
    def first(self) -> ServerVad | SemanticVad:
        return self.by_silence if self.detection == "silence" else self.by_meaning

    def like(self, kind: str) -> ServerVad | SemanticVad:
        """Those of a type of the wire."""
        return self.by_meaning if kind == self.by_meaning.type else self.by_silence


@dataclass(frozen=True)
class Offer:
    """What the daemon can give a session.

    Args:
        voices: the model's voices.
        voice: the one that speaks unless asked otherwise; None takes the first.
        turns: how turns are found unless asked otherwise.
        lifetime_s: seconds until the session ends by itself.
        languages: the model's names of languages and dialects.
        language: what the person is taken to speak unless asked otherwise.
        speed: how fast it speaks unless asked otherwise; None where it cannot change that.
    """

    model: str
    voices: Sequence[str]
    voice: str | None = None
    turns: UsualTurns = UsualTurns()
    instructions: str = ""
    lifetime_s: float = 3600.0
    languages: Sequence[str] = ()
    language: str = AUTO
    speed: float | None = 1.0

    @property
    def default_voice(self) -> str:
        return self.voice or self.voices[0]


def first_session(
    offer: Offer, session_id: str, now_s: Callable[[], float] = time.time
) -> SessionObject:
    """The session as it is before the client said anything."""
    return SessionObject(
        id=session_id,
        model=offer.model,
        expires_at=int(now_s() + offer.lifetime_s),
        output_modalities=["audio"],
        instructions=offer.instructions,
        tools=[],
        tool_choice="auto",
        max_output_tokens="inf",
        audio=SessionAudio(
            input=AudioInput(turn_detection=offer.turns.first),
            output=AudioOutput(voice=offer.default_voice, speed=offer.speed or 1.0),
        ),
        language=None if offer.language == AUTO else offer.language,
    )


class SessionEditor:
    """Applies updates to a session, each of them wholly or not at all."""

    def __init__(self, offer: Offer, session_id: str) -> None:
        self._offer = offer
        self._first = first_session(offer, session_id)
        self.session = self._first

    def update(self, raw: Mapping[str, Any], *, voice_locked: bool = False) -> SessionObject:
        """Merge the `session` member of a session.update; gives the new session.

        Args:
            raw: the member as it came.
            voice_locked: true once audio was sent; the voice cannot change any more.
        Raises:
            PeerFault: the update is wrong; nothing has changed.
        """
        patch = validated(SessionPatch, raw, "session").model_dump()
        merged = _merge(self.session.model_dump(), self._first.model_dump(), raw, patch)
        wanted = merged["audio"]["output"]["voice"]
        voice = known_voice(wanted, self._offer, "session.audio.output.voice")
        if voice_locked and voice != self.session.audio.output.voice:
            raise PeerFault(
                "cannot_update_voice",
                "the voice cannot be changed after the assistant has spoken",
                "session.audio.output.voice",
            )
        merged["audio"]["output"]["voice"] = voice
        for key in ("language", "dialect"):
            if merged.get(key) is not None:
                merged[key] = spoken_language(merged[key], self._offer, f"session.{key}")
        _fill_turns(merged["audio"]["input"], raw, self._offer.turns)
        _fill_interruptions(merged, raw, self._offer.turns)
        transcription = merged["audio"]["input"]["transcription"]
        if transcription and transcription.get("language") and self._offer.languages:
            param = "session.audio.input.transcription.language"
            spoken_language(transcription["language"], self._offer, param)
        if self._offer.speed is None:
            merged["audio"]["output"]["speed"] = 1.0  # show what is in effect
        session = validated(SessionObject, merged, "session")
        check_tools(session.tools, session.tool_choice, "session")
        _check_writable(session)
        self.session = session
        return session


def _check_writable(session: SessionObject) -> None:
    """What we cannot say again, such as objects nested beyond all measure, we do not take."""
    try:
        session.model_dump_json()
    except (ValueError, RecursionError):
        raise PeerFault("invalid_value", "the session is nested too deeply", "session") from None


def check_tools(tools: Sequence[FunctionTool], choice: ToolChoice, path: str) -> None:
    """Each function has a name of its own, and a forced one is among them.

    Raises:
        PeerFault: below `path`.
    """
    names = [tool.name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        message = f"there are two functions called {twice!r}"
        raise PeerFault("invalid_value", message, f"{path}.tools")
    if isinstance(choice, ForcedFunction) and choice.name not in names:
        message = f"tool_choice names the function {choice.name!r}, which is not among the tools"
        raise PeerFault("invalid_value", message, f"{path}.tool_choice")


def known_voice(wanted: str, offer: Offer, param: str) -> str:
    """A voice of ours; a voice name of another service becomes the default voice."""
    if wanted in offer.voices:
        return wanted
    if wanted in FOREIGN_VOICES:
        return offer.default_voice
    known = ", ".join(offer.voices)
    raise PeerFault("invalid_value", f"there is no voice {wanted!r}; choose one of {known}", param)


def spoken_language(wanted: str, offer: Offer, param: str) -> str:
    """The model's own name of a language or dialect, or AUTO."""
    known = known_language(wanted, offer.languages)
    if known is None:
        choices = ", ".join((AUTO, *offer.languages))
        message = f"{offer.model} does not know {wanted!r}; choose one of {choices}"
        raise PeerFault("invalid_value", message, param)
    return known


# Objects that are merged key by key; any other object in an update replaces the old one.
_MERGED = frozenset({"", "audio", "audio.input", "audio.output", "audio.input.transcription"})
# What a session is cannot be changed by an update; clients repeat it, often by another name.
_FIXED = frozenset({"type", "model"})
# A null here is a value of its own (manual turns); everywhere else it asks for the default.
_NULL_IS_A_VALUE = frozenset({"audio.input.turn_detection"})


def _merge(
    now: dict[str, Any],
    first: dict[str, Any],
    raw: Mapping[str, Any],
    patch: Mapping[str, Any],
    path: str = "",
) -> dict[str, Any]:
    """`now` with the keys of `raw` changed: to their checked values in `patch`, or by null."""
    merged = dict(now)
    for key, given in raw.items():
        where = f"{path}.{key}" if path else key
        if given is None:
            _clear(merged, first, key, where)
        elif key not in patch or where in _FIXED:
            continue
        elif where in _MERGED and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], first.get(key) or {}, given, patch[key], where)
        else:
            merged[key] = patch[key]
    return merged


def _clear(merged: dict[str, Any], first: dict[str, Any], key: str, where: str) -> None:
    """What null asks for: the default again, and no change for a whole branch."""
    if where in _MERGED and key != "transcription" or key not in merged:
        return
    if where in _NULL_IS_A_VALUE:
        merged[key] = None
    elif key in first:
        merged[key] = first[key]
    else:
        del merged[key]


def _fill_turns(merged: dict[str, Any], raw: Mapping[str, Any], turns: UsualTurns) -> None:
    """What a new turn_detection object leaves open is as the daemon does it otherwise."""
    given = ((raw.get("audio") or {}).get("input") or {}).get("turn_detection")
    if given is not None:
        usual = turns.like(merged["turn_detection"]["type"])
        for key, value in usual.model_dump(exclude={"type"}).items():
            if given.get(key) is None:
                merged["turn_detection"][key] = value


def _fill_interruptions(merged: dict[str, Any], raw: Mapping[str, Any], usual: UsualTurns) -> None:
    """What `barge_in` says of interruptions holds where the client does not say otherwise."""
    turns = merged["audio"]["input"]["turn_detection"]
    given = ((raw.get("audio") or {}).get("input") or {}).get("turn_detection") or {}
    asked = "barge_in" in raw or (given and merged.get("barge_in") is not None)
    if turns is None or not asked or given.get("interrupt_response") is not None:
        return
    preset = merged.get("barge_in")
    as_usual = usual.like(turns["type"]).interrupt_response
    turns["interrupt_response"] = as_usual if preset is None else preset in YIELDING
