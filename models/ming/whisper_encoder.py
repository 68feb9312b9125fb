"""Whisper-size audio encoder: log-mel at 100 Hz → frames at 50 Hz, every one sees every other.

    mel ─ conv 3 ─ GELU ─ conv 3 /2 ─ GELU ─ + sinusoids ─ blocks ─ LayerNorm ─ frames

Letters: B clips, T mel frames, F = (T - 1) // 2 + 1 encoder frames, D width.
Source: arXiv 2212.04356 §2.2; checkpoint prefix `audio.` (v1.5), `whisper_encoder.` (v1), with
the tensor names of the public Whisper code.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint import Built, Names, TensorSource
from .config import WhisperConfig


class WhisperAttention(nn.Module):
    """Self-attention without positions of its own; keys have no bias."""

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, F, D]; mask [B, 1, 1, F] or None, True = is there."""
        batch, n, dim = x.shape
        q, k, v = (
            part(x).view(batch, n, self.n_heads, -1).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(batch, n, dim))


class WhisperBlock(nn.Module):
    """Pre-norm attention and feed-forward, each with a residual."""

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__()
        self.attn_ln = nn.LayerNorm(dim)
        self.attn = WhisperAttention(dim, n_heads)
        self.mlp_ln = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.attn(self.attn_ln(x), mask)
        return x + self.mlp(self.mlp_ln(x))


class WhisperEncoder(nn.Module):
    """See the module's drawing. Clips are not padded to 30 s."""

    positional_embedding: Tensor

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.n_mels, config.dim, 3, padding=1)
        self.conv2 = nn.Conv1d(config.dim, config.dim, 3, stride=2, padding=1)
        self.register_buffer("positional_embedding", sinusoids(config.n_ctx, config.dim))
        self.blocks = nn.ModuleList(
            WhisperBlock(config.dim, config.n_heads) for _ in range(config.n_layers)
        )
        self.ln_post = nn.LayerNorm(config.dim)

    def forward(
        self, mel: Tensor, n_frames: Tensor | None = None, first_position: int = 0
    ) -> Tensor:
        """Clips to frames.

        Args:
            mel: log-mel [B, T, n_mels].
            n_frames: [B], mel frames of each clip where some are padded with zeros on the right;
                every clip then gives what it gives alone. Without it padding is listened to, as
                in the released code, whose result for a short clip depends on its neighbours.
            first_position: position (50 Hz) of the first frame, for a window inside a clip.

        Returns:
            frames [B, F, D]; rows beyond a padded clip's end mean nothing.

        Raises:
            ValueError: a clip beyond the last position (300 s in the released models).
        """
        valid = None if n_frames is None else _valid(n_frames, mel.shape[1])
        x = mel.transpose(1, 2).to(self.conv1.weight.dtype)
        x = F.gelu(self.conv1(x))
        if valid is not None:
            x = x * valid[:, None]
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        end = first_position + x.shape[1]
        if end > self.config.n_ctx:
            raise ValueError(f"a clip may be {self.config.n_ctx / 50:g} s long, not {end / 50:g} s")
        x = (x + self.positional_embedding[first_position:end]).to(x.dtype)
        mask = None if valid is None else valid[:, None, None, ::2]
        for block in self.blocks:
            x = block(x, mask)
        return self.ln_post(x)


def whisper_names(source: TensorSource, config: WhisperConfig) -> Names:
    """How the stored tensors fit; the position table may be missing, as its formula is known."""
    key = "positional_embedding"
    if key in source.keys():  # noqa: SIM118 - a source is no mapping
        return {}
    return {key: Built((), lambda: sinusoids(config.n_ctx, config.dim))}


def sinusoids(n: int, dim: int) -> Tensor:
    """Position table [n, dim]: sines, then cosines, of wavelengths 2 pi to 20 000 pi."""
    increment = math.log(10_000.0) / (dim // 2 - 1)
    rates = torch.exp(-increment * torch.arange(dim // 2))
    angle = torch.arange(n)[:, None] * rates
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def _valid(n_frames: Tensor, n: int) -> Tensor:
    """[B, n], True where a clip of n_frames has a frame."""
    return torch.arange(n, device=n_frames.device) < n_frames[:, None]
