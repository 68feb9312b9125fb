"""Notices: what a client is told. One notice is one event on the wire; the order is the core's.

The shell renders them one by one and adds nothing of its own, except where said below.
Times are input samples, except AudioDelta's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .events import UsageCount
from .items import Item
from .settings import Modality

ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]
Reason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


# --- input ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpeechStartedNotice:
    """item_id is the id the spoken item will have."""

    item_id: str
    start: int


@dataclass(frozen=True)
class SpeechStoppedNotice:
    item_id: str
    end: int


@dataclass(frozen=True)
class InputCommitted:
    item_id: str
    previous_item_id: str | None


@dataclass(frozen=True)
class InputCleared:
    pass


@dataclass(frozen=True)
class TimeoutTriggered:
    item_id: str
    start: int
    end: int


# --- items ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ItemAdded:
    item: Item
    previous_item_id: str | None


@dataclass(frozen=True)
class ItemDone:
    item: Item
    previous_item_id: str | None


@dataclass(frozen=True)
class ItemRetrieved:
    """The shell adds the item's audio from the session's store."""

    item: Item


@dataclass(frozen=True)
class ItemDeleted:
    item_id: str


@dataclass(frozen=True)
class ItemTruncated:
    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True)
class TranscriptionCompleted:
    """seconds of audio are n_samples / input_rate_hz."""

    item_id: str
    content_index: int
    transcript: str
    language: str
    n_samples: int


@dataclass(frozen=True)
class TranscriptionFailed:
    item_id: str
    content_index: int
    message: str


# --- responses ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    """A call the daemon ran itself; arguments is JSON text, confidence the model's, 0 to 1."""

    name: str
    arguments: str
    confidence: float | None = None


@dataclass(frozen=True)
class ResponseView:
    """A response as the client sees it, at the moment of the notice.

    Args:
        in_conversation: False: conversation_id is null on the wire.
        actions, language: go to metadata as vivavoce.actions and vivavoce.language if any.
        confidences: of each action and each call of the client's, by name, 0 to 1.
        error: message of a failed response.
        usage: None until done.
    """

    id: str
    status: ResponseStatus
    reason: Reason | None = None
    error: str | None = None
    output: tuple[Item, ...] = ()
    in_conversation: bool = True
    modality: Modality = "audio"
    max_output_tokens: int | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    actions: tuple[Action, ...] = ()
    language: str | None = None
    usage: UsageCount | None = None
    confidences: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class ResponseCreated:
    response: ResponseView


@dataclass(frozen=True)
class ResponseDone:
    """The one terminal notice of a response; nothing with its id follows."""

    response: ResponseView


@dataclass(frozen=True)
class OutputItemAdded:
    response_id: str
    output_index: int
    item: Item


@dataclass(frozen=True)
class OutputItemDone:
    response_id: str
    output_index: int
    item: Item


@dataclass(frozen=True)
class PartPlace:
    """Where in a response a piece belongs."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int = 0


@dataclass(frozen=True)
class ContentPartAdded:
    place: PartPlace
    modality: Modality


@dataclass(frozen=True)
class ContentPartDone:
    """text: the transcript of an audio part, the text of a text part."""

    place: PartPlace
    modality: Modality
    text: str


@dataclass(frozen=True)
class TextDelta:
    place: PartPlace
    delta: str


@dataclass(frozen=True)
class TextDone:
    place: PartPlace
    text: str


@dataclass(frozen=True)
class TranscriptDelta:
    place: PartPlace
    delta: str


@dataclass(frozen=True)
class TranscriptDone:
    place: PartPlace
    transcript: str


@dataclass(frozen=True)
class AudioDelta:
    """Made by the session's outlet from PlayAudio, never by the core: pcm is 16-bit little-endian
    mono at the session's wire rate."""

    place: PartPlace
    pcm: bytes


@dataclass(frozen=True)
class AudioDone:
    place: PartPlace


@dataclass(frozen=True)
class ArgumentsDelta:
    place: PartPlace
    call_id: str
    delta: str


@dataclass(frozen=True)
class ArgumentsDone:
    place: PartPlace
    call_id: str
    name: str
    arguments: str


# --- complaints -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ProtocolError:
    """The client asked for something it cannot have; the conversation goes on."""

    code: str
    message: str
    param: str | None = None
    event_id: str | None = None


Notice = (
    SpeechStartedNotice
    | SpeechStoppedNotice
    | InputCommitted
    | InputCleared
    | TimeoutTriggered
    | ItemAdded
    | ItemDone
    | ItemRetrieved
    | ItemDeleted
    | ItemTruncated
    | TranscriptionCompleted
    | TranscriptionFailed
    | ResponseCreated
    | ResponseDone
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | TextDelta
    | TextDone
    | TranscriptDelta
    | TranscriptDone
    | AudioDelta
    | AudioDone
    | ArgumentsDelta
    | ArgumentsDone
    | ProtocolError
)
