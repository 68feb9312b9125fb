"""From what clients send to the core's own terms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...streaming.endpoint import EndpointSettings
from ...streaming.frames import Pcm
from ...streaming.patience import Patience
from ..core import items as core
from ..core.bargein import YIELDING
from ..core.settings import ResponseOptions, Settings, Tool
from ..languages import AUTO
from ..session import SessionSettings
from . import items as wire
from .client_events import ResponseSettings
from .faults import PeerFault
from .session_object import SessionObject, UsualTurns, check_tools
from .settings import (
    AudioFormat,
    ForcedFunction,
    FunctionTool,
    SemanticVad,
    ServerVad,
    ToolChoice,
    TurnDetection,
    rate_hz,
)
from .sound import whole_sound

# What the endpointer can do; a client's wish outside is served by the nearest.
_SILENCE_RANGE_MS = (100, 2000)
_LEAST_THRESHOLD = 0.05
MOST_ITEM_TEXT = 8000
"""Characters of one item: the model takes an item in one go, and everybody waits for it."""


# --- settings --------------------------------------------------------------------------------


def session_settings(session: SessionObject, base: SessionSettings) -> SessionSettings:
    """The whole of `session` in our terms; `base` gives what the wire does not speak of."""
    turns = session.audio.input.turn_detection
    core_settings = replace(
        _interruptions(turns, _preset(session, base.core)),
        turn_detection=turns is not None,
        create_response=turns.create_response if turns else False,
        transcribe=session.audio.input.transcription is not None,
        modality=session.output_modalities[0],
        instructions=session.instructions,
        voice=session.audio.output.voice,
        speaking_rate=session.audio.output.speed,
        language=_spoken(session),
        tools=_tools(session.tools),
        tool_choice=_tool_choice(session.tool_choice),
        max_output_tokens=_token_limit(session.max_output_tokens),
    )
    return replace(
        base,
        core=core_settings,
        endpoint=_endpoint(turns, base.endpoint),
        patience=_patience(turns, base.patience),
        output_rate_hz=rate_hz(session.audio.output.format),
        written_language=_written(session),
        idle_timeout_ms=turns.idle_timeout_ms if isinstance(turns, ServerVad) else None,
    )


def _spoken(session: SessionObject) -> str:
    """What the person speaks; a dialect says more than a language."""
    said = (session.dialect, session.language)
    return next((one for one in said if one is not None and one != AUTO), AUTO)


def usual_turns(base: SessionSettings) -> UsualTurns:
    """What is announced before a client has asked for anything: the daemon's own settings."""
    interrupt = base.core.interrupt_response and _yields(base.core)
    return UsualTurns(
        by_silence=ServerVad(
            threshold=base.endpoint.on_threshold,
            prefix_padding_ms=base.endpoint.prefix_padding_ms,
            silence_duration_ms=base.endpoint.silence_ms,
            idle_timeout_ms=base.idle_timeout_ms,
            create_response=base.core.create_response,
            interrupt_response=interrupt,
        ),
        by_meaning=SemanticVad(
            type="semantic_vad",
            eagerness=base.patience.eagerness,
            create_response=base.core.create_response,
            interrupt_response=interrupt,
        ),
        detection=base.patience.detection,
    )


def _written(session: SessionObject) -> str:
    """What is spoken in the sound to be written down."""
    transcription = session.audio.input.transcription
    return (transcription.language if transcription else None) or _spoken(session)


def _yields(settings: Settings) -> bool:
    """Whether this preset lets speech stop a reply."""
    return settings.barge_in in YIELDING


def _preset(session: SessionObject, base: Settings) -> Settings:
    """What speech does to a reply, as the client wants it or else the daemon."""
    return base if session.barge_in is None else replace(base, barge_in=session.barge_in)


def _interruptions(turns: TurnDetection | None, base: Settings) -> Settings:
    """What speech does to a reply: the daemon's preset, unless the client wants the contrary."""
    if turns is None:
        return replace(base, interrupt_response=False)
    if _yields(base):
        return replace(base, interrupt_response=turns.interrupt_response)
    return replace(base, barge_in="polite") if turns.interrupt_response else base


def _endpoint(turns: TurnDetection | None, base: EndpointSettings) -> EndpointSettings:
    if not isinstance(turns, ServerVad):
        return base
    least, most = _SILENCE_RANGE_MS
    threshold = max(turns.threshold, _LEAST_THRESHOLD)
    return replace(
        base,
        on_threshold=threshold,
        off_threshold=threshold * 0.7,
        prefix_padding_ms=turns.prefix_padding_ms,
        silence_ms=min(max(turns.silence_duration_ms, least), most),
    )


def _patience(turns: TurnDetection | None, base: Patience) -> Patience:
    if isinstance(turns, SemanticVad):
        return replace(base, detection="semantic", eagerness=turns.eagerness)
    return replace(base, detection="silence")


def _tools(tools: Sequence[FunctionTool]) -> tuple[Tool, ...]:
    return tuple(
        Tool(tool.name, tool.description or "", json.dumps(tool.parameters or {})) for tool in tools
    )


def _tool_choice(choice: ToolChoice) -> str:
    return choice.name if isinstance(choice, ForcedFunction) else choice


def _token_limit(limit: int | str) -> int | None:
    return limit if isinstance(limit, int) else None


# --- responses -------------------------------------------------------------------------------


def response_options(asked: ResponseSettings, session: SessionObject) -> ResponseOptions:
    """What a response.create asks for. Raises PeerFault for tools that cannot be."""
    tools = None if asked.tools is None else _tools(asked.tools)
    choice = None if asked.tool_choice is None else _tool_choice(asked.tool_choice)
    check_tools(
        session.tools if asked.tools is None else asked.tools,
        session.tool_choice if asked.tool_choice is None else asked.tool_choice,
        "response",
    )
    return ResponseOptions(
        modality=asked.output_modalities[0] if asked.output_modalities else None,
        instructions=asked.instructions,
        tools=tools,
        tool_choice=choice,
        max_output_tokens=None
        if asked.max_output_tokens is None
        else _token_limit(asked.max_output_tokens),
        in_conversation=asked.conversation != "none",
        input_ids=_references(asked),
        metadata=tuple((asked.metadata or {}).items()),
    )


def _references(asked: ResponseSettings) -> tuple[str, ...] | None:
    if asked.input is None:
        return None
    return tuple(item.id for item in asked.input if isinstance(item, wire.ItemReference))


# --- items -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class IncomingItem:
    """An item with its sound [n] at rate_hz, which items of the core do not carry."""

    item: core.Item
    sound: Pcm | None
    rate_hz: int


def incoming_item(
    given: wire.AnyItemIn, audio_format: AudioFormat, input_rate_hz: int, param: str
) -> IncomingItem:
    """A client's item; an id it did not choose is left to the core.

    Args:
        given: the item.
        audio_format: of its sound.
        input_rate_hz: rate of the core's own lengths.
        param: where the item stands in its event, for errors.
    Raises:
        PeerFault: its sound cannot be read.
    """
    item_id, rate = given.id or "", rate_hz(audio_format)
    if isinstance(given, wire.FunctionCallIn):
        call = core.CallItem(item_id, given.call_id or "", given.name, given.arguments)
        return IncomingItem(call, None, rate)
    if isinstance(given, wire.FunctionCallOutputIn):
        output = core.CallOutputItem(item_id, given.call_id, given.output)
        return IncomingItem(output, None, rate)
    parts: list[core.Content] = []
    sound: Pcm | None = None
    for index, part in enumerate(given.content):
        if isinstance(part, wire.InputAudio):
            if sound is not None:
                where = f"{param}.content.{index}"
                raise PeerFault("invalid_value", "a message holds one piece of sound", where)
            sound = whole_sound(part.audio, audio_format, f"{param}.content.{index}.audio")
            n_samples = round(len(sound) * input_rate_hz / rate)
            parts.append(core.InputAudio(n_samples, part.transcript))
        else:
            parts.append(_silent_part(part))
    return IncomingItem(core.MessageItem(item_id, given.role, tuple(parts)), sound, rate)


def picture_in(item: core.Item) -> int | None:
    """Which part of a message is its first picture; None where there is none."""
    parts = item.content if isinstance(item, core.MessageItem) else ()
    places = (place for place, part in enumerate(parts) if isinstance(part, core.InputImage))
    return next(places, None)


def check_length(item: core.Item, param: str) -> None:
    """Refuse more text than a model can take in without holding up everybody else.

    Raises:
        PeerFault: below `param`.
    """
    parts = item.content if isinstance(item, core.MessageItem) else ()
    pictures = sum(_part_weight(part) for part in parts if isinstance(part, core.InputImage))
    n_characters = weight(item) - pictures
    if n_characters > MOST_ITEM_TEXT:
        message = f"{n_characters} characters are too many for one item; at most {MOST_ITEM_TEXT}"
        raise PeerFault("invalid_value", message, param)


def weight(item: core.Item) -> int:
    """Characters an item takes; sound is kept elsewhere and gives way by itself."""
    if isinstance(item, core.CallItem):
        return len(item.arguments)
    if isinstance(item, core.CallOutputItem):
        return len(item.output)
    return sum(_part_weight(part) for part in item.content)


def _part_weight(part: core.Content) -> int:
    if isinstance(part, core.InputImage):
        return len(part.image_url)
    if isinstance(part, core.InputText | core.OutputText):
        return len(part.text)
    return len(part.transcript or "")


def _silent_part(part: wire.InputText | wire.InputImage | wire.OutputText) -> core.Content:
    if isinstance(part, wire.InputImage):
        return core.InputImage(part.image_url, part.detail or "auto")
    if isinstance(part, wire.OutputText):
        return core.OutputText(part.text)
    return core.InputText(part.text)
