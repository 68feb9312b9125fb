"""Every event a client may send (protocol page §1.2), and the one table of them."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field

from .faults import PeerFault, validated
from .items import AnyItemIn, ItemId, ResponseInput
from .settings import (
    AudioFormat,
    FunctionTool,
    MaxOutputTokens,
    Metadata,
    OutputModalities,
    Prompt,
    Reasoning,
    ToolChoice,
    Voice,
)
from .wire import ClientEvent, PeerObject, WholeNumber


class SessionUpdate(ClientEvent):
    """`session` is checked by the session editor, which knows what null means where."""

    type: Literal["session.update"]
    session: dict[str, Any]


class InputAudioAppend(ClientEvent):
    """audio: base64 in the session's input format, at most 15 MiB decoded.

    playing: ours; from this sound on the client's loudspeaker may be heard in it, or no more.
    """

    type: Literal["input_audio_buffer.append"]
    audio: str
    playing: bool | None = None


class InputAudioCommit(ClientEvent):
    type: Literal["input_audio_buffer.commit"]


class InputAudioClear(ClientEvent):
    type: Literal["input_audio_buffer.clear"]


class ItemCreate(ClientEvent):
    """previous_item_id: `root` is the front; absent is the end."""

    type: Literal["conversation.item.create"]
    item: AnyItemIn
    previous_item_id: str | None = None


class ItemRetrieve(ClientEvent):
    type: Literal["conversation.item.retrieve"]
    item_id: ItemId


class ItemDelete(ClientEvent):
    type: Literal["conversation.item.delete"]
    item_id: ItemId


class ItemTruncate(ClientEvent):
    """audio_end_ms: how much of the item's audio, from its start, was heard."""

    type: Literal["conversation.item.truncate"]
    item_id: ItemId
    content_index: Annotated[WholeNumber, Field(ge=0, le=0)]
    audio_end_ms: Annotated[WholeNumber, Field(ge=0)]


class ResponseAudioOutput(PeerObject):
    format: AudioFormat | None = None
    voice: Voice | None = None


class ResponseAudio(PeerObject):
    output: ResponseAudioOutput | None = None


class ResponseSettings(PeerObject):
    """What one response does differently from its session.

    interrupt: ours; a response that is in progress is stopped for it.
    """

    output_modalities: OutputModalities | None = None
    instructions: str | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxOutputTokens | None = None
    conversation: Literal["auto", "none"] | None = None
    input: list[ResponseInput] | None = None
    metadata: Metadata | None = None
    audio: ResponseAudio | None = None
    prompt: Prompt | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None
    interrupt: bool | None = None


class ResponseCreate(ClientEvent):
    type: Literal["response.create"]
    response: ResponseSettings | None = None


class ResponseCancel(ClientEvent):
    type: Literal["response.cancel"]
    response_id: str | None = None


class OutputAudioClear(ClientEvent):
    """For telephone and browser media only; refused over a WebSocket."""

    type: Literal["output_audio_buffer.clear"]


AnyClientEvent = (
    SessionUpdate
    | InputAudioAppend
    | InputAudioCommit
    | InputAudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
    | OutputAudioClear
)
CLIENT_EVENTS: dict[str, type[AnyClientEvent]] = {
    "session.update": SessionUpdate,
    "input_audio_buffer.append": InputAudioAppend,
    "input_audio_buffer.commit": InputAudioCommit,
    "input_audio_buffer.clear": InputAudioClear,
    "conversation.item.create": ItemCreate,
    "conversation.item.retrieve": ItemRetrieve,
    "conversation.item.delete": ItemDelete,
    "conversation.item.truncate": ItemTruncate,
    "response.create": ResponseCreate,
    "response.cancel": ResponseCancel,
    "output_audio_buffer.clear": OutputAudioClear,
}


# An escape such as \ud83d: half of a pair, or alone and then no text at all.
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str) -> dict[str, Any]:
    """A frame's JSON object. Raises PeerFault."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise PeerFault("invalid_json", "the message is not valid JSON") from None
    if not isinstance(data, dict):
        raise PeerFault("invalid_json", "the message must be a JSON object")
    if "\\u" in text and _HALF_A_CHARACTER.search(text) and not _is_text(data):
        raise PeerFault("invalid_json", "the message holds a surrogate that is not a character")
    return data


def _is_text(data: dict[str, Any]) -> bool:
    """Whether everything in it can be written as UTF-8 again."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


LONGEST_ID = 512


def event_id_of(data: dict[str, Any]) -> str | None:
    """The id to echo in an error, at most LONGEST_ID of it; anything but a string is not an id."""
    event_id = data.get("event_id")
    return event_id[:LONGEST_ID] if isinstance(event_id, str) else None


def parse_event(data: dict[str, Any]) -> AnyClientEvent:
    """The typed client event in `data`. Raises PeerFault."""
    kind = data.get("type")
    if kind is None:
        raise PeerFault("missing_required_parameter", "type is required", "type")
    if not isinstance(kind, str):
        raise PeerFault("invalid_type", "type should be a string", "type")
    model = CLIENT_EVENTS.get(kind)
    if model is None:
        raise PeerFault("unknown_event", f"there is no event {kind[:80]!r}", "type")
    return validated(model, data)
