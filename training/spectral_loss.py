"""How far a waveform is from another: spectra and mel bands at three resolutions.

Source: multi-resolution STFT loss, Parallel WaveGAN, arXiv 1910.11480 §2.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.models.features import MelConfig, mel_filters

_RESOLUTIONS = ((1024, 80), (512, 64), (256, 32))  # FFT size, mel bands


class SpectralLoss(nn.Module):
    """Loss of samples [B, n] against samples [B, n]."""

    def __init__(self, mel_weight: float = 1.5) -> None:
        super().__init__()
        self.mel_weight = mel_weight
        for size, n_mels in _RESOLUTIONS:
            filters = mel_filters(MelConfig(fft_size=size, n_mels=n_mels))
            self.register_buffer(f"window{size}", torch.hann_window(size), persistent=False)
            self.register_buffer(f"filters{size}", filters, persistent=False)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Spectral convergence + log magnitude + weighted log mel, mean over resolutions."""
        total = made.new_zeros(())
        for size, _ in _RESOLUTIONS:
            power_made, power_real = self._power(made, size), self._power(real, size)
            magnitude_made, magnitude_real = power_made.sqrt(), power_real.sqrt()
            difference = (magnitude_made - magnitude_real).norm()
            total = total + difference / magnitude_real.norm().clamp(min=1e-3)
            total = total + 0.5 * (power_made.log() - power_real.log()).abs().mean()
            total = total + self.mel_weight * self._mel_distance(power_made, power_real, size)
        return total / len(_RESOLUTIONS)

    def _power(self, samples: Tensor, size: int) -> Tensor:
        spectrum = torch.stft(
            samples, size, size // 4, window=getattr(self, f"window{size}"), return_complex=True
        )
        return torch.view_as_real(spectrum).square().sum(-1) + 1e-5

    def _mel_distance(self, made: Tensor, real: Tensor, size: int) -> Tensor:
        filters = getattr(self, f"filters{size}")
        bands = [(power.transpose(1, 2) @ filters + 1e-4).log() for power in (made, real)]
        return (bands[0] - bands[1]).abs().mean()
