"""Rotary position embedding (RoFormer, arXiv 2104.09864), half-split layout."""

from __future__ import annotations

import torch
from torch import Tensor


def rotary_table(
    positions: Tensor, head_dim: int, theta: float = 10_000.0
) -> tuple[Tensor, Tensor]:
    """cos and sin [T, head_dim] in fp32 for integer `positions` [T]."""
    exponent = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim
    angle = positions.float()[:, None] * theta**-exponent
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate x [B, heads, T, head_dim] by the table of its T positions."""
    cos, sin = table
    first, second = x.chunk(2, dim=-1)
    return x * cos.to(x.dtype) + torch.cat([-second, first], dim=-1) * sin.to(x.dtype)
