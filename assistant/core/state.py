"""What a conversation holds. One value, shared by the files that each move one part of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .effects import Effect, RebuildDialogue, Recognise
from .events import SpeechEnded
from .history import History
from .items import CallItem, CallOutputItem, Item
from .ledger import Ledger
from .memory import Memory, Sound
from .response import Response
from .settings import IdFactory, Settings

MOST_REMEMBERED = 64
"""A dialogue opened afresh is told of so many of the newest items."""
AFRESH_AFTER = 128
"""So many items after it was opened, a dialogue is opened afresh: its memory stays bounded."""


@dataclass
class Turn:
    """The user's turn while it is open.

    Args:
        announced: the client was told of its start.
        may_be_stop: it cut a reply off, and may turn out to be a mere stop phrase.
        hushed: it is one, so far, in these words of this language: it is not answered, and the
            model is not given its sound.
    """

    item_id: str
    sound: Sound
    announced: bool
    may_be_stop: bool = False
    hushed: tuple[str, str] | None = None


@dataclass
class Candidate:
    """Speech that began during a reply, and of which it is not known yet what it shall be.

    Args:
        start: first input sample, padding included.
        voiced: the first voiced one, of the last part where it has several.
        may_be_echo: of the reply itself, while the canceller does not know the room yet.
        asked_to: up to where its words were asked for last.
        paused_at: it has paused, at least for now; known at this sample.
        ended: it is over, and its words are still being written down.
        long: so much of it was voiced that it counts by its length alone.
        by_length: its words cannot be told, or not surely and no phones: its length decides.
        murmured: it was a murmur or a noise; kept in case the speech goes on.
    """

    start: int
    voiced: int
    may_be_echo: bool = False
    asked_to: int = 0
    paused_at: int | None = None
    ended: SpeechEnded | None = None
    long: bool = False
    by_length: bool = False
    murmured: bool = False

    @property
    def over(self) -> bool:
        """Whether the speech has come to an end, at least for now."""
        return self.paused_at is not None or self.ended is not None


@dataclass
class Spoken:
    """What a spoken item may be cut to: `limit` samples, the sent ones or an earlier cut.

    cut: where a client cut it; shown: where it is cut, by a client or by our own estimate.
    """

    generation: int
    ledger: Ledger
    cut: int | None = None
    shown: int | None = None

    @property
    def limit(self) -> int:
        return self.ledger.sent if self.cut is None else min(self.cut, self.ledger.sent)


@dataclass
class State:
    """Everything a conversation knows.

    Args:
        out: effects of the event under way.
        prepared: the speculative reply of the open turn.
        active: the response that writes to the conversation.
        asides: out-of-band responses by generation.
        candidate: speech that may become a barge-in.
        asked: number of the Recognise whose answer is waited for.
        n_asked: how many there were.
        unheard: spoken items that the model is not told of: stop phrases.
        opened_with: how many items there were when the dialogue was opened.
        paused: playout is paused for a suspicion.
        buffer_start: first input sample that no commit or clear has taken.
        unanswered: the newest spoken item that no reply has taken up.
        to_say: what the daemon itself will say at the next chance.
        answer_later: a turn came during a reply and is answered after it.
    """

    settings: Settings
    ids: IdFactory
    out: list[Effect] = field(default_factory=list)
    history: History = field(default_factory=History)
    memory: Memory = field(init=False)
    turn: Turn | None = None
    candidate: Candidate | None = None
    asked: int | None = None
    n_asked: int = 0
    unheard: set[str] = field(default_factory=set)
    prepared: Response | None = None
    active: Response | None = None
    asides: dict[int, Response] = field(default_factory=dict)
    spoken: dict[str, Spoken] = field(default_factory=dict)
    call_ids: dict[str, str] = field(default_factory=dict)
    generation: int = 0
    opened_with: int = 0
    paused: bool = False
    buffer_start: int = 0
    unanswered: str | None = None
    answer_later: bool = False
    to_say: list[str] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self.memory = Memory(self.out, self._rebuild)

    def ask(self, start: int, end: int) -> None:
        """Have the words of input start..end written down; no older answer counts any more."""
        self.n_asked += 1
        self.asked = self.n_asked
        self.out.append(Recognise(self.n_asked, start, end))

    @property
    def past(self) -> list[Item]:
        """The items the model knows of, as it knows them."""
        return [self.for_model(item) for item in self.history if item.id not in self.unheard]

    def for_model(self, item: Item) -> Item:
        """An item as the model knows it: with its own id of a call."""
        if isinstance(item, CallItem | CallOutputItem) and item.call_id in self.call_ids:
            return replace(item, call_id=self.call_ids[item.call_id])
        return item

    @property
    def memory_is_long(self) -> bool:
        """The dialogue has taken up so much that it should be opened afresh."""
        return len(self.history) - self.opened_with > AFRESH_AFTER

    def _rebuild(self) -> RebuildDialogue:
        """The dialogue of now: with what is being spoken, as far as it has come."""
        self.opened_with = len(self.history)
        items = self.past
        message = self.active.message if self.active is not None else None
        if message is not None:
            items = [message.so_far if item.id == message.item.id else item for item in items]
        return RebuildDialogue(self.settings, tuple(items[-MOST_REMEMBERED:]))
