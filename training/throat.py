"""Another speaker from the same recording: formants, breath, roughness, tempo and melody.

A synthesiser's voices are few, regular and of one effort each. Here its sound is taken apart into
a spectral envelope (what the mouth does) and the rest (what the throat does) and put together a
little differently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.random import Generator

RATE_HZ = 16_000
GRID = 80  # samples: 5 ms, about one period of the voice
FFT, HOP = 512, 256
QUEFRENCY = 36  # the envelope's highest: below the pitch period of all but the highest voices
_WINDOW = np.sin(np.pi * (np.arange(FFT, dtype=np.float32) + 0.5) / FFT)
_HZ = np.linspace(0, RATE_HZ / 2, FFT // 2 + 1, dtype=np.float32)
_AIR = np.clip((_HZ - 800) / 2200, 0.05, 1.0)  # aspiration is heard above the first formants


@dataclass(frozen=True, eq=False)
class Timing:
    """Where the samples of a recording went: `source` lies at `placed` afterwards."""

    source: np.ndarray
    placed: np.ndarray

    def at(self, samples: np.ndarray | float) -> np.ndarray:
        """Places of the recording's samples in what became of it."""
        return np.interp(samples, self.source, self.placed)

    def later(self, n_samples: int) -> Timing:
        """The same after `n_samples` of silence."""
        return Timing(self.source, self.placed + n_samples)


def unchanged(n: int) -> Timing:
    """Nothing moved."""
    return Timing(np.array([0.0, n]), np.array([0.0, n]))


def retimed(
    pcm: np.ndarray, rng: Generator, stretch: float, wobble: float, jitter: float
) -> tuple[np.ndarray, Timing]:
    """Read the recording at a changing speed: tempo, melody and, with the stretch, formants.

    Args:
        pcm: [n].
        rng: source of randomness.
        stretch: how much longer it gets.
        wobble: standard deviation of the speed from one quarter of a second to the next.
        jitter: the same from one period of the voice to the next.
    """
    n_steps = int(len(pcm) * stretch * 1.3) // GRID + 2
    speed = np.full(n_steps, 1 / stretch)
    if wobble > 0:
        knots = rng.normal(0, wobble, n_steps // 50 + 2)
        speed *= np.exp(np.interp(np.arange(n_steps) / 50, np.arange(len(knots)), knots))
    if jitter > 0:
        speed *= np.exp(rng.normal(0, jitter, n_steps))
    source = np.concatenate([[0.0], np.cumsum(speed * GRID)])
    placed = np.arange(len(source), dtype=np.float64) * GRID
    n = max(1, int(np.interp(len(pcm), source, placed)))
    positions = np.interp(np.arange(n), placed, source)
    below = np.minimum(positions.astype(np.int32), len(pcm) - 1)
    above = np.minimum(below + 1, len(pcm) - 1)
    share = (positions - below).astype(np.float32)
    return pcm[below] * (1 - share) + pcm[above] * share, Timing(source, placed)


def loudness(n: int, rng: Generator, slow_db: float, rough: float) -> np.ndarray:
    """A gain [n]: effort that changes over words, and shimmer from period to period.

    Args:
        n: samples.
        rng: source of randomness.
        slow_db: standard deviation of the gain from 0.4 s to the next.
        rough: standard deviation of log gain from one period to the next.
    """
    n_steps = n // GRID + 2
    gain = np.zeros(n_steps)
    if slow_db > 0:
        knots = rng.normal(0, slow_db / 8.69, n_steps // 80 + 2)
        gain += np.interp(np.arange(n_steps) / 80, np.arange(len(knots)), knots)
    if rough > 0:
        gain += rng.normal(0, rough, n_steps)
    return np.interp(np.arange(n) / GRID, np.arange(n_steps), np.exp(gain)).astype(np.float32)


def revoiced(pcm: np.ndarray, rng: Generator, formants: float, breath: float) -> np.ndarray:
    """Move the formants and let air into the voice; same length, nothing is delayed.

    Args:
        pcm: [n].
        rng: source of randomness.
        formants: factor of their frequencies; above 1 is a shorter vocal tract.
        breath: share of the sound above the first formants that becomes noise, 0 to 1.
    """
    n_frames = len(pcm) // HOP + 2
    padded = np.zeros(n_frames * HOP + HOP, np.float32)
    padded[HOP : HOP + len(pcm)] = pcm
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP] * _WINDOW
    spectrum = scipy.fft.rfft(frames, axis=1)
    envelope = _envelope(spectrum)
    moved = _stretched(envelope, formants)
    spectrum *= np.exp(np.clip(moved - envelope, -3.0, 3.0))
    if breath > 0:
        air = _aspiration(spectrum, moved, rng)
        spectrum *= np.sqrt(1 - (np.float32(breath) * _AIR) ** 2)
        spectrum += np.float32(breath) * air
    pieces = scipy.fft.irfft(spectrum, FFT, axis=1) * _WINDOW
    out = np.zeros(len(padded), np.float32)
    out[: n_frames * HOP] += pieces[:, :HOP].reshape(-1)
    out[HOP:] += pieces[:, HOP:].reshape(-1)
    return out[HOP : HOP + len(pcm)]


def _aspiration(spectrum: np.ndarray, envelope: np.ndarray, rng: Generator) -> np.ndarray:
    """Noise [T, bins] through the same mouth, of the voice's power where air is heard."""
    noise = rng.standard_normal((2, *spectrum.shape), dtype=np.float32)
    air = _AIR * np.exp(envelope)
    loud = ((np.abs(spectrum) * _AIR) ** 2).sum(1, keepdims=True)
    air *= np.sqrt(loud / (2 * (air**2).sum(1, keepdims=True) + np.float32(1e-12)))
    return air * (noise[0] + 1j * noise[1])


def _envelope(spectrum: np.ndarray) -> np.ndarray:
    """Smooth log magnitudes [T, bins] by the first cepstral coefficients."""
    cepstrum = scipy.fft.irfft(np.log(np.abs(spectrum) + np.float32(1e-5)), axis=1)
    cepstrum[:, QUEFRENCY : FFT - QUEFRENCY + 1] = 0
    return scipy.fft.rfft(cepstrum, axis=1).real.astype(np.float32)


def _stretched(envelope: np.ndarray, factor: float) -> np.ndarray:
    """The envelope along a frequency axis that is `factor` times as long."""
    bins = np.minimum(np.arange(envelope.shape[1]) / factor, envelope.shape[1] - 1.001)
    below = bins.astype(np.int32)
    share = (bins - below).astype(np.float32)
    return envelope[:, below] * (1 - share) + envelope[:, below + 1] * share
