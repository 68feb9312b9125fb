"""The mel frames of a voice prompt, as the flow models were trained on them.

    sample  0 ... hop ... 2 hop                frames are centred: both ends are mirrored by
    frame   [--0--|--1--|--2--                 (n_fft - hop) / 2 samples, so n samples give n / hop

Magnitudes (not power), Slaney's mel bands of equal area, natural log with floor 1e-5.
Source: the mel front end of HiFi-GAN (arXiv 2010.05646), which the detokenisers share.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .detokenizer_yaml import MelSettings
from .features import slaney_filters

FLOOR = 1e-5
POWER_FLOOR = 1e-9


def prompt_mel(pcm: Tensor, settings: MelSettings) -> Tensor:
    """pcm [n] at settings.rate_hz, n > n_fft → natural-log mel [n // hop, n_mels]."""
    margin = (settings.n_fft - settings.hop) // 2
    padded = F.pad(pcm[None], (margin, margin), mode="reflect")[0]
    spectrum = torch.stft(
        padded,
        settings.n_fft,
        settings.hop,
        settings.window,
        torch.hann_window(settings.window),
        center=False,
        return_complex=True,
    )
    magnitude = (spectrum.real.square() + spectrum.imag.square() + POWER_FLOOR).sqrt()
    filters = slaney_filters(
        settings.n_mels, settings.rate_hz, settings.n_fft, settings.low_hz, settings.high_hz
    )
    return (magnitude.T @ filters).clamp(min=FLOOR).log()
