"""An hour of sound in which nobody asks for anything: nothing may be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from training.augment import babble
from training.grammar.evaluation import eval_turns
from training.noises import PLAIN_NOISES, RATE_HZ, noise
from training.nonspeech import cough, murmur
from vivavoce.models.dialogue import Pcm
from vivavoce.models.nano.model import NanoModel

from .batched import decided
from .report import Report
from .understanding import REJECT, spoken

CLIP_S = 3.0
PEOPLE = (4, 8)
KINDS = (
    "silence",
    *PLAIN_NOISES,
    "tones",
    "chords",
    "music",
    "clatter",
    "breath",
    "murmur",
    "cough",
    "babble",
)


def refusal(report: Report, model: NanoModel, minutes: float, seed: int) -> None:
    """Actions taken on so many minutes of sound, each clip handed over as a turn."""
    taken: Counter[str] = Counter()
    clips = list(sounds(minutes, seed, model.languages))
    for (kind, _), found in zip(clips, decided(model, [pcm for _, pcm in clips]), strict=True):
        if found.name != REJECT:
            taken[kind] += 1
    report.add("noise_actions", taken.total())
    report.details["noise"] = {"minutes": minutes, "taken": dict(taken)}


def sounds(minutes: float, seed: int, languages: tuple[str, ...]) -> Iterator[tuple[str, Pcm]]:
    """Clips of CLIP_S, kinds in rotation, at -50 to -6 dBFS; what training hears is not among
    them."""
    rng = np.random.default_rng([seed, 77])
    people = _people(rng, languages, seed)
    for number in range(round(minutes * 60 / CLIP_S)):
        kind = KINDS[number % len(KINDS)]
        pcm = _sound(kind, int(CLIP_S * RATE_HZ), rng, people)
        level = 10 ** (rng.uniform(-50, -6) / 20)
        loudest = float(np.abs(pcm).max())
        yield kind, (pcm * (level / loudest if loudest > 0 else 0)).astype(np.float32)


def _people(rng: Generator, languages: tuple[str, ...], seed: int) -> list[Pcm]:
    """What the people in the background say: anything, in reserved voices."""
    turns = [turn for name in languages for turn in eval_turns("heldout", 20, seed + 9, name)]
    return [spoken(turn, rng, "reserved") for turn in turns]


def _sound(kind: str, n: int, rng: Generator, people: list[Pcm]) -> Pcm:
    if kind == "silence":
        return np.zeros(n, np.float32)
    if kind == "tones":
        return _tones(n, rng, 1)
    if kind == "chords":
        return _tones(n, rng, 4)
    if kind == "babble":
        return babble(n, rng, people, int(rng.integers(*PEOPLE)))
    if kind in ("murmur", "cough"):
        return _placed(murmur(rng) if kind == "murmur" else cough(rng), n, rng)
    return noise(kind, n, rng)


def _tones(n: int, rng: Generator, n_voices: int) -> Pcm:
    """A beep or a chord with harmonics, in hiss."""
    time_s = np.arange(n) / RATE_HZ
    root = rng.uniform(100, 800)
    out = 0.02 * rng.standard_normal(n)
    for step in rng.choice((0, 3, 4, 5, 7, 9, 12), n_voices, replace=False):
        hz = root * 2 ** (step / 12)
        for k in range(1, 5):
            out += np.sin(2 * np.pi * hz * k * time_s) / k**2
    return out.astype(np.float32)


def _placed(sound: np.ndarray, n: int, rng: Generator) -> Pcm:
    """A short sound somewhere in a clip."""
    sound = sound[:n]
    out = 1e-3 * np.abs(sound).max() * rng.standard_normal(n)
    start = int(rng.integers(n - len(sound) + 1))
    out[start : start + len(sound)] += sound
    return out.astype(np.float32)
