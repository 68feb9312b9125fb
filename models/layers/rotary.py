"""Rotary position embedding (RoFormer, arXiv 2104.09864), half-split layout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

RotaryTable = tuple[Tensor, Tensor]
"""cos and sin [.., T, head_dim] in fp32; the first half of sin is negative, see `rotate`."""

_FIRST_LENGTH = 512


def rotary_table(
    first_position: int, n: int, head_dim: int, theta: float, device: torch.device
) -> RotaryTable:
    """The table of positions first_position .. first_position + n - 1."""
    length = _FIRST_LENGTH
    while length < first_position + n:
        length *= 2
    cos, sin = _long_table(length, head_dim, theta, device)
    part = slice(first_position, first_position + n)
    return cos[part], sin[part]


def rotary_table_at(
    positions: Tensor, head_dim: int, theta: float, sections: Sequence[int] | None = None
) -> RotaryTable:
    """The table [B, 1, T, head_dim] of any positions, for heads [B, heads, T, head_dim].

    positions: [B, T], or [3, B, T] with a time, a height and a width row.
    sections: how many frequencies, from the quickest on, each row turns (arXiv 2409.12191 §2.1).
    """
    if positions.dim() == 2:
        turning = positions[..., None].float()
    else:
        assert sections is not None, "positions of three rows need sections"
        rows = [positions[row, ..., None].expand(-1, -1, n) for row, n in enumerate(sections)]
        turning = torch.cat(rows, dim=-1).float()
    return _table((turning * _frequencies(head_dim, theta, positions.device))[:, None])


@lru_cache(maxsize=32)
def _long_table(length: int, head_dim: int, theta: float, device: torch.device) -> RotaryTable:
    with torch.inference_mode(False):  # kept: training may use it after a conversation made it
        positions = torch.arange(length, device=device).float()
        return _table(positions[:, None] * _frequencies(head_dim, theta, device))


def _frequencies(head_dim: int, theta: float, device: torch.device) -> Tensor:
    exponent = torch.arange(0, head_dim, 2, device=device, dtype=torch.float32) / head_dim
    return theta**-exponent


def _table(angle: Tensor) -> RotaryTable:
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(x: Tensor, table: RotaryTable) -> Tensor:
    """Rotate x [B, heads, T, head_dim] by the table of its T positions.

    (a, b) → (a cos - b sin, b cos + a sin), with a and b the halves of head_dim.
    """
    cos, sin = table
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    return x * cos.to(x.dtype) + swapped * sin.to(x.dtype)
