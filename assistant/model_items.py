"""From the core's items and settings to what a model's dialogue takes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..models.dialogue import (
    DialogueOptions,
    Item,
    Message,
    Pcm,
    ReplyOptions,
    SpeechModel,
    ToolCall,
    ToolResult,
    UserAudio,
    UserPicture,
)
from .core import items as core
from .core.effects import ReplySpec
from .core.settings import Settings, Tool
from .languages import AUTO, known_language

MOST_SOUNDS = 4
Sound = Callable[[str], Pcm | None]
"""The user's sound of an item, float32 [n] at the model's input rate; None when it is gone."""


def dialogue_options(
    settings: Settings, model: SpeechModel, history: Sequence[Item]
) -> DialogueOptions:
    """How a dialogue starts under these settings."""
    return DialogueOptions(
        voice=settings.voice if settings.voice in model.voices else None,
        language=known_language(settings.language, model.languages) or AUTO,
        instructions=settings.instructions,
        tools=[_tool(tool) for tool in settings.tools],
        history=history,
    )


def reply_options(spec: ReplySpec) -> ReplyOptions:
    """How one reply is made."""
    tools = None if spec.tools is None else [_tool(tool) for tool in spec.tools]
    return ReplyOptions(
        audio=spec.audio,
        max_tokens=spec.max_tokens,
        instructions=spec.instructions,
        allow_tools=spec.allow_tools,
        tools=tools,
        speaking_rate=spec.speaking_rate,
    )


def model_items(item: core.Item, sound: Sound) -> list[Item]:
    """What the model is to know of an item; several things, or nothing."""
    if isinstance(item, core.CallItem):
        return [ToolCall(item.call_id, item.name, arguments_of(item.arguments), True)]
    if isinstance(item, core.CallOutputItem):
        return [ToolResult(item.call_id, item.output)]
    spoken = [part for part in item.content if isinstance(part, core.InputAudio)]
    pcm = sound(item.id) if spoken else None
    seen: list[Item] = [
        UserPicture([picture_of(part.image_url)])
        for part in item.content
        if isinstance(part, core.InputImage)
    ]
    if pcm is not None:
        return [*seen, UserAudio(pcm, spoken[0].transcript)]
    text = " ".join(filter(None, map(_text, item.content))).strip()
    return [*seen, Message(item.role, text)] if text else seen


def split_open_turn(items: Sequence[core.Item], sound: Sound) -> tuple[list[Item], list[Pcm]]:
    """The settled past, and the user's sounds at its end that nobody has answered yet.

    The model is to listen to those, not to remember them: then it can answer them. Of the past
    only the newest sounds are given as sound, the others as what was understood of them.
    """
    spoken = [item.id for item in items if isinstance(item, core.MessageItem)]
    recent = set(spoken[-2 * MOST_SOUNDS :])

    def recent_sound(item_id: str) -> Pcm | None:
        return sound(item_id) if item_id in recent else None

    past = _with_timely_results(made for item in items for made in model_items(item, recent_sound))
    unanswered: list[Pcm] = []
    while past and isinstance(last := past[-1], UserAudio):
        unanswered.insert(0, last.pcm)
        past.pop()
    return past, unanswered


def new_item(item: core.Item, sound: Sound) -> tuple[list[Item], list[Pcm]]:
    """An item that comes after all the others: what to remember of it, and what to listen to."""
    made = model_items(item, sound)
    sounds = [thing.pcm for thing in made if isinstance(thing, UserAudio)]
    return [thing for thing in made if not isinstance(thing, UserAudio)], sounds


def _with_timely_results(items: Iterable[Item]) -> list[Item]:
    """Without results that came when the conversation had already gone on from their call."""
    kept: list[Item] = []
    waiting: set[str] = set()
    for item in items:
        if isinstance(item, ToolCall):
            waiting.add(item.call_id)
        elif not isinstance(item, ToolResult):
            waiting.clear()
        elif item.call_id not in waiting:
            continue
        kept.append(item)
    return kept


def picture_of(url: str) -> bytes:
    """The file in a data: URI; the wire has checked its form."""
    return base64.b64decode(url.partition(",")[2])


def arguments_of(text: str) -> dict[str, Any]:
    """A call's arguments from JSON text; what is not an object counts as none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": arguments_of(tool.parameters),
    }


def _text(part: core.Content) -> str:
    """The words of a part; sound that is gone is remembered by its transcript."""
    if isinstance(part, core.InputText | core.OutputText):
        return part.text
    if isinstance(part, core.InputAudio | core.OutputAudio):
        return part.transcript or ""
    return ""
