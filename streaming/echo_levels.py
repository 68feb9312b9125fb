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


class Coupling:
    """How loud the microphone hears the loudspeaker, as a difference of levels, learnt.

    Each third of a second of playing gives one figure, peak against peak. Voices in the room
    only raise it, so a low one among the last counts. Unknown, it is taken for high.

    Args:
        unknown_db: until enough was heard.
    """

    N_ENOUGH = 3
    N_KEPT = 24  # eight seconds of playing
    RANK = 0.4

    def __init__(self, unknown_db: float = 0.0) -> None:
        self.db = unknown_db
        self.known = False
        self._figures: deque[float] = deque(maxlen=self.N_KEPT)
        self._near = self._far = SILENCE_DBFS
        self._n_blocks = 0

    def feed(self, near_dbfs: float, far_dbfs: float) -> None:
        """The levels of one more block; `far_dbfs` from FarLevel."""
        if far_dbfs <= PLAYING_DBFS:
            self._n_blocks = 0
            self._near = self._far = SILENCE_DBFS
            return
        self._near, self._far = max(self._near, near_dbfs), max(self._far, far_dbfs)
        self._n_blocks += 1
        if self._n_blocks < TAIL_BLOCKS:
            return
        self._figures.append(self._near - self._far)
        self._n_blocks = 0
        self._near = self._far = SILENCE_DBFS
        if len(self._figures) >= self.N_ENOUGH:
            self.known = True
            self.db = sorted(self._figures)[int(self.RANK * len(self._figures))]


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
        self._noise_dbfs = SILENCE_DBFS

    @property
    def median_db(self) -> float | None:
        """Of the last three seconds of echo; None before there was one."""
        if len(self._lately) < self.N_ENOUGH:
            return None
        return float(np.median(self._lately))

    def feed(self, near: Pcm, out: Pcm, far_dbfs: float) -> None:
        """One block before and after the canceller; `far_dbfs` from FarLevel."""
        near_dbfs = dbfs(near)
        if far_dbfs <= PLAYING_DBFS:
            rise = 0.02 if near_dbfs > self._noise_dbfs else 0.2
            self._noise_dbfs += rise * (near_dbfs - self._noise_dbfs)
        elif near_dbfs > self._noise_dbfs + self.ABOVE_NOISE_DB:
            self._lately.append(near_dbfs - dbfs(out))


class ResidualGate:
    """Silences what a canceller leaves of the echo, as long as nothing louder is in it.

    While the loudspeaker plays, a block passes when it is above -45 dBFS, or where the echo
    itself is soft (a microphone of low gain) 15 dB below the echo; and for a while after such a
    block, so that soft ends of words pass too.
    """

    FLOOR_DBFS = -45.0
    BELOW_ECHO_DB = 15.0
    HOLD_BLOCKS = 25

    def __init__(self) -> None:
        self._coupling = Coupling()
        self._held = 0
        self._open = True

    def feed(self, near: Pcm, out: Pcm, far_dbfs: float) -> Pcm:
        """What passes of `out`; `near` is the block before the canceller."""
        self._coupling.feed(dbfs(near), far_dbfs)
        floor_dbfs = self.FLOOR_DBFS
        if self._coupling.known:
            floor_dbfs = min(floor_dbfs, far_dbfs + self._coupling.db - self.BELOW_ECHO_DB)
        if far_dbfs <= PLAYING_DBFS or dbfs(out) > floor_dbfs:
            self._held = self.HOLD_BLOCKS
        else:
            self._held = max(self._held - 1, 0)
        was, self._open = self._open, self._held > 0
        return faded(out, was, self._open)


def faded(pcm: Pcm, was_open: bool, now_open: bool) -> Pcm:
    """`pcm` [n] through a gate that was open or not before it, and is or is not after it."""
    if was_open and now_open:
        return pcm
    if not (was_open or now_open):
        return np.zeros_like(pcm)
    ramp = np.linspace(0.0, 1.0, len(pcm), dtype=np.float32)
    return pcm * (ramp if now_open else ramp[::-1])
