"""What nano remembers of a conversation, as a value: keep one to return to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import torch
from torch import Tensor

from ..dialogue import Item, Message, UserAudio
from .actions import Action
from .hearing import HearingState
from .thinker import Caches

Prefilled = tuple[tuple[int, Tensor], ...]
"""What was fed to the thinker, in order: (modality, positions [1, T, D])."""


MOST_HISTORY = 16


def newest(history: Sequence[Item]) -> Sequence[Item]:
    """What of a long history is worth taking up: nano forgets old turns anyway.

    It begins with what a user said, so that no tool's answer comes without its call.
    """
    if len(history) <= MOST_HISTORY:
        return history
    last = history[-MOST_HISTORY:]
    said = [i for i, x in enumerate(last) if isinstance(x, UserAudio) or _role(x) == "user"]
    return last[said[0] :] if said else [item for item in last if isinstance(item, Message)]


def _role(item: Item) -> str | None:
    return item.role if isinstance(item, Message) else None


def joined(turn: Prefilled) -> Prefilled:
    """The same, neighbours of one modality as one piece: quicker to feed again."""
    runs = [(kind, list(run)) for kind, run in groupby(turn, key=lambda fed: fed[0])]
    return tuple((kind, torch.cat([x for _, x in run], dim=1)) for kind, run in runs)


def shortened(turn: Prefilled, n: int) -> Prefilled:
    """The first position of a turn, which says whose it is, and its last n."""
    kept: list[tuple[int, Tensor]] = []
    for kind, positions in reversed(joined(turn)):
        taken = positions[:, -n:] if n > 0 else positions[:, :0]
        n -= taken.shape[1]
        kept.insert(0, (kind, taken))
    kind, first = turn[0]
    return ((kind, first[:, :1]), *((k, x) for k, x in kept if x.shape[1]))


@dataclass(frozen=True, eq=False)
class Context:
    """What the thinker remembers: its caches, and turn by turn what they were filled with.

    The first of `turns` is what stands before the first user turn.
    """

    caches: Caches
    turns: tuple[Prefilled, ...] = field(default=((),))

    def fed(self, caches: Caches, modality: int, positions: Tensor) -> Context:
        """After `positions` were fed, which gave `caches`."""
        last = (*self.turns[-1], (modality, positions))
        return Context(caches, (*self.turns[:-1], last))

    @property
    def n_in_turn(self) -> int:
        """Positions of the newest turn."""
        return sum(positions.shape[1] for _, positions in self.turns[-1])

    def next_turn(self) -> Context:
        """A user turn begins."""
        return Context(self.caches, (*self.turns, ()))


@dataclass(frozen=True)
class ReplyWord:
    """A word of the last reply.

    context: what the thinker remembers after it; end_samples: where its audio ends, None until
    its last sample was made.
    """

    text: str
    context: Context
    end_samples: int | None = None


@dataclass(frozen=True)
class Reply:
    """The reply being spoken or spoken last. start: the context before its words."""

    start: Context
    words: tuple[ReplyWord, ...] = ()
    n_samples: int = 0
    closed: bool = False

    def spoken(self, index: int, n_samples: int) -> Reply:
        """More samples, of word `index`: earlier words end where its sound begins."""
        words = tuple(
            replace(w, end_samples=self.n_samples) if i < index and w.end_samples is None else w
            for i, w in enumerate(self.words)
        )
        return replace(self, words=words, n_samples=self.n_samples + n_samples)

    @property
    def context(self) -> Context:
        """What the thinker remembers after its last word."""
        return self.words[-1].context if self.words else self.start

    def cut(self, n_samples: int) -> Reply:
        """Only the words whose sound ends within the first n_samples."""
        heard = (w for w in self.words if w.end_samples is not None and w.end_samples <= n_samples)
        words = tuple(heard) if n_samples else ()
        return replace(self, words=words, n_samples=n_samples, closed=True)

    def finished(self) -> Reply:
        """All was said: the last word ends where the sound does."""
        return replace(self.spoken(len(self.words), 0), closed=True)


@dataclass(frozen=True)
class Pending:
    """An action whose spoken part has not begun.

    Args:
        waits: it is spoken of only when its tool has answered.
        result: the words the tool answered with.
        language: of the reply; empty until it is known.
        asked: it is not done, the question whether to do it is the reply.
        confidence: how sure of the action nano is, 0 to 1.
    """

    action: Action
    call_id: str | None
    waits: bool = False
    result: str | None = None
    language: str = ""
    asked: bool = False
    confidence: float | None = None


@dataclass(frozen=True, eq=False)
class Memory:
    """What the thinker remembers and what is unfinished.

    hearing is set while the user speaks, heard when a spoken part of the open turn is over;
    turn_open while a user turn waits for its reply: what that turn prefilled is the context's
    last, so that the reply before it can still be cut. language: of the last reply. asked: the
    action that reply asked about.
    """

    context: Context
    language: str
    hearing: HearingState | None = None
    heard: HearingState | None = None
    turn_open: bool = False
    pending: Pending | None = None
    reply: Reply | None = None
    asked: Action | None = None
    n_calls: int = 0
    n_text_in: int = 0
    n_audio_in: int = 0
