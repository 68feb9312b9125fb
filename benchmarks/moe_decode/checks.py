"""Is it right what is quick: errors against fp32, and the same greedy tokens on every path."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.models.layers.kv_cache import KvCache
from vivavoce.models.layers.moe import MoE
from vivavoce.models.layers.quantised import fitted
from vivavoce.models.layers.rotary import RotaryTable
from vivavoce.models.ming.config import ThinkerConfig
from vivavoce.models.ming.modality import TEXT
from vivavoce.models.ming.positions import ordinary
from vivavoce.models.ming.thinker import Caches, MingThinker, ThinkerLayer

from .paths import Path, again, random_past, random_thinker, table_at, without_compiler
from .plain import PlainThinker

N_TRIED = 5  # vectors the error is measured on
SMALL = 0.01


def errors(thinker: MingThinker, paths: Sequence[Path], context: int) -> dict[str, float]:
    """Relative error of what the first layer adds, against fp32 weights and sums; median of a few.

    A median, since nearly equal scores may choose another expert in bf16.
    """
    table, found = table_at(thinker, context), {path.name: list[float]() for path in paths}
    for _ in range(N_TRIED):
        # Small, so that what is added counts in the sum; the norms make it as large as any.
        x = (SMALL * torch.randn(1, 1, thinker.config.dim)).bfloat16()
        past = random_past(thinker, context)[0]
        wide = KvCache().append(*(part.float() for part in past.keys_values()))
        exact = _exact(thinker.layers[0], x.float(), wide, table) - x.float()
        for path in paths:
            added = path.first(x, past).float() - x.float()
            found[path.name].append(float((added - exact).norm() / exact.norm()))
    return {name: median(all_) for name, all_ in found.items()}


def _exact(layer: ThinkerLayer, x: Tensor, past: KvCache, table: RotaryTable) -> Tensor:
    """The layer over x [1, 1, D] in fp32; only the weights it needs are converted."""
    moe = layer.moe
    norms = [deepcopy(norm).float() for norm in (layer.attention_norm, layer.moe_norm)]
    assert isinstance(moe, MoE)
    attention = deepcopy(layer.attention).float()
    x = x + attention.step(norms[0](x), past, table=table)[0]
    flat = norms[1](x)
    chosen, shares = moe.choose(flat, TEXT)
    gate, up = moe.shared.gate_up.weight.chunk(2)
    y = _expert([gate, up, moe.shared.down.weight], flat)
    for expert, share in zip(chosen.flatten().tolist(), shares.flatten(), strict=True):
        y = y + share * _expert(moe.weights(expert), flat)
    return x + y


def _expert(weights: Sequence[Tensor], x: Tensor) -> Tensor:
    gate, up, down = (weight.float() for weight in weights)
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


def same_tokens(config: ThinkerConfig, n: int, seed: int) -> dict[str, bool]:
    """Whether each fp32 path says the same n greedy tokens as the plain loop over experts.

    Layers at their full shape, but fewer experts and words, so that fp32 weights fit.
    """
    few = min(config.n_experts, 12)
    small = replace(config, n_layers=2, n_experts=few, vocabulary=min(config.vocabulary, 4096))
    thinker = random_thinker(small, seed, torch.float32)
    x = torch.randn(1, 24, config.dim)
    with without_compiler():
        wanted = _plain(PlainThinker(thinker), x, n)
        eager = _alone(thinker, x, n, [24])
    quick = fitted(again(thinker), None)
    assert isinstance(quick, MingThinker)
    return {
        "eager": eager == wanted,
        "compiled": _alone(quick, x, n, [24]) == wanted,
        "incremental prefill": _alone(quick, x, n, [3, 1, 9, 11]) == wanted,
        "batched": _batched(quick, x, n) == wanted,
    }


def _alone(thinker: MingThinker, x: Tensor, n: int, pieces: list[int]) -> list[int]:
    hidden, caches = _read(thinker, x, pieces)
    tokens = [int(thinker.logits(hidden).argmax())]
    while len(tokens) < n:
        place = torch.tensor([x.shape[1] + len(tokens) - 1])
        logits, caches = thinker.decode(torch.tensor(tokens[-1:]), place, caches)
        tokens.append(int(logits.argmax()))
    return tokens


def _batched(thinker: MingThinker, x: Tensor, n: int) -> list[int]:
    """The same conversation beside two others of other lengths."""
    started = [_read(thinker, one, [one.shape[1]]) for one in (x[:, :5], x, x[:, 3:20])]
    memories: list[Caches] = [caches for _, caches in started]
    now = torch.stack([thinker.logits(hidden).argmax() for hidden, _ in started])
    tokens = [int(now[1])]
    while len(tokens) < n:
        places = torch.tensor([memory[0].length for memory in memories])
        logits, memories = thinker.decode_together(now, places, memories)
        now = logits.argmax(-1)
        tokens.append(int(now[1]))
    return tokens


def _read(thinker: MingThinker, x: Tensor, pieces: list[int]) -> tuple[Tensor, Caches]:
    """The last hidden state [D] and the memory."""
    caches, start = thinker.initial(), 0
    for part in x.split(pieces, 1):
        rows = ordinary(start, part.shape[1])[:, None]
        hidden, caches = thinker.step(part, TEXT, rows, caches)
        start += part.shape[1]
    return hidden[0, -1], caches


def _plain(plain: PlainThinker, x: Tensor, n: int) -> list[int]:
    """Greedy tokens, each position of the prompt and of the reply read alone."""
    thinker = plain.thinker
    config = thinker.config
    empty = torch.zeros(1, config.n_kv_heads, 0, config.head_dim)
    past = [(empty, empty) for _ in thinker.layers]
    tokens: list[int] = []
    for place in range(x.shape[1] + n - 1):
        reading = place < x.shape[1]
        one = x[:, place : place + 1] if reading else thinker.embed(torch.tensor([tokens[-1:]]))
        table = thinker._table(torch.tensor([[place]]))
        hidden, past = plain.step(one, table, past)
        if place >= x.shape[1] - 1:
            tokens.append(int(plain.head(hidden).argmax()))
    return tokens
