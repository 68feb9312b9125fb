"""The bridge to a model: asyncio on one side, one worker thread on the other.

    event loop                         |  worker thread, one for the model
    line.listen(pcm), line.do(effect) -+-> orders, in order, line by line
    deliver(event)        <------------+-- parts, one at a time, lines in turn

Each session has a Line. In each round every line gets one step: all its waiting orders, or one
part of its reply; so a cancel takes effect between two parts, and no session waits for another
one's whole reply. What a model throws fails that turn, never the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from functools import partial

from ..models.dialogue import Pcm, SpeechModel
from .core import effects as core
from .core.events import (
    Event,
    ReplyAudio,
    ReplyDone,
    ReplyFailed,
    ReplyHeard,
    ReplyText,
    ReplyToolCall,
)
from .core.settings import Settings
from .model_items import Sound, dialogue_options, new_item, reply_options, split_open_turn
from .worker_line import WorkerLine

log = logging.getLogger(__name__)

Deliver = Callable[[Event], None]
OnCall = Callable[[str, float], None]
JOIN_S = 5.0
_PROGRESS = (ReplyHeard, ReplyText, ReplyAudio, ReplyToolCall)


class Engine:
    """Runs one model for any number of sessions.

    Args:
        model: loaded already.
        stall_s: a reply without any part for so long has failed.
        on_call: is told (kind, seconds) after each call of the model, in the worker thread;
            kinds are "open", "listen", "part", "mark", "rewind", "truncate", "add",
            "transcribe".
    """

    def __init__(
        self, model: SpeechModel, stall_s: float = 30.0, on_call: OnCall | None = None
    ) -> None:
        self.model = model
        self.stall_s = stall_s
        self.on_call: OnCall = on_call or (lambda kind, seconds: None)
        self._lines: list[WorkerLine] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def line(self, deliver: Deliver, sound: Sound) -> Line:
        """A session's own line; `deliver` is called on the event loop, in order.

        Args:
            deliver: takes what the model says.
            sound: finds the user's sound of an item.
        """
        return Line(self, deliver, sound)

    async def close(self) -> None:
        """End the worker; a model that does not come back is left behind with its thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, JOIN_S)
        if self._thread.is_alive():
            log.warning("the model did not come back within %.0f s; its thread is left", JOIN_S)

    # --- for lines ---------------------------------------------------------------------------

    def attach(self, line: WorkerLine) -> None:
        with self._wake:
            self._lines.append(line)

    def detach(self, line: WorkerLine) -> None:
        with self._wake:
            self._lines.remove(line)

    def wake(self) -> None:
        """There are orders."""
        with self._wake:
            self._wake.notify()

    # --- the worker thread -------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._closing and not any(line.ready for line in self._lines):
                    self._wake.wait()
                if self._closing:
                    return
                lines = tuple(self._lines)
            for line in lines:
                if line.ready:
                    self._step(line)

    def _step(self, line: WorkerLine) -> None:
        try:
            line.step()
        except Exception:  # one line's trouble is not the others'
            log.exception("a step of the model's worker failed")


class Line:
    """One session's side of the engine. All methods belong to the event loop."""

    def __init__(self, engine: Engine, deliver: Deliver, sound: Sound) -> None:
        self.engine = engine
        self._deliver = deliver
        self._sound = sound
        self._loop = asyncio.get_running_loop()
        self._settings = Settings()
        self._stalls: dict[int, asyncio.TimerHandle] = {}
        self._closed = False
        self._worker = WorkerLine(engine.model, self._tell, engine.on_call)
        engine.attach(self._worker)

    def open(self, settings: Settings) -> None:
        """Open the dialogue."""
        self.do(core.RebuildDialogue(settings, ()))

    def listen(self, pcm: Pcm) -> None:
        """The user's next samples [n] at the model's input rate."""
        if len(pcm):
            self._worker.post(pcm)
            self.engine.wake()

    def do(self, effect: core.EngineEffect) -> None:
        """Carry out an effect; Listen and StopListening are the session's own."""
        self._post(effect)
        self.engine.wake()

    def transcribe(self, item_id: str) -> None:
        """Have an item's sound written down."""
        self._worker.post(partial(self._worker.transcribe, item_id, self._sound(item_id)))
        self.engine.wake()

    def close(self) -> None:
        """The session is over: nothing is delivered any more."""
        if self._closed:
            return
        self._closed = True
        for generation in list(self._stalls):
            self._unwatch(generation)
        self._worker.post(partial(self._end, self._worker))
        self.engine.wake()

    def _end(self, worker: WorkerLine) -> None:
        """In the worker thread: the last order of a line."""
        worker.close()
        self.engine.detach(worker)

    def _post(self, effect: core.EngineEffect) -> None:
        worker = self._worker
        if isinstance(effect, core.Remember):
            worker.post(partial(worker.remember, effect.mark))
        elif isinstance(effect, core.Rewind):
            worker.post(partial(worker.rewind, effect.mark))
        elif isinstance(effect, core.Release):
            worker.post(partial(worker.release, effect.mark))
        elif isinstance(effect, core.Truncate):
            worker.post(partial(worker.truncate, effect.generation, effect.samples))
        elif isinstance(effect, core.AddItem):
            items, sounds = new_item(effect.item, self._sound)
            worker.post(partial(worker.add, items, sounds))
        elif isinstance(effect, core.RebuildDialogue):
            self._rebuild(effect)
        elif isinstance(effect, core.Transcribe):
            self.transcribe(effect.item_id)
        else:
            self._post_reply(effect)

    def _post_reply(self, effect: core.EngineEffect) -> None:
        worker = self._worker
        if isinstance(effect, core.Prepare):
            options = reply_options(effect.spec)
            worker.post(partial(worker.prepare, effect.generation, options))
            self._watch(effect.generation)
        elif isinstance(effect, core.Commit):
            worker.post(partial(worker.commit, effect.generation))
        elif isinstance(effect, core.Drop):
            self._unwatch(effect.generation)
            worker.post(partial(worker.drop, effect.generation))
        elif isinstance(effect, core.StartReply):
            self._start(effect)
        elif isinstance(effect, core.ContinueReply):
            worker.post(partial(worker.go_on, effect.generation, effect.results))
            self._watch(effect.generation)
        elif isinstance(effect, core.CancelReply):
            self._unwatch(effect.generation)
            worker.post(partial(worker.cancel, effect.generation))

    def _rebuild(self, effect: core.RebuildDialogue) -> None:
        self._settings = effect.settings
        past, unanswered = split_open_turn(effect.items, self._sound)
        options = dialogue_options(effect.settings, self.engine.model, past)
        self._worker.post(partial(self._worker.open, options, unanswered))

    def _start(self, effect: core.StartReply) -> None:
        worker, options = self._worker, reply_options(effect.spec)
        if effect.spec.say is not None:
            voice = (
                self._settings.voice if self._settings.voice in self.engine.model.voices else None
            )
            worker.post(partial(worker.read_aloud, effect.generation, effect.spec.say, voice))
        elif effect.spec.context is None:
            worker.post(partial(worker.start, effect.generation, options))
        else:
            past, unanswered = split_open_turn(effect.spec.context, self._sound)
            dialogue = dialogue_options(self._settings, self.engine.model, past)
            worker.post(
                partial(worker.start_aside, effect.generation, options, dialogue, unanswered)
            )
        self._watch(effect.generation)

    # --- what comes back ---------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        """From the worker thread to the event loop; too late when that is gone."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrived, event)

    def _arrived(self, event: Event) -> None:
        if self._closed:
            return
        if isinstance(event, ReplyDone | ReplyFailed):
            self._unwatch(event.generation)
        elif isinstance(event, _PROGRESS) and event.generation in self._stalls:
            self._watch(event.generation)
        self._deliver(event)

    def _watch(self, generation: int) -> None:
        """The next part must come in time."""
        self._unwatch(generation)
        self._stalls[generation] = self._loop.call_later(
            self.engine.stall_s, self._stalled, generation
        )

    def _unwatch(self, generation: int) -> None:
        timer = self._stalls.pop(generation, None)
        if timer is not None:
            timer.cancel()

    def _stalled(self, generation: int) -> None:
        self._stalls.pop(generation, None)
        log.error("the model gave nothing for %.0f s; the reply has failed", self.engine.stall_s)
        self._worker.post(partial(self._worker.cancel, generation))
        self._deliver(ReplyFailed(generation, "the model did not answer in time"))
