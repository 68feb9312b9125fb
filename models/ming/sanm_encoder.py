"""SANM audio encoder: self-attention with a memory branch over stacked fbank frames.

    frames ─ x sqrt(D) ─ + sinusoids ─ first block (560 → D) ─ blocks ─ LayerNorm ─ frames

                      ┌─ attention ─ out ─┐
    q, k, v of x ─────┤                   + ─ x + … ─ ReLU feed-forward ─ + …
                      └─ v ─ taps + v ────┘

Letters: B clips, L stacked frames at 16.67 Hz, D width.
Source: arXiv 2006.01713 (SAN-M), 2006.01712 for the sinusoids of the first frames; checkpoint
prefix `audio.` (v1 and Preview).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import SanmConfig

EPS = 1e-12


class SanmAttention(nn.Module):
    """Self-attention plus a depthwise convolution over the values ("FSMN")."""

    def __init__(self, config: SanmConfig, dim_in: int) -> None:
        super().__init__()
        dim = config.dim
        self.n_heads = config.n_heads
        self.linear_q_k_v = nn.Linear(dim_in, 3 * dim)
        self.linear_out = nn.Linear(dim, dim)
        self.fsmn_block = nn.Conv1d(dim, dim, config.kernel, groups=dim, bias=False)
        left = (config.kernel - 1) // 2 + max(config.shift, 0)
        self.padding = (left, config.kernel - 1 - left)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """x [B, L, D_in]; valid [B, L] or None → [B, L, D]."""
        q, k, v = self.linear_q_k_v(x).chunk(3, dim=-1)
        memory = self._memory(v, valid)
        q, k, v = (
            part.view(*part.shape[:2], self.n_heads, -1).transpose(1, 2) for part in (q, k, v)
        )
        mask = None if valid is None else valid[:, None, None]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.linear_out(y.transpose(1, 2).flatten(2)) + memory

    def _memory(self, v: Tensor, valid: Tensor | None) -> Tensor:
        if valid is not None:
            v = v * valid[..., None]
        taps = self.fsmn_block(F.pad(v.transpose(1, 2), self.padding)).transpose(1, 2)
        return taps + v


class FeedForward(nn.Module):
    """Linear, ReLU, linear."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(dim, hidden)
        self.w_2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_2(F.relu(self.w_1(x)))


class SanmBlock(nn.Module):
    """Pre-norm attention and feed-forward; the block that changes the width has one residual."""

    def __init__(self, config: SanmConfig, dim_in: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim_in, eps=EPS)
        self.self_attn = SanmAttention(config, dim_in)
        self.norm2 = nn.LayerNorm(config.dim, eps=EPS)
        self.feed_forward = FeedForward(config.dim, config.ffn_dim)
        self.keeps_width = dim_in == config.dim

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        y = self.self_attn(self.norm1(x), valid)
        x = x + y if self.keeps_width else y
        return x + self.feed_forward(self.norm2(x))


class SanmEncoder(nn.Module):
    """See the module's drawing."""

    def __init__(self, config: SanmConfig) -> None:
        super().__init__()
        self.config = config
        self.encoders0 = nn.ModuleList([SanmBlock(config, config.input_dim)])
        self.encoders = nn.ModuleList(
            SanmBlock(config, config.dim) for _ in range(config.n_blocks - 1)
        )
        self.after_norm = nn.LayerNorm(config.dim, eps=EPS)

    def forward(
        self, frames: Tensor, n_frames: Tensor | None = None, first_position: int = 0
    ) -> Tensor:
        """Clips to frames.

        Args:
            frames: normalised stacked fbank [B, L, 560].
            n_frames: [B], frames of each clip where some are padded on the right.
            first_position: position of the first frame, for a window inside a clip.

        Returns:
            frames [B, L, D] at the same rate; rows beyond a clip's end mean nothing.
        """
        n, dim_in = frames.shape[1:]
        valid = None
        if n_frames is not None:
            valid = torch.arange(n, device=frames.device) < n_frames[:, None]
        table = _sinusoids(first_position + 1, n, dim_in).to(frames.device)
        x = (frames * math.sqrt(self.config.dim) + table).to(self.after_norm.weight.dtype)
        for block in (*self.encoders0, *self.encoders):
            x = block(x, valid)
        return self.after_norm(x)


def _sinusoids(first: int, n: int, dim: int) -> Tensor:
    """Positions first .. first + n - 1: [n, dim], sines, then cosines."""
    increment = math.log(10_000.0) / (dim // 2 - 1)
    rates = torch.exp(-increment * torch.arange(dim // 2))
    angle = torch.arange(first, first + n)[:, None] * rates
    return torch.cat([angle.sin(), angle.cos()], dim=1)
