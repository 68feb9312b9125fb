"""A reply under way on the worker thread, and what its parts are to the core."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..models.dialogue import (
    AudioDelta,
    Dialogue,
    Heard,
    Pcm,
    ReplyDone,
    ReplyOptions,
    ReplyPart,
    SpeechModel,
    TextDelta,
    ToolCall,
    Usage,
)
from .core import events as core
from .outlet import pcm16_of

_STILL_AT_WORK = AudioDelta(np.zeros(0, dtype=np.float32), 0)


@dataclass(frozen=True)
class AtWork:
    """A reply goes on, though nothing can be told of it yet."""

    generation: int


@dataclass
class Reply:
    """A reply being made; parts None while it waits for tools.

    spoken: words of it came in this round, so that the model has something to cut.
    begun: there is something for the user already: sound, or words where no sound is wanted.
    """

    generation: int
    dialogue: Dialogue | None
    options: ReplyOptions
    parts: Iterator[ReplyPart] | None
    spoken: bool = False
    begun: bool = False

    @property
    def awaited(self) -> bool:
        """It is being made, and the user still waits for the first of it."""
        return self.parts is not None and not self.begun

    def made(self, part: ReplyPart | None) -> None:
        """One more part has come."""
        self.spoken = self.spoken or isinstance(part, TextDelta | AudioDelta)
        audible = AudioDelta if self.options.audio else TextDelta | AudioDelta
        self.begun = self.begun or isinstance(part, audible)


def after_listening(
    dialogue: Dialogue, sounds: Sequence[Pcm], options: ReplyOptions
) -> Iterator[ReplyPart]:
    """A reply to pieces [n] of the user's sound, which can be left between two of them."""
    for pcm in sounds:
        dialogue.listen(pcm)
        yield _STILL_AT_WORK
    yield from dialogue.reply(options)


def reading(model: SpeechModel, text: str, voice: str | None, rate: float) -> Iterator[ReplyPart]:
    """Words read aloud, as a reply: they count as heard when they were heard to the end."""
    yield TextDelta(text, 0)
    yield from model.speak(text, voice, rate)
    yield ReplyDone("completed", Usage())


def abandon(reply: Reply) -> None:
    """Leave a reply between two parts."""
    close = getattr(reply.parts, "close", None)
    if close is not None:
        close()


def event_of(generation: int, part: ReplyPart) -> core.ReplyPart:
    """A model's part as the core's event."""
    if isinstance(part, Heard):
        return core.ReplyHeard(generation, part.transcript, part.language, part.complete)
    if isinstance(part, TextDelta):
        return core.ReplyText(generation, part.text, part.token_index)
    if isinstance(part, AudioDelta):
        return core.ReplyAudio(generation, pcm16_of(part.pcm), part.token_index)
    if isinstance(part, ToolCall):
        arguments = json.dumps(dict(part.arguments), ensure_ascii=False)
        return core.ReplyToolCall(
            generation,
            part.call_id,
            part.name,
            arguments,
            part.needs_result,
            part.language,
            part.confidence,
        )
    used = part.usage
    usage = core.UsageCount(
        used.input_text_tokens,
        used.input_audio_tokens,
        used.output_text_tokens,
        used.output_audio_tokens,
    )
    return core.ReplyDone(generation, part.reason, usage)
