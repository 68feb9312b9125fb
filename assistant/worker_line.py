"""One session's dialogue on the worker thread: its orders, its replies, its snapshots.

Everything here runs in the worker thread, except `post`.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ..models.dialogue import (
    AudioDelta,
    Dialogue,
    DialogueOptions,
    Heard,
    Item,
    Mark,
    Pcm,
    ReplyDone,
    ReplyOptions,
    ReplyPart,
    SpeechModel,
    TextDelta,
    ToolCall,
    ToolResult,
    Unsupported,
    Usage,
)
from .core import events as core
from .outlet import pcm16_of

log = logging.getLogger(__name__)

Order = Callable[[], None]
MOST_AT_ONCE_S = 0.32
"""Waiting input is given to the model in pieces of at most this length."""


@dataclass
class Reply:
    """A reply being made; parts None while it waits for tools.

    spoken: words of it came in this round, so that the model has something to cut.
    """

    generation: int
    dialogue: Dialogue | None
    options: ReplyOptions
    parts: Iterator[ReplyPart] | None
    spoken: bool = False


class WorkerLine:
    """See the module's text.

    Args:
        model: shared by all lines.
        tell: takes events for the session; safe to call from this thread.
        on_call: is told the kind and the seconds of each call of the model.
    """

    def __init__(
        self,
        model: SpeechModel,
        tell: Callable[[core.Event], None],
        on_call: Callable[[str, float], None],
    ) -> None:
        self._model = model
        self._tell = tell
        self._on_call = on_call
        self._orders: deque[Order | Pcm] = deque()
        self._dialogue: Dialogue | None = None
        self._replies: dict[int, Reply] = {}
        self._last: Reply | None = None
        self._marks: dict[int, Mark] = {}
        self._prepared: dict[int, Mark] = {}
        self._fault: str | None = None
        self._most = int(MOST_AT_ONCE_S * model.input_rate_hz)

    # --- for the engine ----------------------------------------------------------------------

    def post(self, order: Order | Pcm) -> None:
        """Queue an order, or input to listen to. The one method for other threads."""
        self._orders.append(order)

    @property
    def ready(self) -> bool:
        """There is something to do."""
        return bool(self._orders) or any(reply.parts for reply in self._replies.values())

    def step(self) -> None:
        """All waiting orders up to a piece of listening, or one part of one reply."""
        if not self._orders:
            self._make_part()
            return
        while self._orders:
            order = self._orders.popleft()
            if callable(order):
                self._guarded(order)
            else:
                self._guarded(lambda pcm=order: self._listen(pcm))  # type: ignore[misc]
                return

    # --- orders: the dialogue ----------------------------------------------------------------

    def open(self, options: DialogueOptions, unanswered: Sequence[Pcm]) -> None:
        """Begin, or begin afresh; what was wrong with the old dialogue is over."""
        self._close_replies()
        self._marks.clear()
        self._prepared.clear()
        self._last, self._fault = None, None
        with self._timed("open"):
            self._dialogue = self._open(options, unanswered)

    def add(self, items: Sequence[Item], sounds: Sequence[Pcm]) -> None:
        """Items that did not come from the model; the user's sounds are listened to."""
        with self._timed("add"):
            for item in items:
                self._add(item)
            for pcm in sounds:
                self._main.listen(pcm)

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

    def transcribe(self, item_id: str, pcm: Pcm | None) -> None:
        """Write an item's sound down."""
        try:
            if pcm is None:
                raise Unsupported("its sound is not kept any more")
            with self._timed("transcribe"):
                heard = self._model.transcribe(pcm)
        except Unsupported as error:
            self._tell(core.TranscribeFailed(item_id, str(error)))
        except Exception:  # a model's fault must not end the thread
            log.exception("the model failed to transcribe")
            self._tell(core.TranscribeFailed(item_id, "the model failed"))
        else:
            self._tell(core.Transcribed(item_id, heard.text, heard.language))

    # --- orders: replies ---------------------------------------------------------------------

    def prepare(self, generation: int, options: ReplyOptions) -> None:
        if self._fault is None:
            with self._timed("mark"):
                self._prepared[generation] = self._main.mark()
        self.start(generation, options)

    def commit(self, generation: int) -> None:
        self._prepared.pop(generation, None)

    def drop(self, generation: int) -> None:
        self.cancel(generation)
        mark = self._prepared.pop(generation, None)
        if mark is not None:
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
            other = self._open(dialogue, unanswered)
            self._replies[generation] = Reply(generation, other, options, other.reply(options))
        except Exception:  # a model's fault must not end the thread
            log.exception("the model failed to begin a reply")
            self._tell(core.ReplyFailed(generation, "the model failed to begin the reply"))

    def read_aloud(self, generation: int, text: str, voice: str | None) -> None:
        """Speak given words, outside the dialogue."""
        options = ReplyOptions(allow_tools=False)
        parts = _reading(self._model, text, voice)
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
            _abandon(reply)

    def close(self) -> None:
        self._close_replies()
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

    def _open(self, options: DialogueOptions, unanswered: Sequence[Pcm]) -> Dialogue:
        dialogue = self._model.open(options)
        for pcm in unanswered:
            dialogue.listen(pcm)
        return dialogue

    def _listen(self, first: Pcm) -> None:
        """Give the model what has come, in one piece of limited length."""
        pieces, n_samples = [first], len(first)
        while self._orders and n_samples < self._most:
            following = self._orders[0]
            if callable(following):
                break
            pieces.append(following)
            n_samples += len(following)
            self._orders.popleft()
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
            return  # the model is at work; this was a place to stop it
        reply.spoken = reply.spoken or isinstance(part, TextDelta | AudioDelta)
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


def event_of(generation: int, part: ReplyPart) -> core.ReplyPart:
    """A model's part as the core's event."""
    if isinstance(part, Heard):
        return core.ReplyHeard(generation, part.transcript, part.language)
    if isinstance(part, TextDelta):
        return core.ReplyText(generation, part.text, part.token_index)
    if isinstance(part, AudioDelta):
        return core.ReplyAudio(generation, pcm16_of(part.pcm), part.token_index)
    if isinstance(part, ToolCall):
        arguments = json.dumps(dict(part.arguments), ensure_ascii=False)
        return core.ReplyToolCall(generation, part.call_id, part.name, arguments, part.needs_result)
    used = part.usage
    usage = core.UsageCount(
        used.input_text_tokens,
        used.input_audio_tokens,
        used.output_text_tokens,
        used.output_audio_tokens,
    )
    return core.ReplyDone(generation, part.reason, usage)


def _reading(model: SpeechModel, text: str, voice: str | None) -> Iterator[ReplyPart]:
    """Words read aloud, as a reply: they count as heard when they were heard to the end."""
    yield TextDelta(text, 0)
    yield from model.speak(text, voice)
    yield ReplyDone("completed", Usage())


def _abandon(reply: Reply) -> None:
    """Leave a reply between two parts."""
    close = getattr(reply.parts, "close", None)
    if close is not None:
        close()
