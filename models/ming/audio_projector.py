"""From encoder frames to thinker positions, for both audio encoders.

    frames ─ conv k /s ─ GELU ─ linear ─ to length 1 ─ positions

Source: arXiv 2506.09344 §2; checkpoint prefixes `linear_proj_audio.` and, for the Whisper-size
encoder of v1, `linear_proj_whisper.`; `0` is the convolution, `3` the linear layer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint import Names
from .config import ProjectorConfig

AUDIO_PROJECTOR_NAMES: Names = {
    "conv.weight": "0.weight",
    "conv.bias": "0.bias",
    "linear.weight": "3.weight",
    "linear.bias": "3.bias",
}


class AudioProjector(nn.Module):
    """Kernel 3, stride 2 behind the Whisper-size encoder (25 Hz), 1 and 1 behind SANM."""

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        self.config = config
        self.conv = nn.Conv1d(
            config.encoder_dim,
            config.dim,
            config.kernel,
            stride=config.stride,
            padding=config.kernel // 2,
        )
        self.linear = nn.Linear(config.dim, config.dim)

    def forward(self, frames: Tensor, n_frames: Tensor | None = None) -> Tensor:
        """frames [B, F, D_encoder] → positions [B, P, D], each of length 1.

        n_frames [B] says how long each clip is where some are padded on the right.
        """
        if n_frames is not None:
            valid = torch.arange(frames.shape[1], device=frames.device) < n_frames[:, None]
            frames = frames * valid[..., None]
        x = self.linear(F.gelu(self.conv(frames.transpose(1, 2))).transpose(1, 2))
        return F.normalize(x, dim=-1) if self.config.normalise else x

    def n_positions(self, n_frames: Tensor) -> Tensor:
        """Positions that clips of n_frames [..] encoder frames give; 0 for none."""
        padding = 2 * (self.config.kernel // 2) - self.config.kernel
        return ((n_frames + padding) // self.config.stride + 1) * (n_frames > 0)
