"""Every event the daemon may send (protocol page §1.3), and the one table of them."""

from __future__ import annotations

from typing import Literal

from .items import ItemOut
from .response_object import Response
from .session_object import SessionObject
from .settings import Modality
from .wire import ServerEvent, WireObject

# --- session ---------------------------------------------------------------------------------


class ErrorBody(WireObject):
    """event_id: the offending client event's own id."""

    type: Literal["invalid_request_error", "server_error"]
    code: str | None
    message: str
    param: str | None
    event_id: str | None


class ErrorEvent(ServerEvent):
    type: Literal["error"] = "error"
    error: ErrorBody


class SessionCreated(ServerEvent):
    type: Literal["session.created"] = "session.created"
    session: SessionObject


class SessionUpdated(ServerEvent):
    type: Literal["session.updated"] = "session.updated"
    session: SessionObject


# --- conversation ----------------------------------------------------------------------------


class ItemAdded(ServerEvent):
    type: Literal["conversation.item.added"] = "conversation.item.added"
    previous_item_id: str | None
    item: ItemOut


class ItemDone(ServerEvent):
    type: Literal["conversation.item.done"] = "conversation.item.done"
    previous_item_id: str | None
    item: ItemOut


class ItemRetrieved(ServerEvent):
    type: Literal["conversation.item.retrieved"] = "conversation.item.retrieved"
    item: ItemOut


class ItemDeleted(ServerEvent):
    type: Literal["conversation.item.deleted"] = "conversation.item.deleted"
    item_id: str


class ItemTruncated(ServerEvent):
    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    item_id: str
    content_index: int
    audio_end_ms: int


class DurationUsage(WireObject):
    type: Literal["duration"] = "duration"
    seconds: float


class TranscriptionLanguage(WireObject):
    """code: ISO 639, as far as a language or dialect has one."""

    code: str


class TranscriptionCompleted(ServerEvent):
    """languages: what was heard; left out where the model does not say."""

    type: Literal["conversation.item.input_audio_transcription.completed"] = (
        "conversation.item.input_audio_transcription.completed"
    )
    item_id: str
    content_index: int
    transcript: str
    usage: DurationUsage
    languages: list[TranscriptionLanguage] | None = None


class TranscriptionDelta(ServerEvent):
    type: Literal["conversation.item.input_audio_transcription.delta"] = (
        "conversation.item.input_audio_transcription.delta"
    )
    item_id: str
    content_index: int
    delta: str


class TranscriptionError(WireObject):
    type: str
    code: str
    message: str


class TranscriptionFailed(ServerEvent):
    type: Literal["conversation.item.input_audio_transcription.failed"] = (
        "conversation.item.input_audio_transcription.failed"
    )
    item_id: str
    content_index: int
    error: TranscriptionError


# --- input audio -----------------------------------------------------------------------------


class SpeechStarted(ServerEvent):
    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"
    item_id: str
    audio_start_ms: int


class SpeechStopped(ServerEvent):
    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"
    item_id: str
    audio_end_ms: int


class InputCommitted(ServerEvent):
    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"
    item_id: str
    previous_item_id: str | None


class InputCleared(ServerEvent):
    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"


class TimeoutTriggered(ServerEvent):
    type: Literal["input_audio_buffer.timeout_triggered"] = "input_audio_buffer.timeout_triggered"
    item_id: str
    audio_start_ms: int
    audio_end_ms: int


# --- responses -------------------------------------------------------------------------------


class ResponseCreated(ServerEvent):
    type: Literal["response.created"] = "response.created"
    response: Response


class ResponseDone(ServerEvent):
    type: Literal["response.done"] = "response.done"
    response: Response


class OutputItemEvent(ServerEvent):
    response_id: str
    output_index: int
    item: ItemOut


class OutputItemAdded(OutputItemEvent):
    type: Literal["response.output_item.added"] = "response.output_item.added"


class OutputItemDone(OutputItemEvent):
    type: Literal["response.output_item.done"] = "response.output_item.done"


class PartEvent(ServerEvent):
    """An event about one content part of one output item."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int


class Part(WireObject):
    """A part's type is `text` or `audio`, unlike the content types of items."""

    type: Modality
    text: str | None = None
    transcript: str | None = None


class ContentPartAdded(PartEvent):
    type: Literal["response.content_part.added"] = "response.content_part.added"
    part: Part


class ContentPartDone(PartEvent):
    type: Literal["response.content_part.done"] = "response.content_part.done"
    part: Part


class TextDelta(PartEvent):
    type: Literal["response.output_text.delta"] = "response.output_text.delta"
    delta: str


class TextDone(PartEvent):
    type: Literal["response.output_text.done"] = "response.output_text.done"
    text: str


class AudioDelta(PartEvent):
    """delta: base64 in the response's output format."""

    type: Literal["response.output_audio.delta"] = "response.output_audio.delta"
    delta: str


class AudioDone(PartEvent):
    type: Literal["response.output_audio.done"] = "response.output_audio.done"


class TranscriptDelta(PartEvent):
    type: Literal["response.output_audio_transcript.delta"] = (
        "response.output_audio_transcript.delta"
    )
    delta: str


class TranscriptDone(PartEvent):
    type: Literal["response.output_audio_transcript.done"] = "response.output_audio_transcript.done"
    transcript: str


class ArgumentsEvent(ServerEvent):
    response_id: str
    item_id: str
    output_index: int
    call_id: str


class ArgumentsDelta(ArgumentsEvent):
    type: Literal["response.function_call_arguments.delta"] = (
        "response.function_call_arguments.delta"
    )
    delta: str


class ArgumentsDone(ArgumentsEvent):
    type: Literal["response.function_call_arguments.done"] = "response.function_call_arguments.done"
    name: str
    arguments: str


SERVER_EVENTS: dict[str, type[ServerEvent]] = {
    model.model_fields["type"].default: model
    for model in (
        ErrorEvent,
        SessionCreated,
        SessionUpdated,
        ItemAdded,
        ItemDone,
        ItemRetrieved,
        ItemDeleted,
        ItemTruncated,
        TranscriptionCompleted,
        TranscriptionDelta,
        TranscriptionFailed,
        SpeechStarted,
        SpeechStopped,
        InputCommitted,
        InputCleared,
        TimeoutTriggered,
        ResponseCreated,
        ResponseDone,
        OutputItemAdded,
        OutputItemDone,
        ContentPartAdded,
        ContentPartDone,
        TextDelta,
        TextDone,
        AudioDelta,
        AudioDone,
        TranscriptDelta,
        TranscriptDone,
        ArgumentsDelta,
        ArgumentsDone,
    )
}
