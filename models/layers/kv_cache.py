"""Keys and values of one attention layer, as a value.

A cache is a length over a growing buffer. Appending to the newest length writes in place;
appending to an older one (after a rewind) copies first, so every cache ever handed out stays
what it was. That makes snapshots free and rewinds exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

FIRST_CAPACITY = 128


class _Buffer:
    """Storage k, v [B, kv_heads, capacity, head_dim], of which `used` positions are written."""

    def __init__(self, k: Tensor, v: Tensor, used: int) -> None:
        self.k, self.v, self.used = k, v, used


@dataclass(frozen=True, eq=False)
class KvCache:
    """An immutable view of the first `length` positions. KvCache() is empty.

    room: positions to make room for at once, where it is known how many there will be.
    """

    length: int = 0
    _buffer: _Buffer | None = None
    room: int = FIRST_CAPACITY

    def append(self, k: Tensor, v: Tensor) -> KvCache:
        """A cache that also holds k, v [B, kv_heads, T, head_dim]."""
        longer = self.longer(k.shape[2], k)
        new_k, new_v = longer.keys_values()
        new_k[:, :, self.length :] = k
        new_v[:, :, self.length :] = v
        return longer

    def longer(self, n: int, like: Tensor) -> KvCache:
        """A cache of n more positions, which the caller writes before anybody looks at them.

        like: keys [B, kv_heads, any, head_dim] of the shape and kind that are to be kept.
        """
        end = self.length + n
        buffer = self._buffer
        if buffer is None or buffer.used != self.length or buffer.k.shape[2] < end:
            buffer = self._copied(like, end)
        buffer.used = end
        return KvCache(end, buffer, self.room)

    @property
    def dtype(self) -> torch.dtype | None:
        """Of keys and values; None while there are none."""
        return None if self._buffer is None else self._buffer.k.dtype

    def extended(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values with k, v behind them, which are not kept.

        They may lie in the room behind the newest length: use them before the next append.
        """
        buffer, end = self._buffer, self.length + k.shape[2]
        if buffer is None:
            return k, v
        if buffer.used != self.length or buffer.k.shape[2] < end:
            old_k, old_v = self.keys_values()
            return torch.cat([old_k, k], dim=2), torch.cat([old_v, v], dim=2)
        buffer.k[:, :, self.length : end] = k
        buffer.v[:, :, self.length : end] = v
        return buffer.k[:, :, :end], buffer.v[:, :, :end]

    def keys_values(self) -> tuple[Tensor, Tensor]:
        """k, v [B, kv_heads, length, head_dim]; views, not copies."""
        assert self._buffer is not None, "an empty cache has no keys"
        return self._buffer.k[:, :, : self.length], self._buffer.v[:, :, : self.length]

    def cut(self, length: int) -> KvCache:
        """The first `length` positions."""
        assert 0 <= length <= self.length
        return KvCache(length, self._buffer, self.room)

    def last(self, n: int) -> KvCache:
        """The newest n positions only, for windowed attention."""
        if self.length <= n:
            return self
        k, v = self.keys_values()
        return KvCache(room=self.room).append(k[:, :, -n:], v[:, :, -n:])

    def _copied(self, like: Tensor, end: int) -> _Buffer:
        capacity = self.room
        while capacity < end:
            capacity *= 2
        batch, heads, _, head_dim = like.shape
        new_k, new_v = (like.new_empty(batch, heads, capacity, head_dim) for _ in "kv")
        if self.length:
            old_k, old_v = self.keys_values()
            new_k[:, :, : self.length] = old_k
            new_v[:, :, : self.length] = old_v
        return _Buffer(new_k, new_v, self.length)
