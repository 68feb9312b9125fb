"""What a Ming dialogue remembers, as values: keep one to return to it.

    turns    | opening, <audio> … </audio>, ASSISTANT, reply, HUMAN | <audio> … | …
    caches   the thinker's keys and values of all of that

Letters: T positions, D thinker width.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from .hearing import HearingState
from .modality import TEXT
from .mouth import Mouth, MouthState
from .positions import ordinary
from .thinker import Caches, cut

WORD = re.compile(r"\s*(?:[\u2e80-\uffff]|[^\s\u2e80-\uffff]+)\s*")


@dataclass(frozen=True, eq=False)
class Fed:
    """Positions that were fed to the thinker in one go.

    Args:
        ids: their token ids; placeholders for sounds and pictures.
        vectors: [1, T, D] of sounds and pictures; None for text, whose ids say it all.
        modality: TEXT, AUDIO or IMAGE.
        rows: rotary positions [3, T], from 0; None where they just count on.
        advance: how far the next position is from the first.
    """

    ids: tuple[int, ...]
    vectors: Tensor | None = None
    modality: int = TEXT
    rows: Tensor | None = None
    advance: int = -1

    @property
    def n_positions(self) -> int:
        """How far the position counter goes."""
        return len(self.ids) if self.advance < 0 else self.advance

    def rows_from(self, start: int) -> Tensor:
        """Rotary positions [3, T] when the first is `start`."""
        return ordinary(start, len(self.ids)) if self.rows is None else self.rows + start


@dataclass(frozen=True, eq=False)
class Context:
    """What the thinker has read.

    Args:
        caches: keys and values of every position.
        position: of what comes next.
        ids: all token ids.
        turns: what they were fed as, a tuple for each exchange; the last is the present one.
        states: thinker states [T, D] of the present human turn, for a talker that wants them.
    """

    caches: Caches
    position: int = 0
    ids: tuple[int, ...] = ()
    turns: tuple[tuple[Fed, ...], ...] = ((),)
    states: tuple[Tensor, ...] = ()

    def fed(self, fed: Fed, caches: Caches) -> Context:
        """After `fed`, which gave `caches`."""
        turns = (*self.turns[:-1], (*self.turns[-1], fed))
        ids = (*self.ids, *fed.ids)
        return replace(
            self, caches=caches, position=self.position + fed.n_positions, ids=ids, turns=turns
        )

    def with_states(self, states: Tensor) -> Context:
        """With the states [T, D] of positions just fed."""
        return replace(self, states=(*self.states, states))

    def next_turn(self) -> Context:
        """The human's turn begins."""
        return replace(self, turns=(*self.turns, ()), states=())

    def continued(self, later: Context, n_tokens: int) -> Context:
        """This context and the first n_tokens text tokens that `later` has after it."""
        end = len(self.ids) + n_tokens
        ids = later.ids[len(self.ids) : end]
        return self.fed(Fed(ids), cut(later.caches, end)) if ids else self


@dataclass(frozen=True, eq=False)
class Reply:
    """The reply being made or made last.

    Args:
        start: the context before its first token.
        text: what was written of it for the listener.
        ends: characters of `text` after each of its tokens.
        shown: characters of `text` after each piece that was given out.
        mouth: the talker and its sound; None where it is text only.
        words: where in `text` each word given to the talker ends.
        n_samples: samples given out.
        complete: whether the thinker came to its end and all was spoken.
    """

    start: Context
    text: str = ""
    ends: tuple[int, ...] = ()
    shown: tuple[int, ...] = ()
    mouth: MouthState | None = None
    words: tuple[int, ...] = ()
    n_samples: int = 0
    complete: bool = False

    def written(self, visible: str) -> Reply:
        """With one more token, which adds `visible`."""
        return replace(self, ends=(*self.ends, len(self.text))).ended(visible)

    def ended(self, visible: str) -> Reply:
        """With what its last token held back."""
        text = self.text + visible
        shown = (*self.shown, len(text)) if visible else self.shown
        return replace(self, text=text, ends=(*self.ends[:-1], len(text)), shown=shown)

    def voiced(self, raw: str, mouth: MouthState) -> Reply:
        """With a piece of its text handed to the talker; one that is silent joins the last word."""
        start = self.words[-1] if self.words else 0
        ends = tuple(accumulate((len(word) for word in words_of(raw)), initial=start))[1:]
        if mouth is self.mouth:
            return replace(self, words=(*self.words[:-1], *ends[-1:]))
        return replace(self, words=(*self.words, *ends), mouth=mouth)

    def shown_at(self, word: int) -> int:
        """Number of the piece of text that holds the first character of a word."""
        first = self.words[word - 1] if word else 0
        return max(0, min(bisect_right(self.shown, first), len(self.shown) - 1))

    def tokens_heard(self, mouth: Mouth | None, n_samples: int) -> int:
        """How many of its tokens were heard whole after n_samples."""
        if self.complete and n_samples >= self.n_samples:
            return len(self.ends)
        if mouth is None or self.mouth is None or n_samples == 0:
            return 0
        n_words = min(mouth.heard(n_samples, self.mouth), len(self.words))
        n_chars = self.words[n_words - 1] if n_words else 0
        return sum(end <= n_chars for end in self.ends) if n_chars else 0

    def cut(self, n_tokens: int, n_samples: int) -> Reply:
        """Its first n_tokens tokens and n_samples samples; what follows was never said."""
        n_chars = self.ends[n_tokens - 1] if n_tokens else 0
        return replace(
            self,
            text=self.text[:n_chars],
            ends=self.ends[:n_tokens],
            shown=tuple(end for end in self.shown if end <= n_chars),
            words=tuple(end for end in self.words if end <= n_chars),
            n_samples=n_samples,
            complete=False,
        )


def words_of(text: str) -> list[str]:
    """The words of a text, hanzi one by one, with the spaces about them; together the text."""
    return WORD.findall(text) or ([text] if text else [])


@dataclass(frozen=True, eq=False)
class Memory:
    """Everything of a dialogue.

    Args:
        context: what the thinker has read.
        human_open: whether the template stands in the human's turn.
        hearing: set while the person speaks.
        reply: the last one, which can still be cut.
        n_text_in, n_audio_in: positions read, for the usage count.
    """

    context: Context
    human_open: bool = True
    hearing: HearingState | None = None
    reply: Reply | None = None
    n_text_in: int = 0
    n_audio_in: int = 0


def stacked_states(context: Context) -> Tensor | None:
    """The states [T, D] of the present human turn; None where none were kept."""
    return torch.cat(context.states) if context.states else None
