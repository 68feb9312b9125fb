"""What must hold for every conversation, whatever happens: watched effect by effect.

`Referee.watch(event, effects)` asserts it. It knows the core's contract, not its inside:
notices of a response nest and end once, sound stays within what was generated, a model is only
asked for what its dialogue can do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import events as ev
from vivavoce.assistant.core import notices as no
from vivavoce.assistant.core.items import CallItem, MessageItem, OutputAudio


@dataclass
class OpenResponse:
    """A response the client was told of and not yet of its end."""

    in_conversation: bool
    stack: list[tuple[str, str]] = field(default_factory=list)
    deltas: dict[str, str] = field(default_factory=dict)
    audio_done: bool = False


class Referee:
    """See the module's text."""

    def __init__(self) -> None:
        self.responses: dict[str, OpenResponse] = {}
        self.ended: set[str] = set()
        self.silenced: set[int] = set()
        self.stopped: set[int] = set()
        self.paused_generation: int | None = None
        self.n_asked = 0
        self.generated: dict[int, int] = {}
        self.told_texts: list[str] = []
        self.items: set[str] = set()
        self.model = ModelContract()

    @property
    def paused(self) -> bool:
        return self.paused_generation is not None

    def watch(self, event: ev.Event, effects: list[fx.Effect]) -> None:
        """One event and what the core made of it."""
        if isinstance(event, ev.ReplyAudio):
            n_samples = len(event.pcm) // 2
            self.generated[event.generation] = self.generated.get(event.generation, 0) + n_samples
        self.model.happened(event)
        for effect in effects:
            self._sound(effect)
            self._notice(effect)
            self.model.asked(effect)

    def closed(self) -> None:
        """At the end of a session nothing is open."""
        assert not self.responses, f"never ended: {list(self.responses)}"

    # --- sound -------------------------------------------------------------------------------

    def _sound(self, effect: fx.Effect) -> None:
        if isinstance(effect, fx.PlayAudio):
            assert effect.generation not in self.silenced, f"stale sound: {effect.generation}"
            assert effect.response_id in self.responses, "sound of a response that is not open"
            open_parts = self.responses[effect.response_id].stack
            assert ("part", effect.item_id) in open_parts, "sound outside a part"
        elif isinstance(effect, fx.StopPlayout | fx.Drop | fx.CancelReply):
            self.silenced.add(effect.generation)
            if not isinstance(effect, fx.CancelReply):  # what was made before is played still
                self.stopped.add(effect.generation)
            if isinstance(effect, fx.StopPlayout) and effect.generation == self.paused_generation:
                self.paused_generation = None
        elif isinstance(effect, fx.PausePlayout | fx.ResumePlayout):
            assert effect.generation not in self.stopped
            assert self.paused == isinstance(effect, fx.ResumePlayout), "paused or resumed twice"
            self.paused_generation = None if self.paused else effect.generation
        elif isinstance(effect, fx.Recognise):
            assert effect.number == self.n_asked + 1 and effect.start <= effect.end
            self.n_asked = effect.number

    # --- notices -----------------------------------------------------------------------------

    def _notice(self, effect: Any) -> None:
        if isinstance(effect, no.ResponseCreated):
            view = effect.response
            assert view.id not in self.responses and view.id not in self.ended
            if view.in_conversation:
                others = [r for r in self.responses.values() if r.in_conversation]
                assert not others, "two active responses"
            self.responses[view.id] = OpenResponse(view.in_conversation)
        elif isinstance(effect, no.ResponseDone):
            self._done(effect)
        elif isinstance(effect, no.OutputItemAdded):
            assert effect.item.status == "in_progress"
            self._open(effect.response_id).stack.append(("item", effect.item.id))
        elif isinstance(effect, no.OutputItemDone):
            assert effect.item.status != "in_progress"
            self._pop(effect.response_id, "item", effect.item.id)
        elif isinstance(effect, no.ItemAdded):
            assert effect.item.id not in self.items, "an item was added twice"
            assert effect.previous_item_id is None or effect.previous_item_id in self.items
            self.items.add(effect.item.id)
        elif isinstance(effect, no.ItemDone):
            assert effect.item.id in self.items
        elif isinstance(effect, no.ItemDeleted):
            self.items.remove(effect.item_id)
        elif hasattr(effect, "place"):
            self._part(effect)

    def _part(self, notice: Any) -> None:
        place = notice.place
        response = self._open(place.response_id)
        if isinstance(notice, no.ContentPartAdded):
            assert response.stack[-1] == ("item", place.item_id)
            response.stack.append(("part", place.item_id))
            response.deltas[place.item_id] = ""
            response.audio_done = False
        elif isinstance(notice, no.ContentPartDone):
            assert notice.text == response.deltas[place.item_id]
            self._pop(place.response_id, "part", place.item_id)
        elif isinstance(notice, no.TranscriptDelta | no.TextDelta):
            assert response.stack[-1] == ("part", place.item_id)
            response.deltas[place.item_id] += notice.delta
            self.told_texts.append(notice.delta)
        elif isinstance(notice, no.AudioDone):
            assert response.stack[-1] == ("part", place.item_id) and not response.audio_done
            response.audio_done = True
        elif isinstance(notice, no.TranscriptDone):
            assert response.audio_done and notice.transcript == response.deltas[place.item_id]
        elif isinstance(notice, no.TextDone):
            assert notice.text == response.deltas[place.item_id]
        elif isinstance(notice, no.ArgumentsDelta | no.ArgumentsDone):
            assert response.stack[-1] == ("item", place.item_id)

    def _done(self, notice: no.ResponseDone) -> None:
        view = notice.response
        assert not (self.paused and view.in_conversation), "the next reply would be paused"
        response = self.responses.pop(view.id)
        self.ended.add(view.id)
        assert not response.stack, f"left open: {response.stack}"
        assert view.status != "in_progress" and view.usage is not None
        assert (view.status == "cancelled") == (
            view.reason in ("turn_detected", "client_cancelled")
        )
        assert (view.status == "failed") == (view.error is not None)
        for item in view.output:
            self._told(item, response)
            cut = view.status != "completed" and isinstance(item, MessageItem)
            assert not (cut and item.status == "completed" and item is view.output[-1])
            assert not isinstance(item, CallItem) or item.arguments

    def _told(self, item: Any, response: OpenResponse) -> None:
        """An item holds the words that were told, or those of them that were heard."""
        if isinstance(item, MessageItem) and isinstance(part := item.content[0], OutputAudio):
            whole = response.deltas[item.id]
            assert part.transcript == whole or item.status == "incomplete"
            assert whole.startswith(part.transcript)

    def _open(self, response_id: str) -> OpenResponse:
        assert response_id not in self.ended, "something after response.done"
        return self.responses[response_id]

    def _pop(self, response_id: str, kind: str, item_id: str) -> None:
        assert self._open(response_id).stack.pop() == (kind, item_id), "not closed inside out"


@dataclass
class Memory:
    """What the model's dialogue would remember: spans of sound, items, replies with their cuts."""

    entries: tuple[tuple[Any, ...], ...] = ()
    listening: bool = False


class ModelContract:
    """Holds the core to what models/dialogue.py allows, and remembers as a dialogue would."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.marks: dict[int, tuple[tuple[Any, ...], ...]] = {}
        self.prepared: dict[int, tuple[tuple[tuple[Any, ...], ...], int | None]] = {}
        self.making: int | None = None
        self.waiting: int | None = None
        self.asides: set[int] = set()
        self.last: int | None = None
        self.rounds: dict[int, int] = {}
        self.round_samples: dict[int, int] = {}

    def happened(self, event: ev.Event) -> None:
        generation = getattr(event, "generation", None)
        if isinstance(event, ev.ReplyAudio):
            made = self.round_samples.get(event.generation, 0) + len(event.pcm) // 2
            self.round_samples[event.generation] = made
        elif isinstance(event, ev.ReplyDone) and generation == self.making:
            self.making = None
            self.waiting = event.generation if event.reason == "tool_calls" else None
        elif isinstance(event, ev.ReplyFailed) and generation == self.making:
            self.making = None

    def asked(self, effect: Any) -> None:
        handler = getattr(self, f"_{type(effect).__name__}", None)
        if handler is not None:
            handler(effect)

    # --- one method for each effect the model sees -------------------------------------------

    def _Remember(self, effect: fx.Remember) -> None:
        self._idle()
        assert effect.mark not in self.marks
        self.marks[effect.mark] = self.memory.entries

    def _Rewind(self, effect: fx.Rewind) -> None:
        self._idle()
        assert not self.memory.listening, "rewound while being fed"
        self.memory.entries = self.marks[effect.mark]

    def _Release(self, effect: fx.Release) -> None:
        del self.marks[effect.mark]

    def _Listen(self, effect: fx.Listen) -> None:
        self._idle()
        assert not self.memory.listening, "fed twice at once"
        self.memory.listening = True
        self._append(("sound", effect.start, None))

    def _StopListening(self, effect: fx.StopListening) -> None:
        if not self.memory.listening:
            return
        self.memory.listening = False
        *before, (kind, start, _) = self.memory.entries
        assert kind == "sound"
        if effect.end <= start:
            self.memory.entries = tuple(before)
            return
        self.memory.entries = (*before, ("sound", start, effect.end))

    def _AddItem(self, effect: fx.AddItem) -> None:
        self._idle()
        assert not self.memory.listening, "an item in the middle of a sound"
        self._append(("item", effect.item.id))

    def _RebuildDialogue(self, effect: fx.RebuildDialogue) -> None:
        self._idle()
        assert not self.memory.listening
        self.marks.clear()
        self.prepared.clear()
        self.waiting = self.last = None
        self.memory.entries = tuple(("item", item.id) for item in effect.items)

    def _Prepare(self, effect: fx.Prepare) -> None:
        self.prepared[effect.generation] = (self.memory.entries, self.last)
        self._begin(effect.generation)

    def _StartReply(self, effect: fx.StartReply) -> None:
        if effect.spec.context is not None:
            self.asides.add(effect.generation)
            return
        self._begin(effect.generation)

    def _begin(self, generation: int) -> None:
        self._idle()
        assert not self.memory.listening, "a reply while still being fed"
        self.making, self.waiting, self.last = generation, None, generation
        self.round_samples.setdefault(generation, 0)
        self._append(("reply", generation, None))

    def _Commit(self, effect: fx.Commit) -> None:
        del self.prepared[effect.generation]

    def _Drop(self, effect: fx.Drop) -> None:
        self.memory.entries, self.last = self.prepared.pop(effect.generation)
        self.making = self.waiting = None

    def _ContinueReply(self, effect: fx.ContinueReply) -> None:
        if effect.generation in self.asides:
            return
        assert self.waiting == effect.generation, "nothing waits for tools"
        self.making, self.waiting = effect.generation, None
        self.round_samples[effect.generation] = 0

    def _CancelReply(self, effect: fx.CancelReply) -> None:
        if self.making == effect.generation:
            self.making = None
        if self.waiting == effect.generation:
            self.waiting = None

    def _Truncate(self, effect: fx.Truncate) -> None:
        self._idle()
        assert not self.memory.listening
        assert effect.generation == self.last, "only the last reply can be cut"
        assert 0 <= effect.samples <= self.round_samples[effect.generation], (
            "cut beyond what was generated"
        )
        assert self.memory.entries[-1][:2] == ("reply", effect.generation), "not the last thing"
        self.memory.entries = (
            *self.memory.entries[:-1],
            ("reply", effect.generation, effect.samples),
        )

    def _idle(self) -> None:
        assert self.making is None, "the dialogue is busy with a reply"

    def _append(self, entry: tuple[Any, ...]) -> None:
        self.memory.entries = (*self.memory.entries, entry)


def spoken_samples(item: Any) -> int | None:
    """How much sound an assistant's item says it holds."""
    if isinstance(item, MessageItem) and item.content and isinstance(item.content[0], OutputAudio):
        return item.content[0].n_samples
    return None
