"""Change of sampling rate for whole recordings: windowed sinc, as the releases' own front end.

Every output sample is a sum over the input, weighted by a sinc of the lower of both rates (times
0.99) inside a raised-cosine window of six zero crossings on either side. The rates' ratio is p/q
in lowest terms, so q kernels are enough.

Source: J. O. Smith, "Digital Audio Resampling" (CCRMA), with the constants of torchaudio's default.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

ZERO_CROSSINGS = 6
ROLLOFF = 0.99


def resampled(pcm: Tensor, rate_hz: int, to_hz: int) -> Tensor:
    """pcm [n] at rate_hz → [ceil(n * to_hz / rate_hz)] at to_hz."""
    if rate_hz == to_hz or len(pcm) == 0:
        return pcm
    shared = math.gcd(rate_hz, to_hz)
    source, target = rate_hz // shared, to_hz // shared
    kernels, margin = _kernels(source, target)
    padded = F.pad(pcm.to(torch.float32), (margin, margin + source))
    out = F.conv1d(padded[None, None], kernels[:, None], stride=source)  # [1, target, steps]
    return out[0].T.reshape(-1)[: math.ceil(len(pcm) * target / source)]


def _kernels(source: int, target: int) -> tuple[Tensor, int]:
    """One kernel [K] for each of `target` phases, and how far they look back, in samples."""
    cutoff = min(source, target) * ROLLOFF
    margin = math.ceil(ZERO_CROSSINGS * source / cutoff)
    place = torch.arange(-margin, margin + source, dtype=torch.float64) / source
    phase = torch.arange(target, dtype=torch.float64)[:, None] / target
    t = ((place - phase) * cutoff).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = (t * math.pi / ZERO_CROSSINGS / 2).cos().square()
    return (torch.sinc(t) * window * (cutoff / source)).float(), margin
