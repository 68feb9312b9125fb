"""The wake word: which sample it was known at, where the command begins, and whose voice it was.

One interface, so that other engines can be put in its place; `wake_micro.py` is the one that
comes with the extra `[wakeword]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .frames import Pcm, samples
from .reference import Reference
from .resample import Resampler

WAKE_RATE_HZ = 16_000
LATEST_MS = 300  # engines know the word at most so much after its end, usually
GAP_MS = 30  # of quiet between the word and the command
OWN_VOICE_S = 1.0  # from handing the word to the loudspeaker to hearing it in the room, at most
BESIDE_REPLY = 2 / 3  # of the threshold: echo and canceller take their part of the word
OWN_THRESHOLD = 0.5  # of the threshold: the room may make a clear word of an unclear one
_STEP_SAMPLES = WAKE_RATE_HZ // 100


class WakeWordUnavailable(Exception):
    """There can be no such wake word here; the message says what to install or to choose."""


@dataclass(frozen=True)
class Wake:
    """The wake word: known at sample `at` of the sound fed, `score` 0 to 1."""

    at: int
    score: float


class WakeWord(Protocol):
    """Any wake-word engine. Sound is 16 kHz; indices count from the first sample fed."""

    @property
    def phrase(self) -> str:
        """What has to be said."""
        ...

    threshold: float
    """The score that counts; may be changed at any time."""

    def feed(self, pcm: Pcm) -> list[Wake]:
        """The wakes that `pcm` [n] completes, one for each time the word was said."""
        ...


def make_wake_word(name: str, threshold: float = 0.0) -> WakeWord:
    """An engine for a wake word.

    Args:
        name: one that came with the engine, such as "hey jarvis", or the path of a microWakeWord
            model: its description (.json) or its network (.tflite).
        threshold: score that counts, 0 to 1; 0 takes the one of the model's author.
    Raises:
        WakeWordUnavailable: the package or the model is missing, or the model is none.
    """
    from .wake_micro import MicroWake, find_model  # only here: its package is an extra

    return MicroWake(find_model(name), threshold)


def command_start(heard: Pcm) -> int:
    """Where the command begins in `heard` [n] at 16 kHz, which ends where the wake was known.

    It is the middle of the quietest 30 ms of the last 300: speakers leave a gap there, however
    short. A model that gets the tail of the wake word takes it for a word of the command, and
    one that misses a tenth of a second of the command takes it for another.

        hey jarvis | . what time
                   ^ ^ known
                   quietest
    """
    gap = GAP_MS * WAKE_RATE_HZ // 1000 // _STEP_SAMPLES
    n_frames = min(len(heard), samples(LATEST_MS, WAKE_RATE_HZ)) // _STEP_SAMPLES
    if n_frames < gap:
        return len(heard)
    begin = len(heard) - n_frames * _STEP_SAMPLES
    frames = heard[begin:].reshape(n_frames, _STEP_SAMPLES)
    energy = np.square(frames, dtype=np.float64).mean(axis=1)
    sums = np.convolve(energy, np.ones(gap), mode="valid")
    latest = len(sums) - 1 - int(np.argmin(sums[::-1]))
    return begin + latest * _STEP_SAMPLES + gap * _STEP_SAMPLES // 2


class OwnVoice:
    """Knows when the loudspeaker itself says the wake word.

    A second engine, easier to convince, listens to what is handed to the loudspeaker. That comes
    before its echo, so a wake of the microphone shortly after one of the loudspeaker is the echo
    of it, whatever the echo canceller left. A person who says the word within that second is
    ignored too: nobody could tell.

    Args:
        played: what the loudspeaker plays.
        word: an engine of its own for the same word, at OWN_THRESHOLD of its threshold.
    """

    def __init__(self, played: Reference, word: WakeWord) -> None:
        self._played = played
        self._word = word
        self._resampler = Resampler(played.rate_hz, WAKE_RATE_HZ)
        self._at = played.end
        self._n_heard = 0
        """Samples of the microphone so far."""
        self._said_at: int | None = None

    def feed(self, n: int) -> None:
        """The microphone has heard `n` more samples at 16 kHz; take in what was played since."""
        self._n_heard += n
        end = self._played.end
        behind = end - self._at
        if behind > self._played.rate_hz:  # the microphone was away
            self._at = end
            return
        pcm = self._played.read(self._at, behind)
        self._at = end
        if self._word.feed(self._resampler.feed(pcm)):
            self._said_at = self._n_heard

    @property
    def speaks(self) -> bool:
        """Whether the word the microphone hears now is the loudspeaker's."""
        said_at = self._said_at
        return said_at is not None and self._n_heard - said_at <= OWN_VOICE_S * WAKE_RATE_HZ
