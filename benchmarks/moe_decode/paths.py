"""The ways of decoding that are compared, all on the same random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from vivavoce.models.layers import few_rows
from vivavoce.models.layers.kv_cache import KvCache
from vivavoce.models.layers.quantised import BITS_PER_WEIGHT, Bits, fitted
from vivavoce.models.layers.rotary import RotaryTable, rotary_table_at
from vivavoce.models.ming.config import ThinkerConfig
from vivavoce.models.ming.modality import TEXT
from vivavoce.models.ming.thinker import Caches, MingThinker

from .plain import PlainThinker

SIZES = {
    "full": ThinkerConfig(),
    "tiny": ThinkerConfig(
        vocabulary=512,
        dim=64,
        n_heads=2,
        n_kv_heads=1,
        n_experts=8,
        top_k=2,
        expert_dim=48,
        shared_dim=96,
    ),
}
SPREAD = 0.02  # standard deviation of the weights


def random_thinker(config: ThinkerConfig, seed: int, dtype: torch.dtype) -> MingThinker:
    """A thinker of random weights, experts stacked."""
    with torch.device("meta"):
        thinker = MingThinker(config)
    torch.manual_seed(seed)
    thinker = thinker.to(dtype).to_empty(device="cpu").eval().requires_grad_(False)
    for name, weight in thinker.named_parameters():
        if weight.dim() == 1:
            weight.fill_(1)
        else:  # uniform of the same spread: drawn three times as quickly as normal
            weight.uniform_(-SPREAD * 3**0.5, SPREAD * 3**0.5)
        if name.endswith("routers"):  # clear choices, and kept in fp32 as when loaded
            weight.data = weight.data.float() * 4
    return thinker


def again(thinker: MingThinker) -> MingThinker:
    """Another thinker over the same weights, to be made ready in another way."""
    with torch.device("meta"):
        other = MingThinker(thinker.config)
    other.load_state_dict(thinker.state_dict(), assign=True)
    return other.eval().requires_grad_(False)


@contextmanager
def without_compiler() -> Iterator[None]:
    """As on a machine that has no C++ compiler."""
    with patch.object(few_rows, "library", lambda: None):
        yield


@dataclass
class Path:
    """One way of decoding.

    Args:
        name: as the table shows it.
        layers: x [B, 1, D] → the same through all layers; keeps its own past.
        head: x [B, 1, D] → logits.
        first: x [1, 1, D] behind a past, through the first layer; keeps nothing.
        layer_bytes: read by one layer for one token, without keys and values.
        head_bytes: read by the output layer.
        batch: conversations decoded together.
    """

    name: str
    layers: Callable[[Tensor], Tensor]
    head: Callable[[Tensor], Tensor]
    first: Callable[[Tensor, KvCache], Tensor]
    layer_bytes: float
    head_bytes: float
    batch: int = 1


PLAIN, OURS, NO_COMPILER = "plain loop over experts, bf16", "ours, bf16", "ours, no compiler, bf16"
INT8, INT4, TOGETHER = "ours, int8", "ours, int4", "ours, bf16, 4 conversations"
N_TOGETHER = 4


def paths(thinker: MingThinker, context: int, only: set[str] | None = None) -> list[Path]:
    """All paths, or those named; each begins with `context` random positions in its past."""
    makers: dict[str, Callable[[], Path]] = {
        PLAIN: lambda: _plain(thinker, context),
        OURS: lambda: _ours(thinker, context, OURS, None),
        NO_COMPILER: lambda: _no_compiler(thinker, context),
        INT8: lambda: _ours(thinker, context, INT8, "int8"),
        INT4: lambda: _ours(thinker, context, INT4, "int4"),
        TOGETHER: lambda: _together(thinker, context),
    }
    return [make() for name, make in makers.items() if only is None or name in only]


def weights_of(config: ThinkerConfig) -> tuple[int, int]:
    """Weights one layer, and the output layer, read for one token."""
    experts = 3 * config.dim * (config.top_k * config.expert_dim + config.shared_dim)
    heads = 2 * config.n_heads + 2 * config.n_kv_heads
    attention = config.dim * heads * config.head_dim
    return experts + attention + config.n_experts * config.dim, config.vocabulary * config.dim


def _ours(thinker: MingThinker, context: int, name: str, bits: Bits | None) -> Path:
    ready = fitted(again(thinker), bits)
    assert isinstance(ready, MingThinker)
    caches, table = random_past(ready, context), table_at(ready, context)

    def layers(x: Tensor) -> Tensor:
        nonlocal caches
        new = []
        for layer, cache in zip(ready.layers, caches, strict=True):
            x, cache = layer.step(x, TEXT, table, cache)
            new.append(cache)
        caches = tuple(new)
        return x

    def first(x: Tensor, cache: KvCache) -> Tensor:
        return ready.layers[0].step(x, TEXT, table, cache)[0]

    each = BITS_PER_WEIGHT[bits] / 8 if bits else 2
    in_layer, in_head = weights_of(thinker.config)
    return Path(name, layers, _head(ready), first, in_layer * each, in_head * each)


def _no_compiler(thinker: MingThinker, context: int) -> Path:
    with without_compiler():
        path = _ours(thinker, context, NO_COMPILER, None)

    def bare(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def inside(*given: Any) -> Tensor:
            with without_compiler():
                return run(*given)

        return inside

    return replace(path, layers=bare(path.layers), head=bare(path.head), first=bare(path.first))


def _plain(thinker: MingThinker, context: int) -> Path:
    plain, table = PlainThinker(thinker), table_at(thinker, context)
    past = [cache.keys_values() for cache in random_past(thinker, context)]

    def layers(x: Tensor) -> Tensor:
        nonlocal past
        x, past = plain.step(x, table, past)
        return x

    def first(x: Tensor, cache: KvCache) -> Tensor:
        return plain.layer(0, x, table, cache.keys_values())[0]

    in_layer, in_head = weights_of(thinker.config)
    return Path(PLAIN, layers, plain.head, first, in_layer * 2, in_head * 2)


def _together(thinker: MingThinker, context: int) -> Path:
    ready = fitted(again(thinker), None)
    assert isinstance(ready, MingThinker)
    memories = [random_past(ready, context) for _ in range(N_TOGETHER)]
    table = table_at(ready, context)

    def layers(x: Tensor) -> Tensor:
        nonlocal memories
        by_layer = []
        for index, layer in enumerate(ready.layers):
            x, new = layer.step_together(x, TEXT, table, [memory[index] for memory in memories])
            by_layer.append(new)
        memories = list(zip(*by_layer, strict=True))
        return x

    def first(x: Tensor, cache: KvCache) -> Tensor:
        many = x.repeat(N_TOGETHER, 1, 1)
        return ready.layers[0].step_together(many, TEXT, table, [cache] * N_TOGETHER)[0][:1]

    in_layer, in_head = (2 * n for n in weights_of(thinker.config))
    return Path(TOGETHER, layers, _head(ready), first, in_layer, in_head, N_TOGETHER)


def _head(ready: MingThinker) -> Callable[[Tensor], Tensor]:
    return lambda x: ready.logits(ready.norm(x))


def random_past(thinker: MingThinker, context: int) -> Caches:
    """A memory of `context` random positions."""
    config = thinker.config
    shape = (1, config.n_kv_heads, context, config.head_dim)
    dtype = thinker.embedding.weight.dtype

    def drawn() -> Tensor:
        return torch.randn(shape).to(dtype)

    return tuple(KvCache().append(drawn(), drawn()) for _ in thinker.layers)


def table_at(thinker: MingThinker, position: int) -> RotaryTable:
    """The rotation of one position, the same for all conversations."""
    config = thinker.config
    return rotary_table_at(torch.tensor([[position]]), config.head_dim, config.theta)
