"""How loud: levels in dBFS, and a meter that falls back slowly for the eye."""

from __future__ import annotations

import math

import numpy as np

from .frames import Pcm

SILENCE_DBFS = -120.0
_SILENCE_POWER: float = 10 ** (SILENCE_DBFS / 10)


def dbfs(pcm: Pcm) -> float:
    """Root-mean-square level of `pcm` [n]; a full-scale square wave has 0 dBFS, a sine -3.

    Never below SILENCE_DBFS, which an empty stretch has too.
    """
    if not len(pcm):
        return SILENCE_DBFS
    power = float(np.dot(pcm, pcm)) / len(pcm)
    return 10 * math.log10(max(power, _SILENCE_POWER))


class LevelMeter:
    """A needle: up at once, down at `fall_db_per_s`; the same however the sound is cut in blocks
    of whole frames.

    Args:
        rate_hz: of the sound fed.
        fall_db_per_s: how fast the needle falls when the sound stops.
    """

    def __init__(self, rate_hz: int, fall_db_per_s: float = 40.0) -> None:
        self.rate_hz = rate_hz
        self.fall_db_per_s = fall_db_per_s
        self.level_dbfs = SILENCE_DBFS

    def feed(self, pcm: Pcm) -> float:
        """The needle after `pcm` [n], in dBFS."""
        fallen = self.level_dbfs - self.fall_db_per_s * len(pcm) / self.rate_hz
        self.level_dbfs = max(dbfs(pcm), fallen, SILENCE_DBFS)
        return self.level_dbfs
