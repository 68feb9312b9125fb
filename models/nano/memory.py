"""What nano remembers of a conversation, as a value: keep one to return to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor

from .actions import Action
from .hearing import HearingState
from .thinker import Caches

Prefilled = tuple[tuple[int, Tensor], ...]
"""What was fed to the thinker, in order: (modality, positions [1, T, D])."""


def joined(turn: Prefilled) -> Prefilled:
    """The same, neighbours of one modality as one piece: quicker to feed again."""
    runs = [(kind, list(run)) for kind, run in groupby(turn, key=lambda fed: fed[0])]
    return tuple((kind, torch.cat([x for _, x in run], dim=1)) for kind, run in runs)


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


@dataclass(frozen=True)
class Pending:
    """An action whose spoken part has not begun.

    Args:
        waits: it is spoken of only when its tool has answered.
        result: the words the tool answered with.
    """

    action: Action
    call_id: str | None
    waits: bool = False
    result: str | None = None


@dataclass(frozen=True, eq=False)
class Memory:
    """What the thinker remembers and what is unfinished.

    hearing is set while the user speaks, heard when a spoken part of the open turn is over;
    turn_open while a user turn waits for its reply: what that turn prefilled is the context's
    last, so that the reply before it can still be cut.
    """

    context: Context
    hearing: HearingState | None = None
    heard: HearingState | None = None
    turn_open: bool = False
    pending: Pending | None = None
    reply: Reply | None = None
    n_calls: int = 0
    n_text_in: int = 0
    n_audio_in: int = 0
