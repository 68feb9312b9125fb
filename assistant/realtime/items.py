"""Conversation items as they travel: what a client may send and what we show.

Source: the project's protocol page §1.2 (accepted items) and §1.6 (null and absent).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from .wire import PeerObject, WireObject

ItemStatus = Literal["completed", "incomplete", "in_progress"]
ItemId = Annotated[str, Field(min_length=1, max_length=128)]


# --- what a client may send ------------------------------------------------------------------


def _is_picture(url: str) -> str:
    if not url.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")):
        raise ValueError("an image must be a data: URI of type image/png or image/jpeg")
    return url


class InputText(PeerObject):
    type: Literal["input_text"]
    text: str


class InputAudio(PeerObject):
    """audio: base64 in the session's input format."""

    type: Literal["input_audio"]
    audio: str
    transcript: str | None = None


class InputImage(PeerObject):
    type: Literal["input_image"]
    image_url: Annotated[str, AfterValidator(_is_picture)]
    detail: Literal["auto", "low", "high"] | None = None


class OutputText(PeerObject):
    type: Literal["output_text"]
    text: str


UserContent = Annotated[InputText | InputAudio | InputImage, Field(discriminator="type")]


class ClientItem(PeerObject):
    id: ItemId | None = None


class SystemMessageIn(ClientItem):
    type: Literal["message"]
    role: Literal["system"]
    content: Annotated[list[InputText], Field(min_length=1)]


class UserMessageIn(ClientItem):
    type: Literal["message"]
    role: Literal["user"]
    content: Annotated[list[UserContent], Field(min_length=1)]


class AssistantMessageIn(ClientItem):
    type: Literal["message"]
    role: Literal["assistant"]
    content: Annotated[list[OutputText], Field(min_length=1)]


class FunctionCallIn(ClientItem):
    """arguments: JSON text."""

    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: str | None = None


class FunctionCallOutputIn(ClientItem):
    type: Literal["function_call_output"]
    call_id: str
    output: str


class ItemReference(PeerObject):
    """An item of the conversation, named; only in the input of a response."""

    type: Literal["item_reference"]
    id: ItemId


def _item_tag(value: Any) -> str | None:
    """The kind of an item; messages are told apart by role. None: no such kind."""
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    return f"message {value.get('role')}" if kind == "message" else str(kind)


AnyItemIn = Annotated[
    Annotated[SystemMessageIn, Tag("message system")]
    | Annotated[UserMessageIn, Tag("message user")]
    | Annotated[AssistantMessageIn, Tag("message assistant")]
    | Annotated[FunctionCallIn, Tag("function_call")]
    | Annotated[FunctionCallOutputIn, Tag("function_call_output")],
    Discriminator(_item_tag),
]
ResponseInput = Annotated[
    Annotated[SystemMessageIn, Tag("message system")]
    | Annotated[UserMessageIn, Tag("message user")]
    | Annotated[AssistantMessageIn, Tag("message assistant")]
    | Annotated[FunctionCallIn, Tag("function_call")]
    | Annotated[FunctionCallOutputIn, Tag("function_call_output")]
    | Annotated[ItemReference, Tag("item_reference")],
    Discriminator(_item_tag),
]


# --- what we show ----------------------------------------------------------------------------


class TextContent(WireObject):
    type: Literal["input_text", "output_text"]
    text: str


class AudioIn(WireObject):
    """transcript is null until there is one; audio (base64) comes with `retrieved` only."""

    type: Literal["input_audio"] = "input_audio"
    transcript: str | None
    audio: str | None = None


class ImageContent(WireObject):
    type: Literal["input_image"] = "input_image"
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


class AudioOut(WireObject):
    type: Literal["output_audio"] = "output_audio"
    transcript: str | None
    audio: str | None = None


Content = TextContent | AudioIn | ImageContent | AudioOut


class Message(WireObject):
    id: str
    object: Literal["realtime.item"] = "realtime.item"
    type: Literal["message"] = "message"
    status: ItemStatus
    role: Literal["system", "user", "assistant"]
    content: list[Content]


class FunctionCall(WireObject):
    id: str
    object: Literal["realtime.item"] = "realtime.item"
    type: Literal["function_call"] = "function_call"
    status: ItemStatus
    call_id: str
    name: str
    arguments: str


class FunctionCallOutput(WireObject):
    id: str
    object: Literal["realtime.item"] = "realtime.item"
    type: Literal["function_call_output"] = "function_call_output"
    status: ItemStatus = "completed"
    call_id: str
    output: str


ItemOut = Message | FunctionCall | FunctionCallOutput
