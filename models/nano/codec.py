"""Codec encoder: waveform → speech codes. Used in training only, to code what the talker learns.

    mel 100 Hz ───┬─ conv /2 ─ conv /2 ─ 25 Hz ─ ConvNeXt blocks ─ 3 numbers ─ FSQ
    pitch, voiced ┘

The pitch comes beside the mel where a language has tones: windows of 25 ms hardly show it.

Finite scalar quantisation (arXiv 2309.15505): each number is normalised to mean 0, deviation 1
over the data, turned into its Gaussian rank in [-1, 1] and rounded to its levels. So every level
is used about equally often from the first step on.

Letters: B batch, n samples at 16 kHz, T frames at 100 Hz, N = T // 4 codes at 25 Hz.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..features import MelConfig, initial_tail, log_mel
from ..layers.convnext import ConvNext


class Coded(NamedTuple):
    """codes [B, N] int64; values [B, N, D] in [-1, 1], differentiable towards the encoder."""

    codes: Tensor
    values: Tensor


class Quantizer(nn.Module):
    """Numbers [B, N, D] → levels, straight-through for the gradient."""

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        self.normalise = nn.BatchNorm1d(len(levels), affine=False, momentum=0.02)

    def forward(self, x: Tensor) -> Coded:
        """x [B, N, D] of any scale."""
        x = self.normalise(x.transpose(1, 2)).transpose(1, 2)
        top = torch.tensor([level - 1 for level in self.levels], device=x.device)
        position = (torch.erf(x * 0.5**0.5) + 1) / 2 * top
        digits = position.round()
        digits = position + (digits - position).detach()
        weights = torch.tensor([1, *self.levels[:-1]], device=x.device).cumprod(0)
        codes = (digits.detach().round().long() * weights).sum(-1)
        return Coded(codes, digits * 2 / top - 1)


class CodecEncoder(nn.Module):
    """Samples [B, n] → codes [B, n // 640].

    hears_pitch: whether it takes the pitch beside the mel.
    """

    def __init__(
        self,
        levels: tuple[int, ...],
        dim: int = 128,
        n_blocks: int = 4,
        hears_pitch: bool = False,
    ) -> None:
        super().__init__()
        self.mel = MelConfig()
        self.front1 = nn.Conv1d(self.mel.n_mels, dim, 5, 2, padding=2)
        self.pitch = nn.Conv1d(2, dim, 5, 2, padding=2, bias=False) if hears_pitch else None
        self.front2 = nn.Conv1d(dim, dim, 5, 2, padding=2)
        self.blocks = nn.ModuleList(ConvNext(dim, 4 * dim, look_ahead=3) for _ in range(n_blocks))
        self.out = nn.Linear(dim, len(levels))
        self.quantizer = Quantizer(levels)

    def features(self, pcm: Tensor) -> Tensor:
        """Log-mel [B, T, 80] of samples [B, n]."""
        tail = initial_tail(self.mel, pcm.shape[0]).to(pcm)
        return log_mel(torch.cat([tail, pcm], dim=-1), self.mel)

    def forward(self, mel: Tensor, pitch: Tensor) -> Coded:
        """Codes of mel [B, T, 80], T a multiple of 4.

        pitch: its logarithm above PITCH_HZ and 1 where there is a voice, else both 0 [B, T, 2].
        """
        x = self.front1(mel.transpose(1, 2))
        if self.pitch is not None:
            x = x + self.pitch(pitch.transpose(1, 2))
        x = F.gelu(x)
        x = F.gelu(self.front2(x)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.quantizer(self.out(x))
