"""The core's items as the client sees them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from ..core import items as core
from . import items as wire


@dataclass(frozen=True)
class ItemSound:
    """An item's sound as bytes in the session's format for that direction."""

    data: bytes

    def text(self) -> str:
        return base64.b64encode(self.data).decode("ascii")


def item_out(item: core.Item, sound: ItemSound | None = None) -> wire.ItemOut:
    """`item` for the wire; its sound goes into its audio part, if it has one."""
    if isinstance(item, core.CallItem):
        return wire.FunctionCall(
            id=item.id,
            status=item.status,
            call_id=item.call_id,
            name=item.name,
            arguments=item.arguments,
        )
    if isinstance(item, core.CallOutputItem):
        return wire.FunctionCallOutput(
            id=item.id, status=item.status, call_id=item.call_id, output=item.output
        )
    return wire.Message(
        id=item.id,
        status=item.status,
        role=item.role,
        content=[_content_out(part, sound) for part in item.content],
    )


def _content_out(part: core.Content, sound: ItemSound | None) -> wire.Content:
    audio = sound.text() if sound else None
    if isinstance(part, core.InputAudio):
        return wire.AudioIn(transcript=part.transcript, audio=audio)
    if isinstance(part, core.OutputAudio):
        return wire.AudioOut(transcript=part.transcript, audio=audio)
    if isinstance(part, core.InputImage):
        fields = {"image_url": part.image_url, "detail": part.detail}
        return wire.ImageContent.model_validate(fields)
    if isinstance(part, core.InputText):
        return wire.TextContent(type="input_text", text=part.text)
    return wire.TextContent(type="output_text", text=part.text)
