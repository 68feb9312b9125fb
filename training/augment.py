"""Rooms, microphones and noises for clean synthetic speech; everything at 16 kHz float32."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.random import Generator

RATE_HZ = 16_000
NOISE_POOL_S = 40
NOISE_KINDS = ("white", "pink", "brown", "hum")


@dataclass(frozen=True)
class AugmentOptions:
    """How hard it gets. The defaults are those of training.

    Args:
        snr_db: range of the speech to noise ratio.
        noise_share, reverb_share, eq_share, warp_share: how often each is applied.
        lead_s, tail_s: silence around the utterance.
    """

    snr_db: tuple[float, float] = (5.0, 35.0)
    noise_share: float = 0.85
    reverb_share: float = 0.4
    eq_share: float = 0.5
    low_pass_share: float = 0.15
    warp_share: float = 0.3
    warp: tuple[float, float] = (0.88, 1.12)
    peak_db: tuple[float, float] = (-30.0, -1.0)
    lead_s: tuple[float, float] = (0.05, 0.4)
    tail_s: tuple[float, float] = (0.1, 0.7)


EVALUATION = AugmentOptions(snr_db=(8.0, 25.0), noise_share=1.0, eq_share=0.3, warp_share=0.0)
CLEAN = AugmentOptions(
    noise_share=0.0, reverb_share=0.0, eq_share=0.0, low_pass_share=0.0, warp_share=0.0
)


def augment(
    pcm: np.ndarray, rng: Generator, options: AugmentOptions, others: list[np.ndarray] | None = None
) -> tuple[np.ndarray, float, int]:
    """One variation of the utterance pcm [n].

    Args:
        pcm: clean speech.
        rng: source of randomness.
        options: what is done how often.
        others: utterances to mix into babble noise.

    Returns:
        samples, the time stretch, and the sample where the utterance begins: an event at sample
        s of `pcm` is now at begin + s * stretch.
    """
    stretch = 1.0
    if rng.random() < options.warp_share:
        stretch = float(rng.uniform(*options.warp))
        positions = np.arange(int(len(pcm) * stretch), dtype=np.float32) / stretch
        pcm = np.interp(positions, np.arange(len(pcm)), pcm).astype(np.float32)
    begin = int(rng.uniform(*options.lead_s) * RATE_HZ)
    tail = int(rng.uniform(*options.tail_s) * RATE_HZ)
    pcm = np.pad(pcm, (begin, tail))
    pcm = _filtered(pcm, rng, options)
    if rng.random() < options.noise_share:
        pcm = pcm + _noise(pcm, rng, options, others)
    else:
        pcm = pcm + 1e-4 * rng.standard_normal(len(pcm), dtype=np.float32)
    peak = 10 ** (rng.uniform(*options.peak_db) / 20)
    return pcm * np.float32(peak / max(1e-6, float(np.abs(pcm).max()))), stretch, begin


def _filtered(pcm: np.ndarray, rng: Generator, options: AugmentOptions) -> np.ndarray:
    """Room, equaliser and low-pass in one pass through the frequency domain."""
    reverb = rng.random() < options.reverb_share
    equalise = rng.random() < options.eq_share
    low_pass = rng.random() < options.low_pass_share
    if not (reverb or equalise or low_pass):
        return pcm
    response = room(rng) if reverb else None
    n = scipy.fft.next_fast_len(len(pcm) + (len(response) if response is not None else 512), True)
    spectrum = scipy.fft.rfft(pcm, n)
    if response is not None:
        spectrum *= scipy.fft.rfft(response, n)
    hz = np.linspace(0, RATE_HZ / 2, len(spectrum), dtype=np.float32)
    if equalise:
        knots = np.linspace(0, RATE_HZ / 2, 8)
        gains_db = rng.normal(0, rng.uniform(2, 4), 8)
        spectrum *= 10 ** (np.interp(hz, knots, gains_db).astype(np.float32) / 20)
    if low_pass:
        cut = rng.uniform(3000, 6500)
        spectrum *= 1 / (1 + (hz / np.float32(cut)) ** 12)
    return scipy.fft.irfft(spectrum, n)[: len(pcm)].astype(np.float32)


def room(rng: Generator) -> np.ndarray:
    """An impulse response: the direct sound and exponentially decaying noise, RT60 80-500 ms."""
    rt60 = rng.uniform(0.08, 0.5)
    n = int(rt60 * RATE_HZ)
    decay = np.exp(-6.9 * np.arange(n, dtype=np.float32) / n)
    response = rng.standard_normal(n, dtype=np.float32) * decay
    ratio = 10 ** (rng.uniform(0, 12) / 20)  # direct to reverberant
    response /= np.sqrt((response**2).sum()) * ratio
    response[0] = 1.0
    return response


def _noise(
    pcm: np.ndarray, rng: Generator, options: AugmentOptions, others: list[np.ndarray] | None
) -> np.ndarray:
    if others and rng.random() < 0.25:
        noise = _babble(len(pcm), rng, others)
    else:
        pool = noise_pool(str(rng.choice(NOISE_KINDS)))
        start = int(rng.integers(max(1, len(pool) - len(pcm))))
        noise = pool[start : start + len(pcm)]
    wanted = power(pcm) / 10 ** (rng.uniform(*options.snr_db) / 10)
    return noise * np.float32(np.sqrt(wanted / max(1e-12, power(noise))))


def power(pcm: np.ndarray) -> float:
    """Mean power of the louder half of 20 ms frames, so that pauses do not count."""
    n = len(pcm) // 320
    if n == 0:
        return float(np.mean(pcm**2)) if len(pcm) else 0.0
    frames = np.sort((pcm[: n * 320].reshape(n, 320) ** 2).mean(1))
    return float(frames[n // 2 :].mean())


def _babble(n: int, rng: Generator, others: list[np.ndarray]) -> np.ndarray:
    mix = np.zeros(n, np.float32)
    for index in rng.integers(len(others), size=3):
        other = others[index]
        mix += np.resize(np.roll(other, int(rng.integers(len(other)))), n)
    return mix


@lru_cache(maxsize=len(NOISE_KINDS))
def noise_pool(kind: str) -> np.ndarray:
    """A long stretch of one kind of noise; the same in every process."""
    n = NOISE_POOL_S * RATE_HZ
    rng = np.random.default_rng(NOISE_KINDS.index(kind))
    spectrum = scipy.fft.rfft(rng.standard_normal(n, dtype=np.float32))
    hz = np.maximum(20.0, np.linspace(0, RATE_HZ / 2, len(spectrum)))
    if kind == "pink":
        spectrum *= hz**-0.5
    elif kind == "brown":
        spectrum *= hz**-1.0
    noise = scipy.fft.irfft(spectrum, n).astype(np.float32)
    if kind == "hum":  # mains and a fan: harmonics under broadband noise
        time_s = np.arange(n) / RATE_HZ
        tones = sum(np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in range(1, 12))
        noise = (noise / noise.std() * 0.5 + tones / np.std(tones)).astype(np.float32)
    return noise / noise.std()
