"""Rotary position embedding (RoFormer, arXiv 2104.09864), half-split layout."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

RotaryTable = tuple[Tensor, Tensor]
"""cos and sin [T, head_dim] in fp32; the first half of sin is negative, see `rotate`."""

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


def rotary_rows(positions: Tensor, head_dim: int, theta: float) -> RotaryTable:
    """The table of any positions [T], in any order."""
    exponent = torch.arange(0, head_dim, 2, device=positions.device).float() / head_dim
    angle = positions[:, None].float() * theta**-exponent
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


@lru_cache(maxsize=32)
def _long_table(length: int, head_dim: int, theta: float, device: torch.device) -> RotaryTable:
    with torch.inference_mode(False):  # kept: training may use it after a conversation made it
        exponent = torch.arange(0, head_dim, 2, device=device, dtype=torch.float32) / head_dim
        positions = torch.arange(length, device=device).float()
        angle = positions[:, None] * theta**-exponent
        cos, sin = angle.cos(), angle.sin()
        return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(x: Tensor, table: RotaryTable) -> Tensor:
    """Rotate x [B, heads, T, head_dim] by the table of its T positions.

    (a, b) → (a cos - b sin, b cos + a sin), with a and b the halves of head_dim.
    """
    cos, sin = table
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    return x * cos.to(x.dtype) + swapped * sin.to(x.dtype)
