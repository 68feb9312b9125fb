"""The encoder before flow matching: conformer blocks with relative positions, chunk by chunk.

A frame sees its own chunk whole and every earlier one (block-causal), so a finished chunk never
changes and its keys and values are kept. Only the first layer looks ahead, over the codes that
follow:

    codes   0 1 2 ... C-1 | C C+1 C+2          A = 3 codes ahead complete the chunk of C
    frames  └─── chunk ──┘

Letters: B batch, T new frames, L frames seen, D width, H heads, C chunk, A look-ahead, R frames
per code.

Source: relative attention of arXiv 1901.02860 §3.3; checkpoint prefix `encoder`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.causal_conv import CausalConv
from ..layers.kv_cache import KvCache

FIRST_TABLE = 512  # relative distances a position table starts with; it doubles when exceeded
Caches = tuple[KvCache, ...]


@dataclass(frozen=True)
class ConformerConfig:
    """Sizes of one encoder; look_ahead and up_ratio are 0 and 1 where it has no such layer."""

    dim_in: int
    dim: int
    n_heads: int
    hidden: int
    n_blocks: int
    n_up_blocks: int = 0
    look_ahead: int = 0
    up_ratio: int = 1


def keys_seen(cache: KvCache, k: Tensor, v: Tensor, keep: bool) -> tuple[Tensor, Tensor, KvCache]:
    """Cached and new keys and values, and the cache to go on with: grown if `keep`, else as was.

    They are kept in the cache's number format and seen in that of k and v.
    """
    if not (keep or cache.length):
        return k, v, cache
    kept = cache.keys_values()[0].dtype if cache.length else k.dtype
    new = k.to(kept), v.to(kept)
    after = cache.append(*new) if keep else cache
    keys, values = after.keys_values() if keep else cache.extended(*new)
    return keys.to(k.dtype), values.to(v.dtype), after


def halved(caches: Iterable[KvCache]) -> Caches:
    """The same caches in half precision, from now on."""
    return tuple(_halved(cache) for cache in caches)


def _halved(cache: KvCache) -> KvCache:
    if not cache.length or (keys_values := cache.keys_values())[0].dtype is not torch.float32:
        return cache
    return KvCache(room=cache.room).append(*(tensor.half() for tensor in keys_values))


def forgetful(caches: Iterable[KvCache], n_first: int, n_last: int) -> Caches:
    """Caches of the first n_first and the last n_last positions; what lies between is dropped."""
    kept = []
    for cache in caches:
        k, v = cache.keys_values()
        first = KvCache(room=cache.room).append(k[:, :, :n_first], v[:, :, :n_first])
        kept.append(first.append(k[:, :, -n_last:], v[:, :, -n_last:]))
    return tuple(kept)


def roomy(caches: Iterable[KvCache], room: int) -> Caches:
    """The same caches, which make room for so many positions when they next have to grow."""
    return tuple(replace(cache, room=room) for cache in caches)


class RelativeAttention(nn.Module):
    """Self-attention whose score adds a term of the distance: (q+u)·k + (q+v)·p(i-j)."""

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads, self.head_dim = n_heads, dim // n_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.distance = nn.Linear(dim, dim, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(n_heads, self.head_dim))
        self.distance_bias = nn.Parameter(torch.zeros(n_heads, self.head_dim))
        self.out = nn.Linear(dim, dim)
        self._table: Tensor | None = None  # follows from the weights; see _distances
        self._table_key: tuple[object, ...] = ()

    def forward(
        self, x: Tensor, cache: KvCache, mask: Tensor | None = None, keep: bool = True
    ) -> tuple[Tensor, KvCache]:
        """x [B, T, D] after the cached frames; `mask` [T, L] is True where a frame may look."""
        batch, n, _ = x.shape
        heads = self.qkv(x).view(batch, n, 3, self.n_heads, self.head_dim)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        k, v, cache = keys_seen(cache, k, v, keep)
        distances = self._distances(n, k.shape[2])
        by_distance = torch.matmul(q + self.distance_bias[:, None], distances.transpose(1, 2))
        bias = _by_key(by_distance, k.shape[2]) * self.head_dim**-0.5
        if mask is not None:
            bias = bias.masked_fill(~mask, -math.inf)
        y = F.scaled_dot_product_attention(q + self.content_bias[:, None], k, v, attn_mask=bias)
        return self.out(y.transpose(1, 2).reshape(batch, n, -1)), cache

    def _distances(self, n_queries: int, n_seen: int) -> Tensor:
        """Projected distances n_seen - 1 down to 1 - n_queries, [H, n_seen + n_queries - 1, d]."""
        weight = self.distance.weight
        version = 0 if weight.is_inference() else weight._version
        n = FIRST_TABLE
        while n < n_seen:
            n *= 2
        key = (id(weight), version, weight.dtype, weight.device)
        if self._table is None or self._table_key != key or self._table.shape[1] < 2 * n - 1:
            with torch.inference_mode(False), torch.no_grad():
                far = sinusoids(torch.arange(n - 1, -n, -1, device=weight.device), weight.shape[1])
                table = F.linear(far.to(weight.dtype), weight)
                self._table = table.view(-1, self.n_heads, self.head_dim).transpose(0, 1)
            self._table_key = key
        n = (self._table.shape[1] + 1) // 2
        return self._table[:, n - n_seen : n + n_queries - 1]


def sinusoids(positions: Tensor, dim: int) -> Tensor:
    """Sine and cosine interleaved, [T, dim] for positions [T], negative ones too."""
    step = torch.arange(0, dim, 2, device=positions.device).float() * -(math.log(1e4) / dim)
    angle = positions[:, None].float() * step.exp()
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def _by_key(by_distance: Tensor, n_seen: int) -> Tensor:
    """[B, H, T, L + T - 1], distances falling from L - 1 → [B, H, T, L] by key position.

    Query i sits at L - T + i, so key j stands in column T - 1 - i + j of its row:

        T = 2, L = 3    . a0 a1 a2        a0 a1 a2
                        b0 b1 b2 .    →   b0 b1 b2
    """
    batch, heads, n, width = by_distance.shape
    if n == 1:
        return by_distance
    flat = by_distance.reshape(batch, heads, n * width)[..., n - 1 : n * width - 1]
    return flat.view(batch, heads, n, width - 1)[..., :n_seen]


class ConformerBlock(nn.Module):
    """Attention and feed-forward, both normalised before; no convolution module."""

    def __init__(self, dim: int, n_heads: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim, eps=1e-12)
        self.attention = RelativeAttention(dim, n_heads)
        self.feed_forward_norm = nn.LayerNorm(dim, eps=1e-12)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(
        self, x: Tensor, cache: KvCache, mask: Tensor | None = None, keep: bool = True
    ) -> tuple[Tensor, KvCache]:
        y, cache = self.attention(self.attention_norm(x), cache, mask, keep)
        x = x + y
        return x + self.down(F.silu(self.up(self.feed_forward_norm(x)))), cache


class Entry(nn.Module):
    """Linear, LayerNorm, times sqrt(D): what stands before a row of blocks."""

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim_in, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-5)
        self.scale = dim**0.5

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(x)) * self.scale


class LookAhead(nn.Module):
    """Residual layer that lets a frame see the A codes after it."""

    def __init__(self, dim: int, look_ahead: int) -> None:
        super().__init__()
        self.n_ahead = look_ahead
        self.ahead = CausalConv(dim, dim, look_ahead + 1)
        self.behind = CausalConv(dim, dim, 3)

    def forward(self, x: Tensor, n: int, state: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, n..n + A, D] → [B, n, D] and the state; zeros stand for what is not there."""
        padded = F.pad(x, (0, 0, 0, n + self.n_ahead - x.shape[1]))
        y, _ = self.ahead.step(padded, padded[:, :0])
        y, state = self.behind.step(F.leaky_relu(y), state)
        return x[:, :n] + y, state


@dataclass(frozen=True, eq=False)
class EncoderState:
    """What lies before the next chunk: convolution tails, keys and values of every block."""

    ahead: Tensor
    blocks: Caches
    up: Tensor
    up_blocks: Caches

    @property
    def n_frames(self) -> int:
        """Positions the first row of blocks still knows."""
        return self.blocks[0].length

    def forgetful(self, n_first: int, n_last: int, ratio: int) -> EncoderState:
        """Only the first and last so many codes' frames are remembered."""
        up = forgetful(self.up_blocks, n_first * ratio, n_last * ratio)
        return EncoderState(self.ahead, forgetful(self.blocks, n_first, n_last), self.up, up)

    def halved(self) -> EncoderState:
        """Kept in half precision."""
        return replace(self, blocks=halved(self.blocks), up_blocks=halved(self.up_blocks))

    def roomy(self, room: int, ratio: int) -> EncoderState:
        """Room is made for so many codes' frames."""
        up_blocks = roomy(self.up_blocks, room * ratio)
        return replace(self, blocks=roomy(self.blocks, room), up_blocks=up_blocks)


class UpsamplingEncoder(nn.Module):
    """Codes' embeddings → hidden states at the mel rate, R frames each (v1.5)."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        self.config = c = config
        self.entry = Entry(c.dim_in, c.dim)
        self.look_ahead = LookAhead(c.dim, c.look_ahead)
        self.blocks = _blocks(c, c.n_blocks)
        self.up = CausalConv(c.dim, c.dim, 2 * c.up_ratio + 1)
        self.up_entry = Entry(c.dim, c.dim)
        self.up_blocks = _blocks(c, c.n_up_blocks)
        self.norm = nn.LayerNorm(c.dim, eps=1e-5)

    def initial(self) -> EncoderState:
        """Before the first code."""
        empty = KvCache()
        return EncoderState(
            self.look_ahead.behind.initial(),
            (empty,) * len(self.blocks),
            self.up.initial(),
            (empty,) * len(self.up_blocks),
        )

    def step(
        self,
        x: Tensor,
        n: int,
        state: EncoderState,
        keep: bool = True,
        masks: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, EncoderState]:
        """The next n codes → hidden [B, n * R, D].

        Args:
            x: embeddings [B, n..n + A, E]; what is missing of the look-ahead counts as silence.
            n: codes to encode; at most one chunk, or any number with `masks`.
            state: after everything before; returned as it was where not `keep`.
            keep: whether later frames will build on these.
            masks: where frames may look, before and after the up-sampling layer.
        """
        mask, up_mask = masks or (None, None)
        y, ahead = self.look_ahead(self.entry(x), n, state.ahead)
        y, blocks = through(self.blocks, y, state.blocks, mask, keep)
        y, up = self.up.step(y.repeat_interleave(self.config.up_ratio, dim=1), state.up)
        y, up_blocks = through(self.up_blocks, self.up_entry(y), state.up_blocks, up_mask, keep)
        after = EncoderState(ahead, blocks, up, up_blocks) if keep else state
        return self.norm(y), after


class ConformerEncoder(nn.Module):
    """Embeddings [B, T, E] → hidden [B, T, D], every frame seeing all (v1 and Preview)."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        self.entry = Entry(config.dim_in, config.dim)
        self.blocks = _blocks(config, config.n_blocks)
        self.norm = nn.LayerNorm(config.dim, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        empty = (KvCache(),) * len(self.blocks)
        return self.norm(through(self.blocks, self.entry(x), empty, None, keep=False)[0])


def _blocks(config: ConformerConfig, n: int) -> nn.ModuleList:
    return nn.ModuleList(
        ConformerBlock(config.dim, config.n_heads, config.hidden) for _ in range(n)
    )


def through(
    blocks: Iterable[nn.Module], x: Tensor, caches: Caches, mask: Tensor | None, keep: bool
) -> tuple[Tensor, Caches]:
    """x [B, T, D] through a row of blocks, each with its own cache."""
    after = []
    for block, cache in zip(blocks, caches, strict=True):
        x, cache = block(x, cache, mask, keep)
        after.append(cache)
    return x, tuple(after)
