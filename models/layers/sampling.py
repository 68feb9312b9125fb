"""Choosing the next token from logits; the same seed and the same draw choose the same."""

from __future__ import annotations

import torch
from torch import Tensor

from ..dialogue import Sampling

_SEED_STRIDE = 1_000_003  # keeps the draws of neighbouring seeds apart


def choose(logits: Tensor, sampling: Sampling, draw: int = 0) -> int:
    """A token from logits [V].

    Args:
        logits: one row, any device; -inf forbids a token.
        sampling: greedy where its temperature is 0, else among its top_k best.
        draw: number of this choice since the start; with the seed it decides the chance.
    """
    if sampling.temperature <= 0:
        return int(logits.argmax())
    best, tokens = logits.float().topk(min(sampling.top_k, logits.shape[-1]))
    chances = (best / sampling.temperature).softmax(-1).cpu()
    generator = torch.Generator().manual_seed(sampling.seed * _SEED_STRIDE + draw)
    return int(tokens[int(torch.multinomial(chances, 1, generator=generator))])
