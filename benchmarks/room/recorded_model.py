"""What takes the model's place: recordings for replies, real ears where words matter.

The session's line to the model and the worker behind it are the daemon's own
(assistant/engine.py, worker_line.py); only the worker's thread is not: orders are carried out in
virtual time, `THINK_S` after the first of them came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

from vivavoce.assistant.core.events import Event
from vivavoce.assistant.engine import Engine, Line
from vivavoce.assistant.worker_line import WorkerLine
from vivavoce.models.dialogue import (
    AudioDelta,
    DialogueOptions,
    Item,
    Mark,
    ReplyDone,
    ReplyOptions,
    ReplyPart,
    SpeechModel,
    TextDelta,
    Transcript,
    Unsupported,
    Usage,
)
from vivavoce.streaming.frames import Pcm

from .voices import REPLY_HZ

THINK_S = 0.06
"""From asking the model to its answer: nano's ears take a twentieth of the sound's length."""
PIECE = REPLY_HZ // 10


class RecordedModel:
    """Says recordings, and writes down what it hears with the ears of another model.

    Args:
        replies: what is said [m] at REPLY_HZ, one after another.
        ears: None: it understands nothing.
    """

    name = "recorded"
    voices = ("recorded",)
    languages = ("en",)
    modalities = ("audio", "text")
    calls_functions = False
    changes_rate = False
    input_rate_hz = 16_000
    output_rate_hz = REPLY_HZ

    def __init__(self, replies: Iterator[Pcm], ears: SpeechModel | None = None) -> None:
        self._replies = replies
        self._ears = ears

    def open(self, options: DialogueOptions | None = None) -> RecordedDialogue:
        return RecordedDialogue(self)

    def transcribe(self, pcm: Pcm, language: str = "auto") -> Transcript:
        if self._ears is None:
            raise Unsupported("recordings understand nothing")
        return self._ears.transcribe(pcm)

    def speak(self, text: str, voice: str | None = None, rate: float = 1.0) -> Iterator[AudioDelta]:
        pcm = next(self._replies)
        for at in range(0, len(pcm), PIECE):
            yield AudioDelta(pcm[at : at + PIECE], 0)


class RecordedDialogue:
    """A dialogue that remembers nothing."""

    def __init__(self, model: RecordedModel) -> None:
        self._model = model

    def listen(self, pcm: Pcm) -> None:
        pass

    def mark(self) -> Mark:
        return cast(Mark, None)

    def rewind(self, mark: Mark) -> None:
        pass

    def add(self, item: Item) -> None:
        pass

    def reply(self, options: ReplyOptions | None = None) -> Iterator[ReplyPart]:
        yield TextDelta("so", 0)
        yield from self._model.speak("so")
        yield ReplyDone("completed", Usage())

    def truncate(self, samples_heard: int) -> str:
        return ""


class RoomEngine:
    """An engine without a thread; see assistant/engine.py.

    Args:
        model: answers.
    """

    stall_s = 30.0

    def __init__(self, model: SpeechModel) -> None:
        self.model = model
        self.on_call: Callable[[str, float], None] = lambda kind, seconds: None
        self.on_sound: Callable[[float], None] = lambda seconds: None
        self._workers: list[WorkerLine] = []
        self._at_work: asyncio.TimerHandle | None = None

    def line(self, deliver: Callable[[Event], None], sound: Any) -> Line:
        """A session's own line."""
        return Line(cast(Engine, self), deliver, sound)

    def attach(self, worker: WorkerLine) -> None:
        self._workers.append(worker)

    def detach(self, worker: WorkerLine) -> None:
        worker.abandon()
        self._workers.remove(worker)
        worker.close()

    def wake(self) -> None:
        """There are orders: they will be carried out a little later."""
        if self._at_work is None:
            self._at_work = asyncio.get_running_loop().call_later(THINK_S, self._work)

    def _work(self) -> None:
        self._at_work = None
        for worker in self._workers:
            while worker.ready:
                worker.step()
