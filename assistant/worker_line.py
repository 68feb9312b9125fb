"""One session's dialogue on the worker thread: its orders, its replies, its snapshots.

Everything here runs in the worker thread, except `post` and `abandon`.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from ..models.dialogue import (
    AudioDelta,
    Dialogue,
    DialogueOptions,
    Item,
    Mark,
    Pcm,
    ReplyDone,
    ReplyOptions,
    SpeechModel,
    ToolResult,
    Unsupported,
)
from .core import events as core
from .worker_reply import AtWork, Reply, abandon, after_listening, event_of, reading

log = logging.getLogger(__name__)

Order = Callable[[], None]
MOST_AT_ONCE_S = 0.32
"""Waiting input is given to the model in pieces of at most this length."""
STEP_S = 0.02
"""Orders are carried out for about so long before it is the other lines' turn."""
BEHIND_S, BEHIND_ORDERS = 1.0, 64
"""Who has sent more than this ahead waits for those who have not."""


class WorkerLine:
    """See the module's text.

    Args:
        model: shared by all lines.
        tell: takes events for the session; safe to call from this thread.
        on_call: is told the kind and the seconds of each call of the model.
        on_sound: is told the seconds of sound of each part of a reply.
    """

    def __init__(
        self,
        model: SpeechModel,
        tell: Callable[[core.Event | AtWork], None],
        on_call: Callable[[str, float], None],
        on_sound: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._model = model
        self._tell = tell
        self._on_call = on_call
        self._on_sound = on_sound
        self._orders: deque[Order | Pcm] = deque()
        self._dialogue: Dialogue | None = None
        self._replies: dict[int, Reply] = {}
        self._last: Reply | None = None
        self._marks: dict[int, Mark] = {}
        self._prepared: dict[int, tuple[Mark, Reply | None]] = {}
        self._fault: str | None = None
        self._most = int(MOST_AT_ONCE_S * model.input_rate_hz)
        self._abandoned = False
        self._n_posted = self._n_taken = 0  # samples; each is written by one thread only

    # --- for the engine ----------------------------------------------------------------------

    def post(self, order: Order | Pcm) -> None:
        """Queue an order, or input to listen to."""
        if self._abandoned:
            return
        if not callable(order):
            self._n_posted += len(order)
        self._orders.append(order)

    def abandon(self) -> None:
        """Nobody waits for anything any more: nothing that waits is begun."""
        self._abandoned = True
        self._orders.clear()

    @property
    def n_orders(self) -> int:
        """How many orders and pieces of input wait."""
        return len(self._orders)

    @property
    def ready(self) -> bool:
        """There is something to do."""
        return bool(self._orders) or any(reply.parts for reply in self._replies.values())

    @property
    def awaited(self) -> bool:
        """Somebody waits for the first of a reply."""
        return any(reply.awaited for reply in self._replies.values())

    @property
    def behind(self) -> bool:
        """Far more was sent than could be taken in."""
        waiting = self._n_posted - self._n_taken
        return waiting > BEHIND_S * self._model.input_rate_hz or self.n_orders > BEHIND_ORDERS

    def step(self) -> None:
        """Waiting orders for STEP_S or up to a piece of listening, or one part of one reply."""
        if not self._orders:
            self._make_part()
            return
        until_s = time.perf_counter() + STEP_S
        while time.perf_counter() < until_s and (order := self._next_order()) is not None:
            if not callable(order):
                self._guarded(partial(self._listen, order))
                return
            self._guarded(order)

    def _next_order(self) -> Order | Pcm | None:
        """The oldest order; another thread may clear the queue at any moment."""
        try:
            return self._orders.popleft()
        except IndexError:
            return None

    # --- orders: the dialogue ----------------------------------------------------------------

    def open(self, options: DialogueOptions, unanswered: Sequence[Pcm]) -> None:
        """Begin, or begin afresh; what was wrong with the old dialogue is over."""
        self._close_replies()
        self._marks.clear()
        self._prepared.clear()
        self._last, self._fault = None, None
        with self._timed("open"):
            self._dialogue = self._model.open(options)
        self._listen_next(unanswered)

    def add(self, items: Sequence[Item], sounds: Sequence[Pcm]) -> None:
        """Items that did not come from the model; the user's sounds are listened to."""
        with self._timed("add"):
            for item in items:
                self._add(item)
        self._listen_next(sounds)

    def remember(self, mark: int) -> None:
        with self._timed("mark"):
            self._marks[mark] = self._main.mark()

    def rewind(self, mark: int) -> None:
        with self._timed("rewind"):
            self._main.rewind(self._marks[mark])

    def release(self, mark: int) -> None:
        self._marks.pop(mark, None)

    def truncate(self, generation: int, samples: int) -> None:
        """Cut the last reply; one that never spoke leaves nothing to cut (but the one before!)."""
        text = ""
        if self._last is not None and self._last.generation == generation and self._last.spoken:
            with self._timed("truncate"):
                text = self._main.truncate(samples)
        self._tell(core.DialogueTruncated(generation, samples, text))

    def transcribe(self, item_id: str, pcm: Pcm | None, language: str) -> None:
        """Write an item's sound down; `language` is the model's name of what is spoken in it."""
        try:
            if pcm is None:
                raise Unsupported("its sound is not kept any more")
            with self._timed("transcribe"):
                heard = self._model.transcribe(pcm, language)
        except Unsupported as error:
            self._tell(core.TranscribeFailed(item_id, str(error)))
        except Exception:  # a model's fault must not end the thread
            log.exception("the model failed to transcribe")
            self._tell(core.TranscribeFailed(item_id, "the model failed"))
        else:
            self._tell(core.Transcribed(item_id, heard.text, heard.language))

    def recognise(self, number: int, pcm: Pcm, language: str) -> None:
        """Write down what is being said; who asks goes on without an answer too."""
        try:
            with self._timed("transcribe"):
                heard = self._model.transcribe(pcm, language)
        except Unsupported:
            self._tell(core.Recognised(number))
        except Exception:  # a model's fault must not end the thread
            log.exception("the model failed to transcribe")
            self._tell(core.Recognised(number))
        else:
            self._tell(
                core.Recognised(number, heard.text, heard.language, heard.sure, heard.n_phones)
            )

    # --- orders: replies ---------------------------------------------------------------------

    def prepare(self, generation: int, options: ReplyOptions) -> None:
        if self._fault is None:
            with self._timed("mark"):
                self._prepared[generation] = (self._main.mark(), self._last)
        self.start(generation, options)

    def commit(self, generation: int) -> None:
        self._prepared.pop(generation, None)

    def drop(self, generation: int) -> None:
        """It never was; the reply before it is the last one again, and may still be cut."""
        self.cancel(generation)
        before = self._prepared.pop(generation, None)
        if before is not None:
            mark, self._last = before
            with self._timed("rewind"):
                self._main.rewind(mark)

    def start(self, generation: int, options: ReplyOptions) -> None:
        """Reply to the dialogue."""
        if self._fault is not None:
            self._tell(core.ReplyFailed(generation, self._fault))
            return
        self._close_replies()  # one may still wait for tools whose answers will never come
        reply = Reply(generation, self._main, options, self._main.reply(options))
        self._replies[generation] = self._last = reply

    def start_aside(
        self,
        generation: int,
        options: ReplyOptions,
        dialogue: DialogueOptions,
        unanswered: Sequence[Pcm],
    ) -> None:
        """Reply to something else, in a dialogue of its own."""
        try:
            other = self._model.open(dialogue)
        except Exception:  # a model's fault must not end the thread
            log.exception("the model failed to begin a reply")
            self._tell(core.ReplyFailed(generation, "the model failed to begin the reply"))
            return
        pieces = [piece for pcm in unanswered for piece in self._pieces(pcm)]
        parts = after_listening(other, pieces, options)
        self._replies[generation] = Reply(generation, other, options, parts)

    def read_aloud(self, generation: int, text: str, voice: str | None, rate: float) -> None:
        """Speak given words, outside the dialogue."""
        options = ReplyOptions(allow_tools=False)
        parts = reading(self._model, text, voice, rate)
        self._replies[generation] = Reply(generation, None, options, parts)

    def go_on(self, generation: int, results: Sequence[tuple[str, str]]) -> None:
        """The tools have answered."""
        reply = self._replies.get(generation)
        if reply is None or reply.dialogue is None:
            return
        for call_id, output in results:
            reply.dialogue.add(ToolResult(call_id, output))
        reply.parts, reply.spoken = reply.dialogue.reply(reply.options), False

    def cancel(self, generation: int) -> None:
        reply = self._replies.pop(generation, None)
        if reply is not None:
            abandon(reply)

    def close(self) -> None:
        """The session is over."""
        for generation in list(self._replies):
            self.cancel(generation)
        self._marks.clear()
        self._prepared.clear()
        self._dialogue = self._last = None

    # --- inside ------------------------------------------------------------------------------

    @property
    def _main(self) -> Dialogue:
        if self._dialogue is None:
            raise RuntimeError("the dialogue is not open")
        return self._dialogue

    def _add(self, item: Item) -> None:
        """A result that comes when nobody waits for it any more is not worth a failed turn."""
        try:
            self._main.add(item)
        except ValueError as error:
            if not isinstance(item, ToolResult):
                raise
            log.info("a late tool result is left out: %s", error)

    def _pieces(self, pcm: Pcm) -> list[Pcm]:
        """Sound [n] in pieces that hold nobody else up."""
        return [pcm[at : at + self._most] for at in range(0, len(pcm), self._most)]

    def _listen_next(self, sounds: Sequence[Pcm]) -> None:
        """Listen to these before anything else that waits."""
        pieces = [piece for pcm in sounds for piece in self._pieces(pcm)]
        self._n_taken -= sum(map(len, pieces))  # they are waiting from now on
        self._orders.extendleft(reversed(pieces))

    def _listen(self, first: Pcm) -> None:
        """Give the model what has come, in one piece of limited length."""
        pieces, n_samples = [first[: self._most]], min(len(first), self._most)
        if len(first) > self._most:
            self._orders.appendleft(first[self._most :])
        while n_samples < self._most and (following := self._next_order()) is not None:
            if callable(following):
                self._orders.appendleft(following)
                break
            pieces.append(following)
            n_samples += len(following)
        self._n_taken += n_samples
        with self._timed("listen"):
            self._main.listen(np.concatenate(pieces))

    def _make_part(self) -> None:
        """One part of the reply whose turn it is."""
        reply = next((reply for reply in self._replies.values() if reply.parts), None)
        if reply is None or reply.parts is None:
            return
        del self._replies[reply.generation]  # to the end of the queue
        self._replies[reply.generation] = reply
        try:
            with self._timed("part"):
                part = next(reply.parts, None)
        except Exception as error:  # a model's fault must not end the thread
            log.exception("the model failed in a reply")
            self._fail(reply, f"the model failed ({type(error).__name__})")
            return
        if isinstance(part, AudioDelta) and len(part.pcm) == 0:
            self._tell(AtWork(reply.generation))  # and this was a place to stop it
            return
        reply.made(part)
        if isinstance(part, AudioDelta):
            self._on_sound(len(part.pcm) / self._model.output_rate_hz)
        if part is None or isinstance(part, ReplyDone):
            self._done(reply, part)
        else:
            self._tell(event_of(reply.generation, part))

    def _done(self, reply: Reply, part: ReplyDone | None) -> None:
        """A model that just stops has completed its reply."""
        reply.parts = None
        if part is None or part.reason != "tool_calls":
            del self._replies[reply.generation]
        if part is None:
            self._tell(core.ReplyDone(reply.generation, "completed"))
        else:
            self._tell(event_of(reply.generation, part))

    def _fail(self, reply: Reply, message: str) -> None:
        self._replies.pop(reply.generation, None)
        self._tell(core.ReplyFailed(reply.generation, message))

    def _guarded(self, order: Order) -> None:
        """Carry out an order; when the model breaks, its replies fail until it is opened anew."""
        try:
            order()
        except Exception as error:  # a model's fault must not end the thread
            log.exception("the model failed outside a reply")
            self._fault = f"the model failed ({type(error).__name__})"
            for reply in [r for r in self._replies.values() if r.dialogue is self._dialogue]:
                self._fail(reply, self._fault)

    def _close_replies(self) -> None:
        """Stop what the dialogue is making; replies in dialogues of their own go on."""
        for reply in [r for r in self._replies.values() if r.dialogue is self._dialogue]:
            self.cancel(reply.generation)

    @contextmanager
    def _timed(self, call: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self._on_call(call, time.perf_counter() - begin)
