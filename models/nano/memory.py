"""What nano remembers of a conversation, as a value: keep one to return to it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .actions import Action
from .hearing import HearingState
from .thinker import Caches


@dataclass(frozen=True)
class ReplyWord:
    """A word of the last reply.

    caches: the thinker's memory after it; end_samples: where its audio ends, None until its
    last sample was made.
    """

    text: str
    caches: Caches
    end_samples: int | None = None


@dataclass(frozen=True)
class Reply:
    """The reply being spoken or spoken last. start: the thinker's memory before its words."""

    start: Caches
    words: tuple[ReplyWord, ...] = ()
    n_samples: int = 0
    closed: bool = False


@dataclass(frozen=True)
class Pending:
    """An action whose spoken part has not begun; `result` is what its tool said."""

    action: Action
    call_id: str | None
    result: str | None = None


@dataclass(frozen=True, eq=False)
class Memory:
    """The thinker's caches and what is unfinished.

    hearing is set while the user speaks; turn_open while a user turn waits for its reply.
    turn holds what that turn prefilled, (modality, [1, T, D]), so that the reply before it can
    still be cut.
    """

    caches: Caches
    hearing: HearingState | None = None
    turn_open: bool = False
    turn: tuple[tuple[int, Tensor], ...] = ()
    spoken_turn: bool = False
    pending: Pending | None = None
    reply: Reply | None = None
    n_calls: int = 0
    n_text_in: int = 0
    n_audio_in: int = 0
