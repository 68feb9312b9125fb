"""Where in the reference lies what a microphone hears: two devices, each with a clock of its own.

    microphone   |--0--|--1--|--2--|--3--|          16 kHz by its own crystal
    their clock  ....t0....t1....t2....t3....       the lines through either device's stamps
    reference        |--0---|--1---|--2---|--3---|  48 kHz by its own, read at the microphone's pace

The reference is read `LEAD_S` ahead: a canceller needs the cause before its effect, and stamps
are not true to the sample.
"""

from __future__ import annotations

import numpy as np

from .echo import BLOCK_SAMPLES, RATE_HZ
from .frames import Frame, Pcm
from .reference import FractionalReader, Reference
from .timeline import ClockLine

LEAD_S = 0.02
LEAST_LEAD_S = 0.002
PATIENCE_BLOCKS = 20  # without what should have been written by then, before the lead is less
MAX_JUMP_S = 0.005  # beyond this the reference is read anew elsewhere; below it glides there
MAX_SLEW = 0.0005  # of its pace


class Alignment:
    """Reads a reference block by block as a microphone's stamps say.

    Args:
        reference: what is played.
    """

    def __init__(self, reference: Reference) -> None:
        self.position = 0.0
        """Where in the reference the next block is read."""
        self.n_found = 0
        """How often that had to be found: at first, and after devices stepped or were reopened."""
        self._reference = reference
        self._reader = FractionalReader(reference, RATE_HZ)
        self._microphone = ClockLine(RATE_HZ)
        self._loudspeaker = ClockLine(reference.rate_hz)
        self._lead_s = LEAD_S
        self._n_missing = 0
        self._gliding = False

    @property
    def drift_ppm(self) -> float:
        """How much faster the microphone's clock runs than the loudspeaker's."""
        return self._microphone.drift_ppm - self._loudspeaker.drift_ppm

    @property
    def drift_known(self) -> bool:
        """Whether both clocks were watched for long enough to tell anybody of it."""
        return self._microphone.speed_known and self._loudspeaker.speed_known

    def time_of(self, index: int) -> float | None:
        """Device time at which the microphone took sample `index`; None before any stamp."""
        return self._microphone.time_of(index)

    def take_stamps(self, frame: Frame) -> None:
        """Learns of both clocks: from a frame of the microphone, and what was played since."""
        for position, time_s in self._reference.take_stamps():
            self._loudspeaker.feed(position, time_s)
        if frame.time_s is not None:
            self._microphone.feed(frame.start, frame.time_s)

    def far(self, start: int) -> Pcm:
        """What is played while, and a little after, the microphone takes the block [160] that
        begins with its sample `start`; zeros before there are stamps.
        """
        here, following = self._wanted(start), self._wanted(start + BLOCK_SAMPLES)
        if here is None or following is None:
            return np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        if not self._gliding or abs(here - self.position) > MAX_JUMP_S * self._reference.rate_hz:
            self._gliding = True
            self.n_found += 1
            self.position = here
        first, step = self.position, BLOCK_SAMPLES * self._reader.stride
        slip = following - first - step
        self.position = first + step + min(max(slip, -MAX_SLEW * step), MAX_SLEW * step)
        self._mind_lead(self.position + self._reader.half)
        return self._reader.read(first, self.position, BLOCK_SAMPLES)

    def heard_late(self, late_s: float) -> None:
        """The echo was heard to follow its far end by so much, which is not the lead: the stamps
        do not know all of the way.
        """
        self._lead_s += LEAD_S - late_s

    def _wanted(self, index: int) -> float | None:
        time_s = self._microphone.time_of(index)
        return None if time_s is None else self._loudspeaker.position_of(time_s + self._lead_s)

    def _mind_lead(self, needed: float) -> None:
        """Where devices are quicker than the lead, what is needed is not written yet: a smaller
        lead then, unless it was a moment's trouble.
        """
        missing_s = (needed - self._reference.end) / self._reference.rate_hz
        self._n_missing = self._n_missing + 1 if 0 < missing_s < 2 * LEAD_S else 0
        if self._n_missing >= PATIENCE_BLOCKS:
            self._n_missing = 0
            less_s = max(self._lead_s - missing_s - LEAST_LEAD_S, LEAST_LEAD_S)
            self._lead_s = min(self._lead_s, less_s)
