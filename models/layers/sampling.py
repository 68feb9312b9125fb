"""Choosing the next token from logits; the same seed and the same draw choose the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..dialogue import Sampling

_SEED_STRIDE = 1_000_003  # keeps the draws of neighbouring seeds apart


def choose(logits: Tensor, sampling: Sampling, draw: int = 0) -> int:
    """A token from logits [V].

    Args:
        logits: one row, any device; -inf forbids a token.
        sampling: greedy where its temperature is 0, else among its top_k best, and of those
            among the fewest whose chances reach top_p together (arXiv 1904.09751 §3.1).
        draw: number of this choice since the start; with the seed it decides the chance.
    """
    if sampling.temperature <= 0:
        return int(logits.argmax())
    best, tokens = logits.float().topk(min(sampling.top_k, logits.shape[-1]))
    chances = (best / sampling.temperature).softmax(-1).cpu()
    chances[chances.cumsum(-1) - chances >= sampling.top_p] = 0
    generator = torch.Generator().manual_seed(sampling.seed * _SEED_STRIDE + draw)
    return int(tokens[int(torch.multinomial(chances, 1, generator=generator))])


@dataclass(frozen=True)
class TextDecoding:
    """How text is decoded token by token.

    Args:
        stop_ids: tokens that end a text; they are not part of it.
        no_repeat_ngram: so many tokens in a row never come twice; 0 allows it.
        sampling: greedy where its temperature is 0.
    """

    stop_ids: frozenset[int] = frozenset()
    no_repeat_ngram: int = 0
    sampling: Sampling = field(default_factory=Sampling)

    def next_token(self, logits: Tensor, before: Sequence[int]) -> int | None:
        """The token from logits [V] that follows the tokens `before`; None ends the text."""
        logits = without_repeats(logits, before, self.no_repeat_ngram)
        token = choose(logits, self.sampling, draw=len(before))
        return None if token in self.stop_ids else token


def without_repeats(logits: Tensor, before: Sequence[int], n: int) -> Tensor:
    """logits [V] with those tokens forbidden that would say n tokens of `before` again."""
    if n <= 0 or len(before) < n:
        return logits
    banned = set(before) if n == 1 else set(_followers(before, before[len(before) - n + 1 :]))
    if not banned:
        return logits
    return logits.index_fill(-1, torch.tensor(sorted(banned), device=logits.device), -torch.inf)


def _followers(before: Sequence[int], tail: Sequence[int]) -> Iterator[int]:
    """The tokens that came after the tokens `tail` earlier in `before`."""
    at = len(tail) - 2  # the tail's last token is looked for: `index` is quick over long texts
    while True:
        try:
            at = before.index(tail[-1], at + 1, len(before) - 1)
        except ValueError:
            return
        if before[at - len(tail) + 1 : at + 1] == tail:
            yield before[at + 1]
