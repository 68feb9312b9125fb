"""Grouped-query self-attention with rotary positions: whole sequences or step by step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .kv_cache import KvCache
from .rotary import RotaryTable, rotary_table, rotate


class Attention(nn.Module):
    """Self-attention with fused q, k, v.

    Letters: B batch, T new positions, P cached positions, D model width.
    """

    def __init__(
        self,
        dim: int,
        n_heads: int,
        n_kv_heads: int | None = None,
        theta: float = 10_000.0,
        head_dim: int | None = None,
        qkv_bias: bool = False,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.n_kv_heads = n_kv_heads or n_heads
        self.head_dim = head_dim or dim // n_heads
        self.theta = theta
        n_rows = (n_heads + 2 * self.n_kv_heads) * self.head_dim
        self.qkv = nn.Linear(dim, n_rows, bias=qkv_bias)
        self.out = nn.Linear(n_heads * self.head_dim, dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Whole sequences x [B, T, D]; `mask` is boolean, True = may look; None = causal."""
        q, k, v = self._project(x, first_position=0)
        y = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=self._grouped
        )
        return self._merge(y)

    def step(
        self,
        x: Tensor,
        cache: KvCache,
        first_position: int | None = None,
        window: int | None = None,
        table: RotaryTable | None = None,
        visible: Tensor | None = None,
    ) -> tuple[Tensor, KvCache]:
        """Causal continuation: x [B, T, D] follows the cached positions.

        first_position: absolute position of x[:, 0]; the cache's length where nothing was cut.
        window: a position sees itself and window - 1 before it; None sees everything.
        table: rotation of the T positions where they are not counted on from first_position.
        visible: boolean [B, P + T], False for positions nobody may look at (padding).
        """
        start = cache.length if first_position is None else first_position
        q, k, v = self._project(x, start, table)
        n_new = x.shape[1]
        cache = cache.append(k, v)
        k, v = cache.keys_values()
        if window is not None:
            k, v = (y[:, :, max(0, cache.length - (window - 1 + n_new)) :] for y in (k, v))
        mask = None
        if n_new > 1:
            n_seen = k.shape[2]
            mask = torch.ones(n_new, n_seen, dtype=torch.bool, device=x.device)
            mask = mask.tril(n_seen - n_new)
            if window is not None:
                mask = mask.triu(n_seen - n_new + 1 - window)
        if visible is not None:
            own = torch.ones_like(visible, dtype=torch.bool).diag_embed()[:, -n_new:]
            seen = (visible[:, None] | own)[:, None, :, -k.shape[2] :]  # padding sees itself
            mask = seen if mask is None else mask & seen
        return self._merge(self._attend(q, k, v, mask)), cache

    def step_together(
        self, x: Tensor, caches: Sequence[KvCache], table: RotaryTable
    ) -> tuple[Tensor, list[KvCache]]:
        """One next position x [B, 1, D] of each of B sequences with a cache of its own.

        The weights are read once for all; each sequence looks at its own length only.
        """
        q, k, v = self._project(x, 0, table)
        parts, new = [], []
        for row, cache in enumerate(caches):
            one = slice(row, row + 1)
            cache = cache.append(k[one], v[one])
            parts.append(self._attend(q[one], *cache.keys_values(), None))
            new.append(cache)
        return self._merge(torch.cat(parts)), new

    def step_chunk(
        self, x: Tensor, cache: KvCache, first_position: int, n_left: int
    ) -> tuple[Tensor, KvCache]:
        """One chunk x [B, T, D] that sees itself whole and at most n_left earlier positions."""
        q, k, v = self._project(x, first_position)
        cache = cache.append(k, v)
        k, v = cache.keys_values()
        y = F.scaled_dot_product_attention(q, k, v, enable_gqa=self._grouped)
        return self._merge(y), cache.last(n_left)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """q [B, heads, T, head_dim] over k, v [B, kv_heads, P, head_dim]."""
        if q.shape[2] > 1 or not self._grouped:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=self._grouped)
        # One position: the heads that share k and v stand in the place of time, nothing repeats.
        folded = q.view(q.shape[0], self.n_kv_heads, -1, self.head_dim)
        return F.scaled_dot_product_attention(folded, k, v, attn_mask=mask).view_as(q)

    @property
    def _grouped(self) -> bool:
        return self.n_kv_heads != self.n_heads

    def _project(
        self, x: Tensor, first_position: int, table: RotaryTable | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, T, D] → q, k (rotated), v [B, heads, T, head_dim]."""
        batch, n, _ = x.shape
        heads = self.qkv(x).view(batch, n, -1, self.head_dim).transpose(1, 2)
        turning, v = heads.split([self.n_heads + self.n_kv_heads, self.n_kv_heads], dim=1)
        if table is None:
            table = rotary_table(first_position, n, self.head_dim, self.theta, x.device)
        q, k = rotate(turning, table).split([self.n_heads, self.n_kv_heads], dim=1)
        return q, k, v

    def _merge(self, y: Tensor) -> Tensor:
        batch, _, n, _ = y.shape
        return self.out(y.transpose(1, 2).reshape(batch, n, -1))


def chunk_mask(
    n: int, chunk: int, n_left_chunks: int, device: torch.device | None = None
) -> Tensor:
    """Boolean [n, n]: a position sees its own chunk whole and n_left_chunks before it.

    chunk 2, left 1:   0 1 2 3 4 5
                   0 1 x x . . . .
                   2 3 x x x x . .
                   4 5 . . x x x x
    """
    index = torch.arange(n, device=device) // chunk
    distance = index[:, None] - index[None, :]
    return (distance >= 0) & (distance <= n_left_chunks)
