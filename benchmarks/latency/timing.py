"""Moments of spoken turns on the client's clock, and what lies between them.

    speech ............|
    sent      .........|.......................|
    endpoint                    silence        |  the sample that made the endpoint sure is sent
    reply              |-----------------------|---------|  first audio received
                          endpoint silence      all else

The split is one of audio time: silence is what the endpointer waits for however fast the machine
is; everything else is network, queues, decoding, detection and the model.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


class SendLog:
    """When each sample of the session's input left the client. Times in seconds."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._times_s: list[float] = []

    def add(self, n_samples: int, time_s: float) -> None:
        """The next n_samples leave at time_s."""
        self._ends.append(self.n_samples + n_samples)
        self._times_s.append(time_s)

    @property
    def n_samples(self) -> int:
        """Samples sent so far."""
        return self._ends[-1] if self._ends else 0

    def sent_s(self, n_samples: int) -> float | None:
        """When the first n_samples had left; None while they have not."""
        place = bisect_left(self._ends, n_samples)
        return self._times_s[place] if place < len(self._ends) else None


@dataclass(frozen=True)
class TurnTimes:
    """One spoken turn. All in seconds of one clock.

    Args:
        speech_end_s: when the last sample of speech was spoken, by the recording's energy.
        endpoint_s: when the sample left that makes the server's endpoint sure.
        told_s: when the server's speech_stopped arrived.
        first_audio_s: when the first piece of the reply arrived.
        gaps_s: how long the reply falls silent in its middle because sound is late, in all.
    """

    speech_end_s: float
    endpoint_s: float
    told_s: float
    first_audio_s: float
    gaps_s: float = 0.0

    @property
    def total_ms(self) -> float:
        """What the person waits."""
        return 1000 * (self.first_audio_s - self.speech_end_s)

    @property
    def silence_ms(self) -> float:
        """The part that is endpoint silence."""
        return 1000 * (self.endpoint_s - self.speech_end_s)

    @property
    def rest_ms(self) -> float:
        """The part that is everything else."""
        return 1000 * (self.first_audio_s - self.endpoint_s)

    @property
    def after_told_ms(self) -> float:
        """From the news of the endpoint to the first audio, both as they arrived."""
        return 1000 * (self.first_audio_s - self.told_s)


def gaps_s(pieces: Iterable[tuple[float, float]]) -> float:
    """Silence inside a reply for a player that plays each piece as soon as it can.

    Args:
        pieces: (arrival, duration) of each, seconds, in order.
    """
    total_s, end_s = 0.0, 0.0
    for number, (arrival_s, duration_s) in enumerate(pieces):
        if number:
            total_s += max(0.0, arrival_s - end_s)
        end_s = max(arrival_s, end_s) + duration_s
    return total_s


def percentile(values: Sequence[float], share: int) -> float:
    """The value that `share` percent lie below, between neighbours by line; NaN for none."""
    return float(np.percentile(values, share)) if len(values) else float("nan")
