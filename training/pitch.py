"""The pitch of recordings, frame by frame, as target of the audio decoder's pitch head.

Autocorrelation of a window, divided by that of the window itself: Boersma 1993.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, HOP, RATE_HZ = 1024, 160, 16_000
SHORTEST, LONGEST = 90, 230  # periods in samples: 178 to 70 Hz, what the recordings have
MIN_PERIODICITY = 0.6
MIN_LEVEL = 0.01


def pitch(samples: Tensor, shortest: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Pitch in Hz [B, T] and whether the frame is voiced [B, T], of samples [B, T * 160].

    Where it is not voiced, the pitch is that of the last voiced frame before, or 100 Hz.

    shortest: the shortest period of each recording's voice in samples [B]: the fewer periods may
        be meant, the fewer are mistaken for their half.
    """
    side = (WINDOW - HOP) // 2
    frames = F.pad(samples, (side, side)).unfold(-1, WINDOW, HOP)
    window = torch.hann_window(WINDOW, device=samples.device)
    correlation = _autocorrelation((frames - frames.mean(-1, keepdim=True)) * window)
    own = _autocorrelation(window)
    correlation = correlation / (own / own[0]).clamp(min=1e-3)
    level = frames.square().mean(-1).sqrt()
    if shortest is None:
        shortest = torch.full((len(samples),), SHORTEST, device=samples.device)
    periodicity, lag = _first_high_peak(correlation, shortest)
    voiced = (periodicity > MIN_PERIODICITY) & (level > MIN_LEVEL)
    return _held(RATE_HZ / lag, voiced), voiced


def _autocorrelation(x: Tensor) -> Tensor:
    """Lags 0 .. LONGEST + 1 of x [.., WINDOW], 1 at lag 0."""
    power = torch.fft.rfft(x, 2 * WINDOW).abs().square()
    full = torch.fft.irfft(power)[..., : LONGEST + 2]
    return full / full[..., :1].clamp(min=1e-9)


def _first_high_peak(correlation: Tensor, shortest: Tensor) -> tuple[Tensor, Tensor]:
    """Value and lag (interpolated) of the shortest period nearly as good as the best."""
    left = correlation[..., SHORTEST - 1 : LONGEST - 1]
    here = correlation[..., SHORTEST:LONGEST]
    right = correlation[..., SHORTEST + 1 : LONGEST + 1]
    lags = torch.arange(SHORTEST, LONGEST, device=correlation.device)
    possible = (here >= left) & (here >= right) & (lags >= shortest[:, None, None])
    peaks = torch.where(possible, here, -1.0)
    best = peaks.max(-1, keepdim=True).values
    index = (peaks >= 0.88 * best).float().argmax(-1, keepdim=True)
    a, b, c = (y.gather(-1, index).squeeze(-1) for y in (left, here, right))
    shift = (0.5 * (a - c) / (a - 2 * b + c).clamp(max=-1e-6)).clamp(-0.5, 0.5)
    return b, SHORTEST + index.squeeze(-1) + shift


def _held(hz: Tensor, voiced: Tensor) -> Tensor:
    """Unvoiced frames repeat the last voiced one."""
    position = torch.arange(hz.shape[1], device=hz.device).expand_as(hz)
    last = torch.where(voiced, position, -1).cummax(1).values
    return torch.where(last >= 0, hz.gather(1, last.clamp(min=0)), 100.0)
