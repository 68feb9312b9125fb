"""Streaming log-mel features.

Frame t of hop H and window W uses the samples (t + 1) * H - W .. (t + 1) * H - 1: nothing after
them, and zeros before the first sample. Normalisation is fixed, so frames never depend on how
much audio follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class MelConfig:
    """80 mel bands by default, 100 frames per second at 16 kHz."""

    rate_hz: int = 16_000
    window_samples: int = 400
    hop_samples: int = 160
    fft_size: int = 512
    n_mels: int = 80
    low_hz: float = 20.0
    high_hz: float = 7_600.0
    floor: float = 1e-6
    shift: float = 3.0
    scale: float = 1.7


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept: training may use it after a conversation made it
def mel_filters(config: MelConfig) -> Tensor:
    """Triangular HTK-scale filters [fft_size // 2 + 1, n_mels]."""

    def mel(hz: Tensor) -> Tensor:
        return 2595.0 * torch.log10(1.0 + hz / 700.0)

    edges = torch.linspace(
        mel(torch.tensor(config.low_hz)), mel(torch.tensor(config.high_hz)), config.n_mels + 2
    )
    bins = mel(torch.linspace(0, config.rate_hz / 2, config.fft_size // 2 + 1))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _window(n_samples: int) -> Tensor:
    return torch.hann_window(n_samples)


def log_mel(pcm: Tensor, config: MelConfig) -> Tensor:
    """Frames of pcm [B, (T - 1) * hop + window], history included → [B, T, n_mels]."""
    frames = pcm.unfold(-1, config.window_samples, config.hop_samples)
    spectrum = torch.fft.rfft(frames * _window(config.window_samples).to(pcm), config.fft_size)
    power = spectrum.real.square() + spectrum.imag.square()
    mel = power @ mel_filters(config).to(pcm)
    return ((mel + config.floor).log10() + config.shift) / config.scale


def initial_tail(config: MelConfig, batch: int = 1) -> Tensor:
    """The samples before the first: zeros [B, window - hop]."""
    return torch.zeros(batch, config.window_samples - config.hop_samples)


def stream_log_mel(pcm: Tensor, tail: Tensor, config: MelConfig) -> tuple[Tensor, Tensor]:
    """Frames that pcm [B, n] completes, [B, T, n_mels], and the samples to keep."""
    joined = torch.cat([tail, pcm], dim=-1)
    overlap = config.window_samples - config.hop_samples
    n_frames = (joined.shape[-1] - overlap) // config.hop_samples
    if n_frames == 0:
        return joined.new_zeros(joined.shape[0], 0, config.n_mels), joined
    end = n_frames * config.hop_samples
    return log_mel(joined[:, : end + overlap], config), joined[:, end:]
