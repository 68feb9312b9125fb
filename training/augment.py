"""People, rooms, microphones and noises for clean synthetic speech; everything at 16 kHz float32.

In the order of nature: the speaker (throat.py), silence or a breath before, the room and the
noise in it (noises.py), the microphone, the line (line.py, opus.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from . import opus
from .line import clipped, filtered, room, telephone
from .noises import NOISE_KINDS, PLAIN_NOISES, RATE_HZ, noise_pool
from .throat import Timing, loudness, retimed, revoiced, unchanged

Range = tuple[float, float]


@dataclass(frozen=True)
class AugmentOptions:
    """How hard it gets. The defaults are those of training; a share is how often each is done.

    Args:
        warp_share, warp: tempo, pitch and formants together.
        wobble_share, wobble: tempo and melody that change within the utterance.
        rough_share, jitter, shimmer: irregular periods, and their loudness (standard deviations).
        throat_share, formants: formants alone; half the time with breath.
        breath: share of the voice that becomes noise.
        effort_share, effort_db: loudness that changes within the utterance.
        inhale_share: an audible breath before the first word.
        lead_s, tail_s: silence around the utterance.
        reverb_share, rt60_s, direct_db, n_walls: see `line.room`.
        eq_share, low_pass_share, high_pass_share: the microphone's frequencies.
        noise_share, snr_db, noises: kinds are `noises.NOISE_KINDS`; a quarter is babble.
        swell_share: noise that comes and goes.
        clip_share: overload by 2 to 14 dB.
        telephone_share, opus_share: lines; Opus at 6 to 16 kbit/s where it is installed.
        peak_db: level of the loudest sample.
    """

    warp_share: float = 0.3
    warp: Range = (0.88, 1.12)
    wobble_share: float = 0.2
    wobble: Range = (0.01, 0.08)
    rough_share: float = 0.12
    jitter: Range = (0.0, 0.025)
    shimmer: Range = (0.0, 0.2)
    throat_share: float = 0.25
    formants: Range = (0.84, 1.2)
    breath: Range = (0.1, 0.7)
    effort_share: float = 0.2
    effort_db: Range = (1.0, 5.0)
    inhale_share: float = 0.06
    lead_s: Range = (0.05, 0.4)
    tail_s: Range = (0.1, 0.7)
    reverb_share: float = 0.4
    rt60_s: Range = (0.08, 0.6)
    direct_db: Range = (-1.0, 12.0)
    n_walls: int = 6
    eq_share: float = 0.5
    low_pass_share: float = 0.15
    high_pass_share: float = 0.15
    noise_share: float = 0.85
    snr_db: Range = (5.0, 35.0)
    noises: tuple[str, ...] = NOISE_KINDS
    swell_share: float = 0.25
    clip_share: float = 0.03
    telephone_share: float = 0.03
    opus_share: float = 0.03
    peak_db: Range = (-30.0, -1.0)


CLEAN = AugmentOptions(
    **{name: 0.0 for name in AugmentOptions.__dataclass_fields__ if name.endswith("_share")}
)
"""Silence around it and a level, nothing else."""

EVALUATION = replace(
    CLEAN,
    snr_db=(8.0, 25.0),
    noise_share=1.0,
    noises=PLAIN_NOISES,
    reverb_share=0.4,
    rt60_s=(0.08, 0.5),
    direct_db=(0.0, 12.0),
    n_walls=0,
    eq_share=0.3,
    low_pass_share=0.15,
)
"""The acceptance set's: rooms and noise only, the same as ever, so that figures can be compared."""


def augment(
    pcm: np.ndarray, rng: Generator, options: AugmentOptions, others: list[np.ndarray] | None = None
) -> tuple[np.ndarray, Timing]:
    """One variation of the utterance pcm [n].

    Args:
        pcm: clean speech.
        rng: source of randomness.
        options: what is done how often.
        others: utterances to mix into babble noise.

    Returns:
        samples, and where those of `pcm` lie in them.
    """
    said, timing = _speaker(pcm, rng, options)
    begin = int(rng.uniform(*options.lead_s) * RATE_HZ)
    tail = int(rng.uniform(*options.tail_s) * RATE_HZ)
    said = np.pad(said, (begin, tail))
    if rng.random() < options.inhale_share:
        _inhale(said, begin, rng)
    said = _in_room(said, rng, options)
    if rng.random() < options.noise_share:
        said = said + _noise(said, rng, options, others)
    else:
        said = said + 1e-4 * rng.standard_normal(len(said), dtype=np.float32)
    said = _transmitted(said, rng, options)
    peak = 10 ** (rng.uniform(*options.peak_db) / 20)
    said = said * np.float32(peak / max(1e-6, float(np.abs(said).max())))
    return said, timing.later(begin)


def _speaker(pcm: np.ndarray, rng: Generator, options: AugmentOptions) -> tuple[np.ndarray, Timing]:
    """Somebody else says the same."""
    stretch, wobble, jitter, shimmer, effort_db = 1.0, 0.0, 0.0, 0.0, 0.0
    if rng.random() < options.warp_share:
        stretch = float(rng.uniform(*options.warp))
    if rng.random() < options.wobble_share:
        wobble = rng.uniform(*options.wobble)
    if rng.random() < options.rough_share:
        jitter, shimmer = rng.uniform(*options.jitter), rng.uniform(*options.shimmer)
    if rng.random() < options.effort_share:
        effort_db = rng.uniform(*options.effort_db)
    timing = unchanged(len(pcm))
    if stretch != 1 or wobble > 0 or jitter > 0:
        pcm, timing = retimed(pcm, rng, stretch, wobble, jitter)
    if shimmer > 0 or effort_db > 0:
        pcm = pcm * loudness(len(pcm), rng, effort_db, shimmer)
    if rng.random() < options.throat_share:
        breath = rng.uniform(*options.breath) if rng.random() < 0.5 else 0.0
        pcm = revoiced(pcm, rng, rng.uniform(*options.formants), breath)
    return pcm, timing


def _inhale(pcm: np.ndarray, begin: int, rng: Generator) -> None:
    """Write a breath that ends where the first word begins into the silence before it."""
    n = min(begin, int(rng.uniform(0.12, 0.4) * RATE_HZ))
    air = noise_pool("breath")
    start = int(rng.integers(len(air) - n))
    level = np.abs(pcm).max() * 10 ** (rng.uniform(-40, -20) / 20)
    pcm[begin - n : begin] += np.float32(level) * air[start : start + n] * np.hanning(n)


def _in_room(pcm: np.ndarray, rng: Generator, options: AugmentOptions) -> np.ndarray:
    """Room and microphone."""
    response, knots_db, below_hz, above_hz = None, None, None, None
    if rng.random() < options.reverb_share:
        response = room(rng, options.rt60_s, options.direct_db, options.n_walls)
    if rng.random() < options.eq_share:
        knots_db = rng.normal(0, rng.uniform(2, 4), 8)
    if rng.random() < options.low_pass_share:
        above_hz = rng.uniform(3000, 6500)
    if rng.random() < options.high_pass_share:
        below_hz = rng.uniform(80, 400)
    return filtered(pcm, response, knots_db, below_hz, above_hz)


def _transmitted(pcm: np.ndarray, rng: Generator, options: AugmentOptions) -> np.ndarray:
    """Overload, and the losses of a line."""
    if rng.random() < options.clip_share:
        pcm = clipped(pcm, rng.uniform(2, 14))
    if rng.random() < options.telephone_share:
        pcm = telephone(pcm, 10 ** (rng.uniform(-30, 0) / 20))
    elif rng.random() < options.opus_share and opus.available():
        scale = np.float32(0.5 / max(1e-6, float(np.abs(pcm).max())))
        pcm = opus.coded(pcm * scale, int(rng.uniform(6000, 16000)))
    return pcm


def _noise(
    pcm: np.ndarray, rng: Generator, options: AugmentOptions, others: list[np.ndarray] | None
) -> np.ndarray:
    if others and rng.random() < 0.25:
        noise = babble(len(pcm), rng, others)
    else:
        pool = noise_pool(str(rng.choice(options.noises)))
        start = int(rng.integers(max(1, len(pool) - len(pcm))))
        noise = pool[start : start + len(pcm)]
    if rng.random() < options.swell_share:
        noise = noise * loudness(len(pcm), rng, 8.0, 0.0)
    wanted = power(pcm) / 10 ** (rng.uniform(*options.snr_db) / 10)
    return noise * np.float32(np.sqrt(wanted / max(1e-12, power(noise))))


def power(pcm: np.ndarray) -> float:
    """Mean power of the louder half of 20 ms frames, so that pauses do not count."""
    n = len(pcm) // 320
    if n == 0:
        return float(np.mean(pcm**2)) if len(pcm) else 0.0
    frames = np.sort((pcm[: n * 320].reshape(n, 320) ** 2).mean(1))
    return float(frames[n // 2 :].mean())


def babble(n: int, rng: Generator, others: list[np.ndarray], voices: int = 3) -> np.ndarray:
    """Several of the utterances `others` at once, [n]."""
    mix = np.zeros(n, np.float32)
    for index in rng.integers(len(others), size=voices):
        other = others[index]
        mix += np.resize(np.roll(other, int(rng.integers(len(other)))), n)
    return mix
