"""Noise to mix under speech, or to hand over alone: colours, hum, music, breath; 16 kHz float32."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.random import Generator

RATE_HZ = 16_000
NOISE_POOL_S = 40
PLAIN_NOISES = ("white", "pink", "brown", "hum")
NOISE_KINDS = (*PLAIN_NOISES, "music", "clatter", "breath")
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))


@lru_cache(maxsize=len(NOISE_KINDS))
def noise_pool(kind: str) -> np.ndarray:
    """A long stretch of one kind of noise; the same in every process."""
    return noise(kind, NOISE_POOL_S * RATE_HZ, np.random.default_rng(NOISE_KINDS.index(kind)))


def noise(kind: str, n: int, rng: Generator) -> np.ndarray:
    """Noise [n] of one of NOISE_KINDS, standard deviation 1."""
    if kind == "music":
        made = music(n, rng)
    elif kind == "clatter":
        made = _clatter(n, rng)
    else:
        made = _coloured(kind, n, rng)
    if kind == "hum":  # mains and a fan: harmonics under broadband noise
        time_s = np.arange(n) / RATE_HZ
        tones = sum(np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in range(1, 12))
        made = (made / made.std() * 0.5 + tones / np.std(tones)).astype(np.float32)
    return made / made.std()


def _coloured(kind: str, n: int, rng: Generator) -> np.ndarray:
    """Gaussian noise [n] with the spectrum of its kind."""
    spectrum = scipy.fft.rfft(rng.standard_normal(n, dtype=np.float32))
    hz = np.maximum(20.0, np.linspace(0, RATE_HZ / 2, len(spectrum)))
    if kind == "pink":
        spectrum *= hz**-0.5
    elif kind == "brown":
        spectrum *= hz**-1.0
    elif kind == "breath":  # air through an open mouth: a broad hump around 1.8 kHz
        spectrum *= np.exp(-(np.log(hz / 1800) ** 2) / 0.7)
    return scipy.fft.irfft(spectrum, n).astype(np.float32)


def music(n: int, rng: Generator) -> np.ndarray:
    """A tune of plucked or held notes over chords, with a drum in half of the bars; [n].

    Notes have harmonics and decay, so that they are as near to vowels as music without singing
    comes.
    """
    beat = int(RATE_HZ * rng.uniform(0.25, 0.6))
    scale, root = _SCALES[rng.integers(len(_SCALES))], rng.uniform(110, 220)
    out = np.zeros(n + 4 * beat, np.float32)
    for i, start in enumerate(range(0, n, beat)):
        if i % 4 == 0:
            first = int(rng.integers(len(scale)))
            for step in (0, 2, 4):
                _add(out, start, _note(_pitch(root, scale, first + step), 4 * beat, rng, 0.3))
        if rng.random() < 0.8:
            degree = int(rng.integers(len(scale))) + len(scale)
            _add(out, start, _note(_pitch(root, scale, degree), beat, rng, 1.0))
        if i // 8 % 2:
            _add(out, start, 2 * _hit(rng))
    return out[:n]


def _pitch(root_hz: float, scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return float(root_hz * 2 ** (octave + scale[step] / 12))


def _note(hz: float, n: int, rng: Generator, level: float) -> np.ndarray:
    time_s = np.arange(n, dtype=np.float32) / RATE_HZ
    brightness, decay = rng.uniform(0.3, 0.9), rng.uniform(0.5, 6.0)
    tone = np.zeros(n, np.float32)
    for k in range(1, min(9, int(7000 / hz) + 1)):
        tone += np.float32(brightness**k) * np.sin(np.float32(2 * np.pi * hz * k) * time_s)
    edges = np.minimum(1.0, np.minimum(time_s * 100, time_s[::-1] * 50))
    return np.float32(level) * tone * edges * np.exp(-np.float32(decay) * time_s)


def _hit(rng: Generator) -> np.ndarray:
    """One stroke of a drum or a hi-hat, 100 ms."""
    n = RATE_HZ // 10
    time_s = np.arange(n, dtype=np.float32) / RATE_HZ
    if rng.random() < 0.5:
        return np.sin(2 * np.pi * 70 * time_s) * np.exp(-30 * time_s)
    hiss = np.diff(rng.standard_normal(n + 1, dtype=np.float32))
    return np.float32(0.3) * hiss * np.exp(-60 * time_s)


def _clatter(n: int, rng: Generator) -> np.ndarray:
    """Keys, dishes, knocks: short resonances at random moments."""
    out = 0.003 * rng.standard_normal(n, dtype=np.float32)
    for start in np.sort(rng.integers(n, size=5 * n // RATE_HZ)):
        length = int(RATE_HZ * rng.uniform(0.01, 0.12))
        time_s = np.arange(length, dtype=np.float32) / RATE_HZ
        ring = np.sin(2 * np.pi * rng.uniform(200, 5000) * time_s)
        rattle = rng.standard_normal(length, dtype=np.float32)
        stroke = (ring + rattle) * np.exp(-6 * time_s * RATE_HZ / length)
        _add(out, int(start), np.float32(10 ** rng.uniform(-1, 0)) * stroke)
    return out


def _add(out: np.ndarray, start: int, sound: np.ndarray) -> None:
    """Mix `sound` into `out` from `start` on, as far as it reaches."""
    end = min(len(out), start + len(sound))
    out[start:end] += sound[: end - start]
