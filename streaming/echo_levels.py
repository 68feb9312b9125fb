"""Levels of echo: how loud the loudspeaker is, how much of it the microphone hears, and how much
of that is left after cancelling. Everything counts in blocks of 10 ms.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from .frames import Pcm
from .levels import SILENCE_DBFS, dbfs

PLAYING_DBFS = -60.0
"""A loudspeaker below this cannot be heard."""
TAIL_BLOCKS = 30  # a room, and devices whose stamps are not true, still sound for 300 ms


class FarLevel:
    """The loudest the loudspeaker was within the last 300 ms: what may still be heard of it."""

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=TAIL_BLOCKS)
        self.dbfs = SILENCE_DBFS

    @property
    def playing(self) -> bool:
        """Whether there can be any echo."""
        return self.dbfs > PLAYING_DBFS

    def feed(self, far: Pcm) -> float:
        """The level after one more block."""
        self._lately.append(dbfs(far))
        self.dbfs = max(self._lately)
        return self.dbfs


class NoiseFloor:
    """What the microphone hears when nobody speaks and nothing plays: its softest moments, which
    may rise slowly.
    """

    RISE_DB = 0.03  # a block: 3 dB a second

    def __init__(self) -> None:
        self.dbfs = 0.0

    def feed(self, near_dbfs: float) -> float:
        """The floor after one more block of this level."""
        self.dbfs = min(near_dbfs, self.dbfs + self.RISE_DB)
        return self.dbfs


class Coupling:
    """How loud the microphone hears the loudspeaker, as a difference of levels, learnt.

        far    |====== peak ======|........|     0.7 s
        near   |======== peak =============|     1.0 s: the peak's echo is in it, late or not

    Each second of playing gives one figure. Voices in the room only raise it, so a low one
    among the last twelve counts. Unknown, the echo is taken to be as loud as what is played.
    """

    N_BLOCKS = 100
    N_FAR_BLOCKS = N_BLOCKS - TAIL_BLOCKS
    N_ENOUGH = 2
    N_KEPT = 12
    RANK = 0.25
    LOUD_DB = 15.0  # above what can be heard at all, or it says nothing

    def __init__(self) -> None:
        self.db = 0.0
        self.known = False
        self._figures: deque[float] = deque(maxlen=self.N_KEPT)
        self._near = self._far = SILENCE_DBFS
        self._n_blocks = 0

    def feed(self, near_dbfs: float, far_dbfs: float) -> bool:
        """The levels of one more block; gives whether that taught something."""
        if self._n_blocks == 0 and far_dbfs <= PLAYING_DBFS:
            return False
        if self._n_blocks < self.N_FAR_BLOCKS:
            self._far = max(self._far, far_dbfs)
        self._near = max(self._near, near_dbfs)
        self._n_blocks += 1
        if self._n_blocks < self.N_BLOCKS:
            return False
        figure, telling = self._near - self._far, self._far > PLAYING_DBFS + self.LOUD_DB
        self._near = self._far = SILENCE_DBFS
        self._n_blocks = 0
        if telling:
            self._figures.append(figure)
        if telling and len(self._figures) >= self.N_ENOUGH:
            self.known = True
            self.db = sorted(self._figures)[int(self.RANK * len(self._figures))]
        return telling and self.known


class ReturnLoss:
    """Echo return loss enhancement: how much softer the echo is after the canceller.

    Only blocks count in which the loudspeaker plays and the microphone hears it above the room's
    noise. Voices in the room spoil some; the median of three seconds does not mind.
    """

    N_BLOCKS = 300
    N_ENOUGH = 100
    ABOVE_NOISE_DB = 12.0

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=self.N_BLOCKS)
        self._noise = NoiseFloor()

    @property
    def median_db(self) -> float | None:
        """Of the last three seconds of echo; None before there was one."""
        if len(self._lately) < self.N_ENOUGH:
            return None
        return float(np.median(self._lately))

    def feed(self, near: Pcm, out: Pcm, far_dbfs: float) -> None:
        """One block before and after the canceller; `far_dbfs` from FarLevel."""
        near_dbfs = dbfs(near)
        floor_dbfs = self._noise.feed(near_dbfs)
        if far_dbfs > PLAYING_DBFS and near_dbfs > floor_dbfs + self.ABOVE_NOISE_DB:
            self._lately.append(near_dbfs - dbfs(out))


def faded(pcm: Pcm, was_open: bool, now_open: bool) -> Pcm:
    """`pcm` [n] through a gate that was open or not before it, and is or is not after it."""
    if was_open and now_open:
        return pcm
    if not (was_open or now_open):
        return np.zeros_like(pcm)
    ramp = np.linspace(0.0, 1.0, len(pcm), dtype=np.float32)
    return pcm * (ramp if now_open else ramp[::-1])
