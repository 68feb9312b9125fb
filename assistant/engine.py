"""The bridge to a model: asyncio on one side, one worker thread on the other.

    event loop                         |  worker thread, one for the model
    line.listen(pcm), line.do(effect) -+-> orders, in order, line by line
    deliver(event)        <------------+-- parts, one at a time, lines in turn

Each session has a Line. In each round every line gets one step: a few of its waiting orders, or
one part of its reply; so a cancel takes effect between two parts, and no session waits for
another one's whole reply. While somebody waits for the first sound of a reply, a line that has
sent far more than could be taken in gets every fourth round only. What a model throws fails that
turn, never the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
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
from .languages import AUTO, known_language
from .model_items import Sound, dialogue_options, new_item, reply_options, split_open_turn
from .worker_line import WorkerLine
from .worker_reply import AtWork

log = logging.getLogger(__name__)

Deliver = Callable[[Event], None]
OnCall = Callable[[str, float], None]
JOIN_S = 5.0
BUSY_S = 10.0
"""A round that takes longer than this leaves everybody waiting."""
BEHIND_ROUNDS = 4
_PROGRESS = (ReplyHeard, ReplyText, ReplyAudio, ReplyToolCall)


class Engine:
    """Runs one model for any number of sessions.

    Args:
        model: loaded already.
        stall_s: a reply without any part for so long has failed.
        on_call: is told (kind, seconds) after each call of the model, in the worker thread;
            kinds are "open", "listen", "part", "mark", "rewind", "truncate", "add",
            "transcribe".
        on_sound: is told the seconds of sound of each part of a reply, in the worker thread.
    """

    def __init__(
        self,
        model: SpeechModel,
        stall_s: float = 30.0,
        on_call: OnCall | None = None,
        on_sound: Callable[[float], None] | None = None,
    ) -> None:
        self.model = model
        self.stall_s = stall_s
        self.on_call: OnCall = on_call or (lambda kind, seconds: None)
        self.on_sound = on_sound or (lambda seconds: None)
        self._lines: list[WorkerLine] = []
        self._left: list[WorkerLine] = []
        self._n_rounds = 0
        self._round_began_s: float | None = None
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

    async def close(self) -> bool:
        """End the worker; False when the model did not come back: its thread is left behind."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, JOIN_S)
        if self._thread.is_alive():
            log.warning("the model did not come back within %.0f s; its thread is left", JOIN_S)
        return not self._thread.is_alive()

    def troubles(self) -> Sequence[str]:
        """Why nobody can be served just now; empty when all is well."""
        if not self._thread.is_alive():
            return ["the model's thread has ended"]
        began_s = self._round_began_s
        if began_s is not None and time.monotonic() - began_s > BUSY_S:
            return ["the model is busy and does not come back"]
        return []

    def n_waiting(self) -> int:
        """How many orders and pieces of input wait for the model, of all lines."""
        return sum(line.n_orders for line in tuple(self._lines))

    # --- for lines ---------------------------------------------------------------------------

    def attach(self, line: WorkerLine) -> None:
        with self._wake:
            self._lines.append(line)

    def detach(self, line: WorkerLine) -> None:
        """Nothing of this line is done any more, except to let go of what it holds."""
        line.abandon()
        with self._wake:
            self._lines.remove(line)
            self._left.append(line)
            self._wake.notify()

    def wake(self) -> None:
        """There are orders."""
        with self._wake:
            self._wake.notify()

    # --- the worker thread -------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._wake:
                while not (self._closing or self._left or any(x.ready for x in self._lines)):
                    self._wake.wait()
                if self._closing:
                    return
                lines, left = tuple(self._lines), tuple(self._left)
                self._left.clear()
            for line in left:
                self._guarded(line.close)
            self._round_began_s = time.monotonic()
            self._round([line for line in lines if line.ready])
            self._round_began_s = None

    def _round(self, lines: Sequence[WorkerLine]) -> None:
        """A step for each line; first for those that somebody waits for."""
        self._n_rounds += 1
        hurry = any(line.awaited and not line.behind for line in lines)
        for line in sorted(lines, key=lambda line: not line.awaited):
            if not (hurry and line.behind and self._n_rounds % BEHIND_ROUNDS):
                self._guarded(line.step)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # one line's trouble is not the others'
            log.exception("a step of the model's worker failed")


class Line:
    """One session's side of the engine. All methods belong to the event loop.

    written_language: what is spoken in sound that is to be written down, or AUTO.
    """

    def __init__(self, engine: Engine, deliver: Deliver, sound: Sound) -> None:
        self.engine = engine
        self._deliver = deliver
        self._sound = sound
        self._loop = asyncio.get_running_loop()
        self._settings = Settings()
        self._stalls: dict[int, asyncio.TimerHandle] = {}
        self._closed = False
        self.written_language = AUTO
        self._worker = WorkerLine(engine.model, self._tell, engine.on_call, engine.on_sound)
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

    def recognise(self, number: int, pcm: Pcm) -> None:
        """Have input [n] at the model's rate written down; a Recognised of this number comes."""
        language = known_language(self._settings.language, self.engine.model.languages) or AUTO
        self._worker.post(partial(self._worker.recognise, number, pcm, language))
        self.engine.wake()

    def transcribe(self, item_id: str) -> None:
        """Have an item's sound written down."""
        language = known_language(self.written_language, self.engine.model.languages) or AUTO
        self._worker.post(partial(self._worker.transcribe, item_id, self._sound(item_id), language))
        self.engine.wake()

    def close(self) -> None:
        """The session is over: nothing is delivered any more, nothing that waits is begun."""
        if self._closed:
            return
        self._closed = True
        for generation in list(self._stalls):
            self._unwatch(generation)
        self.engine.detach(self._worker)

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
            say, rate = effect.spec.say, effect.spec.speaking_rate
            worker.post(partial(worker.read_aloud, effect.generation, say, voice, rate))
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

    def _tell(self, event: Event | AtWork) -> None:
        """From the worker thread to the event loop; too late when that is gone."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrived, event)

    def _arrived(self, event: Event | AtWork) -> None:
        if self._closed:
            return
        if isinstance(event, AtWork):
            if event.generation in self._stalls:
                self._watch(event.generation)
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
