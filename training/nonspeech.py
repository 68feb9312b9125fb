"""Sounds in which nobody says anything: murmurs, coughs, clatter, music, many people at once.

Whoever only ever hears sentences reads a sentence into everything. These turns have no words:
nothing is to be read, nothing to be done.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from scipy.signal import lfilter

from .grammar.sampling import make_turn
from .noises import NOISE_KINDS, RATE_HZ, noise_pool
from .speech_pool import SpokenTurn

KINDS = ("murmur", "cough", "noise", "babble")
SHARES = (0.3, 0.15, 0.15, 0.4)
LENGTHS_S = (0.4, 3.0)
N_PEOPLE = (4, 8)
_MURMUR_WORDS = 2


def silent_turn(rng: Generator, language: str, others: Sequence[np.ndarray]) -> SpokenTurn:
    """A turn without a word, declined in `language`.

    Args:
        rng: where chance comes from.
        language: of the reply, which says that nothing was understood.
        others: people who talk, int16 or float; several of them at once say nothing.
    """
    kind = rng.choice(KINDS, p=SHARES)
    made = {"murmur": murmur, "cough": cough, "noise": _noise}
    sound = babble(rng, others) if kind == "babble" else made[str(kind)](rng)
    loud = max(float(np.abs(sound).max()), 1e-6)
    pcm = (sound / loud * 0.9 * 32767).astype(np.int16)
    turn = make_turn(random.Random(0), "", "reject", {}, language)
    return SpokenTurn(pcm, None, None, turn.user, turn.action, turn.reply, language, [])


def murmur(rng: Generator) -> np.ndarray:
    """One or two hums through the nose, "mhm", "hm?", "mm": a pulse train through resonances."""
    n_hums = int(rng.integers(1, _MURMUR_WORDS + 1))
    f0 = rng.uniform(80, 260)
    pieces = []
    for _ in range(n_hums):
        n = int(RATE_HZ * rng.uniform(0.1, 0.45))
        ends = f0 * rng.uniform(0.85, 1.25, size=2)
        pitch = np.geomspace(ends[0], ends[1], n) * (1 + 0.01 * rng.standard_normal())
        pulses = (np.diff(np.floor(np.cumsum(pitch) / RATE_HZ), prepend=0) > 0).astype(np.float32)
        pulses += np.float32(rng.uniform(0.005, 0.05)) * rng.standard_normal(n, dtype=np.float32)
        pulses = lfilter([1.0], [1.0, -0.95], pulses)  # the lips are closed: nothing is bright
        hum = pulses
        for centre in (rng.uniform(200, 320), rng.uniform(900, 1300), rng.uniform(2000, 2700)):
            hum = hum + _resonance(pulses, centre, rng.uniform(60, 200))
        pieces += [_swelling(hum, rng), np.zeros(int(RATE_HZ * rng.uniform(0.0, 0.12)))]
    return np.concatenate(pieces)


def cough(rng: Generator) -> np.ndarray:
    """One to three bursts of air through an open throat, or a long one: a sigh, a sneeze."""
    pieces = []
    for _ in range(int(rng.integers(1, 4))):
        n = int(RATE_HZ * rng.uniform(0.08, 0.5))
        air = rng.standard_normal(n).astype(np.float32)
        throat = air * rng.uniform(0.02, 0.5)
        for centre in (rng.uniform(450, 800), rng.uniform(1000, 1700), rng.uniform(2300, 3200)):
            throat = throat + _resonance(air, centre, rng.uniform(100, 400))
        fall = np.exp(-np.arange(n) / (n * rng.uniform(0.15, 0.6)))
        pieces += [throat / throat.std() * fall, np.zeros(int(RATE_HZ * rng.uniform(0.04, 0.25)))]
    return np.concatenate(pieces)


def babble(rng: Generator, people: Sequence[np.ndarray]) -> np.ndarray:
    """Several who talk at once, some louder than others, from their midst on."""
    n = int(RATE_HZ * rng.uniform(*LENGTHS_S))
    sound = np.zeros(n)
    for _ in range(int(rng.integers(*N_PEOPLE, endpoint=True))):
        voice = people[rng.integers(len(people))].astype(np.float32)
        looped = np.resize(np.roll(voice, int(rng.integers(len(voice)))), n)
        sound += looped / max(float(looped.std()), 1e-6) * 10 ** (rng.uniform(-6, 6) / 20)
    return _swelling(sound, rng)


def _noise(rng: Generator) -> np.ndarray:
    """Colours, hum, music, clatter, breath."""
    pool = noise_pool(NOISE_KINDS[rng.integers(len(NOISE_KINDS))])
    n = int(RATE_HZ * rng.uniform(*LENGTHS_S))
    start = int(rng.integers(len(pool) - n))
    return _swelling(pool[start : start + n], rng)


def _resonance(sound: np.ndarray, centre_hz: float, width_hz: float) -> np.ndarray:
    """What a resonator of two poles lets through, at the loudness of what went in."""
    radius = np.exp(-np.pi * width_hz / RATE_HZ)
    angle = 2 * np.pi * centre_hz / RATE_HZ
    out = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], sound)
    return np.asarray(out / max(float(out.std()), 1e-6) * sound.std())


def _swelling(sound: np.ndarray, rng: Generator) -> np.ndarray:
    """With soft edges."""
    n = len(sound)
    edge = max(1, int(min(n / 2, RATE_HZ * rng.uniform(0.01, 0.15))))
    ramp = np.minimum(np.arange(n) + 1, np.arange(n, 0, -1)) / edge
    return sound * np.clip(ramp, 0, 1)
