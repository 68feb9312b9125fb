"""Spoken turns whose speaker pauses between words, with the truth about where they end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.grammar.endings import sentences
from training.grammar.pronounce import pronounce
from training.synthesis import Utterance, random_voice, synthesize
from vivavoce.models.dialogue import Pcm

RATE_HZ = 16_000
LEAD_S, TAIL_S = 0.6, 3.0
SPEECH_DBFS = -26.0
HEARD_SAMPLES = 2400
"""Nobody pauses on both sides of less speech than this."""
FADE_SAMPLES = 80
"""A word that is cut off before a pause, or begins after it, does so within 5 ms."""


@dataclass(frozen=True, eq=False)
class PausedTurn:
    """One turn: silence, speech with pauses, silence.

    Args:
        pcm: [n] at 16 kHz.
        text: what is said.
        end: the last sample of speech.
        pauses: (sample where it begins, samples, words said before it).
    """

    pcm: Pcm
    text: str
    end: int
    pauses: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class Habit:
    """How a speaker pauses: so many times in a turn, so long, ms; and how loud the room is."""

    n_pauses: tuple[int, int] = (1, 2)
    pause_ms: tuple[int, int] = (100, 400)
    noise_db: float = 40.0


def paused_turns(n: int, habit: Habit, seed: int) -> list[PausedTurn]:
    """Turns of held-out phrasings in reserved voices; pauses at any place between two words."""
    rng = np.random.default_rng(seed)
    said = [s for s in sentences(3 * n, "en", "heldout", seed) if len(s.split()) > 2]
    return [_turn(text, habit, rng) for text in said[:n]]


def _turn(text: str, habit: Habit, rng: np.random.Generator) -> PausedTurn:
    said = pronounce(text)
    spoken = synthesize(said, random_voice(rng, "en", "reserved"))
    places = _places(said, spoken, int(rng.integers(*habit.n_pauses, endpoint=True)), rng)
    pieces, pauses = [np.zeros(int(LEAD_S * RATE_HZ), np.float32)], []
    for at, until in zip([0, *places], [*places, _end(spoken)], strict=True):
        pieces.append(_faded(spoken.pcm[at:until]))
        if until in places:
            length = int(rng.integers(*habit.pause_ms, endpoint=True)) * RATE_HZ // 1000
            words = " ".join(word for word, start, _ in spoken.words if start < until)
            pauses.append((sum(map(len, pieces)), length, words))
            pieces.append(np.zeros(length, np.float32))
    end = sum(map(len, pieces))
    pieces.append(np.zeros(int(TAIL_S * RATE_HZ), np.float32))
    return PausedTurn(_in_a_room(np.concatenate(pieces), habit, rng), text, end, tuple(pauses))


def _places(text: str, spoken: Utterance, n: int, rng: np.random.Generator) -> list[int]:
    """Where up to n pauses go: between words, with something to hear on either side."""
    words = [word for word, _, _ in spoken.words]
    ends = {"".join(text.split()[:i]) for i in range(1, len(text.split()))}
    gaps = [
        start
        for i, (_, start, _) in enumerate(spoken.words)
        if "".join(words[:i]).replace(" ", "") in ends  # some voices tell of words that are none
    ]
    places: list[int] = []
    for at in rng.permutation(gaps).tolist():
        edges = (0, *places, _end(spoken))
        if len(places) < n and min(abs(at - edge) for edge in edges) >= HEARD_SAMPLES:
            places.append(at)
    return sorted(places)


def _end(spoken: Utterance) -> int:
    """The last sample that is heard."""
    loud = np.flatnonzero(np.abs(spoken.pcm) > 0.05 * np.abs(spoken.pcm).max())
    return int(loud[-1]) + 1


def _faded(pcm: Pcm) -> Pcm:
    n = min(FADE_SAMPLES, len(pcm) // 2)
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    faded = pcm.copy()
    faded[:n] *= ramp
    faded[len(faded) - n :] *= ramp[::-1]
    return faded


def _in_a_room(pcm: Pcm, habit: Habit, rng: np.random.Generator) -> Pcm:
    """At the usual level, above pink noise."""
    spoken = pcm[np.abs(pcm) > 1e-4]
    pcm = pcm * np.float32(10 ** (SPEECH_DBFS / 20) / np.sqrt(np.mean(spoken**2)))
    spectrum = np.fft.rfft(rng.standard_normal(len(pcm)))
    spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))
    noise = np.fft.irfft(spectrum, len(pcm))
    level = 10 ** ((SPEECH_DBFS - habit.noise_db) / 20)
    return (pcm + noise / np.std(noise) * level).astype(np.float32)
