"""What lies between a mouth and the computer: a room, a microphone, a line; 16 kHz float32."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.random import Generator

RATE_HZ = 16_000
_MU = np.float32(255)


def room(
    rng: Generator,
    rt60_s: tuple[float, float] = (0.08, 0.5),
    direct_db: tuple[float, float] = (0.0, 12.0),
    n_walls: int = 0,
) -> np.ndarray:
    """An impulse response: the direct sound, first reflections, and decaying noise.

    Args:
        rng: source of randomness.
        rt60_s: range of the reverberation time.
        direct_db: range of the level of the direct sound over all that follows.
        n_walls: first reflections that stand out, within 30 ms.
    """
    rt60 = rng.uniform(*rt60_s)
    n = int(rt60 * RATE_HZ)
    decay = np.exp(-6.9 * np.arange(n, dtype=np.float32) / n)
    response = rng.standard_normal(n, dtype=np.float32) * decay
    if n_walls > 0:  # and soft walls: the tail loses its treble first
        duller = np.convolve(response, np.float32([0.25, 0.5, 0.25]))[:n]
        response = response * decay + duller * (1 - decay)
        at = rng.integers(RATE_HZ // 1000, RATE_HZ * 30 // 1000, n_walls)
        response[at[at < n]] += 4 * rng.choice([-1, 1], int((at < n).sum()))
    ratio = 10 ** (rng.uniform(*direct_db) / 20)
    response /= np.sqrt((response**2).sum()) * ratio
    response[0] = 1.0
    return response


def filtered(
    pcm: np.ndarray,
    response: np.ndarray | None,
    knots_db: np.ndarray | None,
    below_hz: float | None,
    above_hz: float | None,
) -> np.ndarray:
    """Room, equaliser, high-pass and low-pass in one pass through the frequency domain.

    Args:
        pcm: [n].
        response: of a room, or None.
        knots_db: gains at equal distances from 0 Hz to 8 kHz, or None.
        below_hz: where a high-pass begins, or None.
        above_hz: where a low-pass begins, or None.
    """
    if response is None and knots_db is None and below_hz is None and above_hz is None:
        return pcm
    n = scipy.fft.next_fast_len(len(pcm) + (len(response) if response is not None else 512), True)
    spectrum = scipy.fft.rfft(pcm, n)
    if response is not None:
        spectrum *= scipy.fft.rfft(response, n)
    hz = np.linspace(0, RATE_HZ / 2, len(spectrum), dtype=np.float32)
    if knots_db is not None:
        places = np.linspace(0, RATE_HZ / 2, len(knots_db))
        spectrum *= 10 ** (np.interp(hz, places, knots_db).astype(np.float32) / 20)
    if above_hz is not None:
        spectrum *= 1 / (1 + (hz / np.float32(above_hz)) ** 12)
    if below_hz is not None:
        spectrum *= 1 - 1 / (1 + (hz / np.float32(below_hz)) ** 4)
    return scipy.fft.irfft(spectrum, n)[: len(pcm)].astype(np.float32)


def clipped(pcm: np.ndarray, over_db: float) -> np.ndarray:
    """Too loud for the microphone by `over_db`."""
    limit = np.float32(np.abs(pcm).max() * 10 ** (-over_db / 20))
    return np.clip(pcm, -limit, limit)


def telephone(pcm: np.ndarray, peak: float) -> np.ndarray:
    """A fixed line: 300 to 3400 Hz, 8 kHz, eight bits by the mu law (G.711).

    peak: what the loudest sample is made of full scale; soft speech has fewer of the 256 steps.
    """
    n = len(pcm) + len(pcm) % 2
    spectrum = scipy.fft.rfft(pcm, n)
    hz = np.linspace(0, RATE_HZ / 2, len(spectrum), dtype=np.float32)
    spectrum *= 1 / (1 + (hz / 3400) ** 24) * (1 - 1 / (1 + (hz / 300) ** 8))
    narrow = scipy.fft.irfft(spectrum[: n // 4 + 1], n // 2)
    scale = np.float32(peak) / max(np.float32(1e-9), np.abs(narrow).max())
    steps = np.round(np.log1p(_MU * np.abs(narrow * scale)) / np.log1p(_MU) * 127)
    coded = np.sign(narrow) * np.expm1(steps / 127 * np.log1p(_MU)) / _MU / scale
    wide = np.zeros_like(spectrum)
    coarse = scipy.fft.rfft(coded)
    wide[: len(coarse)] = coarse
    return scipy.fft.irfft(wide, n)[: len(pcm)].astype(np.float32)
