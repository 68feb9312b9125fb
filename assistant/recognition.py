"""What is being said, asked of the model while it is being said.

The core asks (Recognise) for the words of a stretch of input that may not be whole yet; when it
is, the model writes it down. Only the newest question counts, and the answer has to come in
time: whoever is paused for it must not stay so because a model is slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .core.effects import Recognise
from .core.events import Event, Recognised
from .ears import Ears
from .engine import Line

PATIENCE_S = 2.0
"""So long the model may take; then the length of what was said decides."""


class Recognition:
    """Carries questions to the model.

    Args:
        ears: where the input is.
        line: the session's own to the model.
        happened: is told when no answer has come in time; answers come by the line.
    """

    def __init__(self, ears: Ears, line: Line, happened: Callable[[Event], None]) -> None:
        self._ears = ears
        self._line = line
        self._happened = happened
        self._loop = asyncio.get_running_loop()
        self._waiting: Recognise | None = None
        self._timed: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, question: Recognise) -> None:
        """Take a question; the one before it, if any, is dropped."""
        self.close()
        self._waiting = question
        self.go_on()

    def go_on(self) -> None:
        """There may be more input."""
        question = self._waiting
        if question is None or self._ears.end < question.end:
            return
        self._waiting = None
        self._line.recognise(question.number, self._ears.read(question.start, question.end))
        self._timed = question.number
        self._timer = self._loop.call_later(PATIENCE_S, self._happened, Recognised(question.number))

    def answered(self, number: int) -> None:
        """The model has said something, or time is up."""
        if number == self._timed:
            self._stop_timer()

    def close(self) -> None:
        """Nobody waits any more."""
        self._waiting = None
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
