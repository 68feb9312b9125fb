"""The model's memory, seen from the core: what the dialogue has been given, and in which order.

A dialogue is a line of replies; after the last one lies the tail: what came since.

    ... reply 6 | base mark | truncated to n | audio 1000..9000, item, audio 12000.. | reply 7
                                             '--------------- tail ----------------'

Everything that must be undone (a truncation told late, a turn taken back) is undone the same
way: return to the base mark, cut again, give the tail again. What cannot be undone like this
(an item deleted or put in the middle, other settings) makes the dialogue stale: it is opened
afresh from the history before it is next used.

While a reply is being made the dialogue takes nothing; what comes waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .effects import (
    AddItem,
    Effect,
    Listen,
    RebuildDialogue,
    Release,
    Remember,
    Rewind,
    StopListening,
    Truncate,
)
from .items import Item


@dataclass(eq=False)
class Sound:
    """Input audio for the dialogue; end None while it is still coming.

    settled: it belongs to a committed turn, so a reply answers it.
    """

    start: int
    end: int | None = None
    settled: bool = False


Given = Sound | Item
Rebuild = Callable[[], RebuildDialogue]


class Memory:
    """Keeps the dialogue in step with the conversation.

    Args:
        out: where effects go.
        rebuild: makes the effect that opens the dialogue from the history of now.
    """

    def __init__(self, out: list[Effect], rebuild: Rebuild) -> None:
        self._out = out
        self._rebuild = rebuild
        self._tail: list[Given] = []
        self._waiting: list[Given] = []
        self._busy = False
        self._stale = False
        self._last_reply: int | None = None
        self._cut: int | None = None
        self._base: int | None = None
        self._marks = 0

    # --- giving ------------------------------------------------------------------------------

    def add(self, item: Item) -> None:
        """An item that did not come from the model; the history has it already."""
        if not self._stale:
            self._give(item)

    def hear(self, sound: Sound) -> None:
        """Input audio, from now on or already whole."""
        self._refresh()
        self._give(sound)

    def pause(self, sound: Sound, end: int) -> None:
        """The audio ends at `end`, at least for now."""
        if sound.end is None and self._listening(sound):
            self._out.append(StopListening(end))
        sound.end = end

    def go_on(self, sound: Sound) -> None:
        """The audio goes on where it was paused."""
        if sound.end is not None and self._listening(sound):
            self._out.append(Listen(sound.end))
        sound.end = None

    def forget(self, sound: Sound) -> None:
        """The audio was none: a false start, or a cleared buffer."""
        if sound in self._waiting:
            self._waiting.remove(sound)
        elif sound in self._tail:
            self._stop_open()
            self._tail.remove(sound)
            self._redo()

    def spoil(self) -> None:
        """The dialogue no longer fits the history; open it afresh before its next use."""
        self._stale = True

    # --- replies -----------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """A reply is being made."""
        return self._busy

    def begin_reply(self) -> None:
        """A reply is about to be made: give it what it must know, and nothing unsettled."""
        unsettled = self._unsettled()
        if unsettled:
            self._stop_open()
            self._tail = [given for given in self._tail if given not in unsettled]
            self._redo()
        self._refresh()
        self._waiting = [*unsettled, *self._waiting]
        self._busy = True

    def begin_prepared(self) -> None:
        """The same for a reply that answers a turn before it is settled."""
        self._refresh()
        self._busy = True

    def dropped(self) -> None:
        """The prepared reply is undone; the tail stands as before."""
        self._busy = False

    def replied(self, generation: int) -> None:
        """The reply counts from here on: the tail is behind it."""
        self._tail.clear()
        self._last_reply, self._cut = generation, None
        self._free_base()

    def end_reply(self, cut: tuple[int, int] | None = None) -> None:
        """The model makes no more of it; give it what has waited.

        Args:
            cut: (generation, samples) to truncate it to first.
        """
        if not self._busy:
            return
        self._busy = False
        if cut is not None and not self.truncate(*cut):
            self._stale = True
        waiting, self._waiting = self._waiting, []
        for given in waiting:
            if isinstance(given, Sound) and not (self._stale and given.settled):
                self.hear(given)
            elif not isinstance(given, Sound):
                self.add(given)

    def truncate(self, generation: int, samples: int) -> bool:
        """Cut a reply; False where the model can no longer do it and the history must."""
        if self._busy or self._stale or generation != self._last_reply:
            return False
        self._stop_open()
        untouched = self._base is None
        self._take_base()
        self._cut = samples
        if untouched:
            self._out.append(Truncate(generation, samples))
        else:
            self._redo()
        return True

    # --- for the session ---------------------------------------------------------------------

    @property
    def oldest_sound(self) -> int | None:
        """The earliest input sample that may have to be given again."""
        starts = [g.start for g in (*self._tail, *self._waiting) if isinstance(g, Sound)]
        return min(starts, default=None)

    # --- inside ------------------------------------------------------------------------------

    def _give(self, given: Given) -> None:
        if self._busy:
            self._waiting.append(given)
            return
        self._take_base()
        unsettled = self._unsettled()
        if unsettled and not isinstance(given, Sound):  # the item comes before the open turn
            self._stop_open()
            self._tail.insert(self._tail.index(unsettled[0]), given)
            self._redo()
            return
        self._tail.append(given)
        self._tell(given)

    def _tell(self, given: Given) -> None:
        if not isinstance(given, Sound):
            self._out.append(AddItem(given))
            return
        self._out.append(Listen(given.start))
        if given.end is not None:
            self._out.append(StopListening(given.end))

    def _listening(self, sound: Sound) -> bool:
        """Whether `sound` is what the dialogue is fed with (not waiting, not forgotten)."""
        return not self._busy and any(given is sound for given in self._tail)

    def _stop_open(self) -> None:
        """Feed nothing while the dialogue is put right."""
        for given in self._tail:
            if isinstance(given, Sound) and given.end is None:
                self._out.append(StopListening(given.start))

    def _redo(self) -> None:
        """Return to the base, cut, give the tail again."""
        if self._stale:
            return
        if self._base is not None:
            self._out.append(Rewind(self._base))
        if self._cut is not None and self._last_reply is not None:
            self._out.append(Truncate(self._last_reply, self._cut))
        for given in self._tail:
            self._tell(given)

    def _take_base(self) -> None:
        if self._base is None:
            self._marks += 1
            self._base = self._marks
            self._out.append(Remember(self._base))

    def _free_base(self) -> None:
        if self._base is not None:
            self._out.append(Release(self._base))
            self._base = None

    def _refresh(self) -> None:
        """Open a stale dialogue afresh; its history holds all items, the tail only open sound."""
        if not self._stale or self._busy:
            return
        self._stop_open()
        self._stale = False
        self._base, self._last_reply, self._cut = None, None, None
        self._out.append(self._rebuild())
        unsettled, self._tail = self._unsettled(), []
        for sound in unsettled:
            self._give(sound)

    def _unsettled(self) -> list[Sound]:
        return [given for given in self._tail if isinstance(given, Sound) and not given.settled]
