"""HiFT: mel frames to waveform, for both releases (24 kHz and 22.05 kHz).

A small network reads the pitch off the mel; a source signal of nine sines and noise is made from
it; a convolution stack mixes the source's short-time spectrum into the upsampled mel and predicts
the spectrum of the speech, which is transformed back.

    mel [M, T] ──┬─ pitch ─ sines + noise ─ STFT ──┐ at every level
                 └─ conv ─ up ×8 ─ up ×5 ─ up ×3 ──┴─ magnitude, phase ─ inverse STFT ×4

Letters: B batch, T mel frames, M mel bins, S samples = T * samples per frame, K sines.

Source: arXiv 2309.09493; checkpoint files `hift_v2.pt` (24 kHz), `hift.pt` (22.05 kHz).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LIMIT = 0.99
MAX_MAGNITUDE = 100.0
SLOPE, LAST_SLOPE = 0.1, 0.01
SINE_LEVEL, NOISE_LEVEL, VOICED_OVER_HZ = 0.1, 0.003, 10.0
DILATIONS = (1, 3, 5)


@dataclass(frozen=True)
class HiftConfig:
    """Sizes. ups: (kernel, stride) of each up-convolution; smooth_phase: v1.5's sines."""

    n_mels: int
    channels: int
    ups: tuple[tuple[int, int], ...]
    kernels: tuple[int, ...]
    source_kernels: tuple[int, ...]
    n_fft: int
    n_sines: int
    pitch_channels: int
    n_pitch_convs: int
    rate_hz: int
    smooth_phase: bool

    @property
    def hop(self) -> int:
        """Samples from one spectrum to the next."""
        return self.n_fft // 4

    @property
    def frame(self) -> int:
        """Samples per mel frame."""
        return self.hop * math.prod(stride for _, stride in self.ups)


@dataclass(frozen=True, eq=False)
class Draws:
    """The random part of a source: phase [K] in radians, normal noise [S, K]."""

    phase: Tensor
    noise: Tensor


class Snake(nn.Module):
    """x + sin²(a x) / a, with a of its own for each channel (arXiv 2006.08195)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha[:, None]
        return x + (alpha * x).sin().square() / (alpha + 1e-9)


class ResBlock(nn.Module):
    """Residual pairs of a dilated and a plain convolution."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.convs1, self.convs2 = nn.ModuleList(), nn.ModuleList()
        self.activations1, self.activations2 = nn.ModuleList(), nn.ModuleList()
        for dilation in DILATIONS:
            self.convs1.append(_same(channels, channels, kernel, dilation))
            self.convs2.append(_same(channels, channels, kernel, 1))
            self.activations1.append(Snake(channels))
            self.activations2.append(Snake(channels))

    def forward(self, x: Tensor) -> Tensor:
        parts = zip(self.activations1, self.convs1, self.activations2, self.convs2, strict=True)
        for snake_1, conv_1, snake_2, conv_2 in parts:
            x = x + conv_2(snake_2(conv_1(snake_1(x))))
        return x


class PitchPredictor(nn.Module):
    """Mel [B, M, T] → fundamental frequency [B, T] in Hz."""

    def __init__(self, n_mels: int, channels: int, n_convs: int) -> None:
        super().__init__()
        inputs = (n_mels, *(channels,) * (n_convs - 1))
        self.convs = nn.ModuleList(_same(c, channels, 3, 1) for c in inputs)
        self.classifier = nn.Linear(channels, 1)

    def forward(self, mel: Tensor) -> Tensor:
        for conv in self.convs:
            mel = F.elu(conv(mel))
        return self.classifier(mel.transpose(1, 2)).squeeze(-1).abs()


class Hift(nn.Module):
    """The vocoder; float32 keeps the phase of long vowels."""

    def __init__(self, config: HiftConfig) -> None:
        super().__init__()
        self.config = c = config
        self.pitch = PitchPredictor(c.n_mels, c.pitch_channels, c.n_pitch_convs)
        self.merge = nn.Linear(c.n_sines, 1)
        self.conv_pre = _same(c.n_mels, c.channels, 7, 1)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        self.source_downs, self.source_resblocks = nn.ModuleList(), nn.ModuleList()
        spectrum, channels = c.n_fft + 2, c.channels
        for i, (kernel, stride) in enumerate(c.ups):
            padding = (kernel - stride) // 2
            narrow = channels // 2
            self.ups.append(nn.ConvTranspose1d(channels, narrow, kernel, stride, padding))
            channels = narrow
            self.source_downs.append(_down(spectrum, channels, _later_strides(c, i)))
            self.source_resblocks.append(ResBlock(channels, c.source_kernels[i]))
            self.resblocks.extend(ResBlock(channels, kernel) for kernel in c.kernels)
        self.conv_post = _same(channels, spectrum, 7, 1)

    # --- the source ------------------------------------------------------------------------

    def source(self, pitch: Tensor, draws: Draws, turns: Tensor | None = None) -> Tensor:
        """The excitation of frames with pitch [1, T] in Hz.

        Args:
            pitch: fundamental frequency per frame, 0 where unvoiced.
            draws: what is random about it.
            turns: of the fundamental before the first frame, a scalar (smooth_phase only). Given,
                the sines go on evenly over both ends; else they stand still from the last
                centre on, as in the reference.
        Returns:
            source [1, 1, S] in -1..1.
        """
        phase = self._smooth(pitch, turns) if self.config.smooth_phase else self._exact(pitch)
        offset = draws.phase.clone().to(pitch.device)
        offset[0] = 0
        if not self.config.smooth_phase:
            phase = phase + offset
        voiced = (pitch > VOICED_OVER_HZ).float().repeat_interleave(self.config.frame, dim=1)
        voiced = voiced[..., None]
        level = voiced * NOISE_LEVEL + (1 - voiced) * SINE_LEVEL / 3
        sines = SINE_LEVEL * phase.sin().float() * voiced + level * draws.noise.to(pitch.device)
        return self.merge(sines.to(self.merge.weight)).tanh().transpose(1, 2)

    def turns(self, pitch: Tensor) -> Tensor:
        """Turns [T] of the fundamental from one frame's centre to the next."""
        return (pitch[0].double() / self.config.rate_hz * self.config.frame).cumsum(0)

    def _smooth(self, pitch: Tensor, start: Tensor | None) -> Tensor:
        """Phases [1, S, K]: summed by frame, straight lines between the frames' centres."""
        c = self.config
        numbers = torch.arange(1, c.n_sines + 1, device=pitch.device).double()
        steps = (pitch[0].double()[:, None] * numbers / c.rate_hz) % 1 * c.frame
        turns = steps.cumsum(0)
        if start is not None:  # a frame more on both sides, cut off again below
            turns = torch.cat([turns[:1] - steps[:1], turns, turns[-1:] + steps[-1:]])
            turns = turns + start * numbers
        between = F.interpolate(turns.t()[None], scale_factor=c.frame, mode="linear")
        if start is not None:
            between = between[..., c.frame : -c.frame]
        return 2 * math.pi * between.transpose(1, 2)

    def _exact(self, pitch: Tensor) -> Tensor:
        """Phases [1, S, K]: summed by sample."""
        c = self.config
        numbers = torch.arange(1, c.n_sines + 1, device=pitch.device).double()
        per_sample = pitch.double().repeat_interleave(c.frame, dim=1)[..., None] * numbers
        return 2 * math.pi * ((per_sample / c.rate_hz).cumsum(1) % 1)

    # --- mel and source to waveform --------------------------------------------------------

    def decode(self, mel: Tensor, source: Tensor) -> Tensor:
        """Mel [1, M, T] with source [1, 1, S] → waveform [1, S], within ±0.99."""
        c = self.config
        window = torch.hann_window(c.n_fft, device=mel.device, dtype=mel.dtype)
        spectrum = torch.stft(source[:, 0], c.n_fft, c.hop, window=window, return_complex=True)
        spectrum = torch.cat([spectrum.real, spectrum.imag], dim=1)
        x = self.conv_pre(mel)
        for i, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, SLOPE))
            if i == len(self.ups) - 1:
                x = F.pad(x, (1, 0), mode="reflect")
            x = x + self.source_resblocks[i](self.source_downs[i](spectrum))
            blocks = self.resblocks[i * len(c.kernels) : (i + 1) * len(c.kernels)]
            x = torch.stack([block(x) for block in blocks]).mean(0)
        magnitude, phase = self.conv_post(F.leaky_relu(x, LAST_SLOPE)).chunk(2, dim=1)
        magnitude, phase = magnitude.exp().clamp(max=MAX_MAGNITUDE), phase.sin()
        speech = torch.istft(torch.polar(magnitude, phase), c.n_fft, c.hop, window=window)
        return speech.clamp(-LIMIT, LIMIT)

    def forward(self, mel: Tensor, draws: Draws) -> Tensor:
        """Mel [T, M], natural log → waveform [S]."""
        mel = mel.to(self.merge.weight).t()[None]
        return self.decode(mel, self.source(self.pitch(mel), draws))[0]

    def draws(self, n_frames: int, seed: int) -> Draws:
        """Random phase and noise of so many frames; the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        phase = (torch.rand(self.config.n_sines, generator=generator) * 2 - 1) * math.pi
        size = (n_frames * self.config.frame, self.config.n_sines)
        return Draws(phase, torch.randn(size, generator=generator))


def _same(c_in: int, c_out: int, kernel: int, dilation: int) -> nn.Conv1d:
    """A convolution that keeps the length."""
    return nn.Conv1d(c_in, c_out, kernel, dilation=dilation, padding=dilation * (kernel // 2))


def _down(c_in: int, c_out: int, stride: int) -> nn.Conv1d:
    """The source's spectrum at the rate of a level."""
    if stride == 1:
        return nn.Conv1d(c_in, c_out, 1)
    return nn.Conv1d(c_in, c_out, 2 * stride, stride, stride // 2)


def _later_strides(config: HiftConfig, level: int) -> int:
    return math.prod(stride for _, stride in config.ups[level + 1 :])
