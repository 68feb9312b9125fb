"""What can be done about echo without a canceller: listen to levels, and shut the microphone."""

from __future__ import annotations

import logging
import math

import numpy as np

from .echo import Rung
from .echo_levels import Coupling, FarLevel, NoiseFloor, faded
from .frames import Pcm
from .levels import SILENCE_DBFS, dbfs

log = logging.getLogger(__name__)


class PassThrough:
    """Nothing is done: headsets."""

    kind: Rung = "none"
    reply_gain = 1.0
    erle_db = None

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        return near


class HalfDuplex:
    """Deaf while the loudspeaker may be heard."""

    kind: Rung = "half_duplex"
    reply_gain = 1.0
    erle_db = None

    def __init__(self) -> None:
        self._far = FarLevel()
        self._open = True

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        self._far.feed(far)
        was, self._open = self._open, not self._far.playing
        return faded(near, was, self._open)


class DuckGate:
    """Passes what is clearly louder than the echo can be; makes the reply softer to be sure.

        microphone   ....eeeeeeEEVVVVVVVVV        e echo, V a voice about as loud
        loudness     ------------____________     softer as soon as it is more than echo
        passed       ................VVVVVVVV     the echo fell with it, the voice did not

    Where the echo is so loud that no voice can stand out even then, it is half-duplex.
    """

    DUCKED = 0.25
    DUCKED_DB = 12.0
    SUSPECT_DB = 4.0
    PASS_DB = 8.0
    VOICE_DBFS = -15.0
    """The loudest moments of a voice at the microphone are not taken to be louder."""
    BACK_DB = 3.0
    HOLD_BLOCKS = 25
    DUCK_BLOCKS = 60
    FORGET_DB = 0.003  # a block: 20 dB a minute
    NOISE_DB = 6.0  # by which noise is louder now and then than in its softest moments
    SMOOTH = 0.3  # of each new block's power: about 30 ms

    erle_db = None

    def __init__(self) -> None:
        self.kind: Rung = "duck"
        self._far = FarLevel()
        self._coupling = Coupling()
        self._noise = NoiseFloor()
        self._power = 0.0
        self._loud_dbfs = SILENCE_DBFS
        self._ducked = 0
        self._held = 0
        self._open = True

    @property
    def reply_gain(self) -> float:
        return self.DUCKED if self._ducked else 1.0

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        near_dbfs = dbfs(near)
        if self._coupling.feed(near_dbfs, dbfs(far)):
            self._choose_rung()
        smooth_dbfs = self._smoothed(near)
        noise_dbfs = self._noise.feed(smooth_dbfs) + self.NOISE_DB
        echo_dbfs = self._far.feed(far) + self._coupling.db
        self._note_loudness()
        if self._far.playing:
            self._judge(smooth_dbfs - max(echo_dbfs, noise_dbfs))
        else:
            self._ducked = self._held = 0
        was, self._open = self._open, self._held > 0 or not self._far.playing
        return faded(near, was, self._open)

    def _smoothed(self, near: Pcm) -> float:
        power = float(np.dot(near, near)) / max(len(near), 1)
        self._power += self.SMOOTH * (power - self._power)
        return max(10 * math.log10(self._power + 1e-12), SILENCE_DBFS)

    def _judge(self, above_echo_db: float) -> None:
        """How far the microphone is above what the echo can be says what to do."""
        self._ducked = max(self._ducked - 1, 0)
        self._held = max(self._held - 1, 0)
        if self.kind == "half_duplex":
            self._ducked = self._held = 0
            return
        if above_echo_db > self.SUSPECT_DB:
            self._ducked = self.DUCK_BLOCKS
        if above_echo_db > self.PASS_DB:
            self._held = self.HOLD_BLOCKS

    def _note_loudness(self) -> None:
        """How loud replies are when they are not ducked, and forget it slowly."""
        loud_dbfs = self._far.dbfs if self._far.playing else SILENCE_DBFS
        self._loud_dbfs = max(self._loud_dbfs - self.FORGET_DB, loud_dbfs)

    def _choose_rung(self) -> None:
        """Whether a voice can stand out against the ducked echo at all."""
        needed_dbfs = self._loud_dbfs + self._coupling.db - self.DUCKED_DB + self.PASS_DB
        if self.kind == "duck" and needed_dbfs > self.VOICE_DBFS:
            self.kind = "half_duplex"
            log.warning(
                "the microphone hears the loudspeaker so loudly that no voice stands out: it is "
                "deaf while the assistant speaks; turn the loudspeaker down or move it away"
            )
        elif self.kind == "half_duplex" and needed_dbfs < self.VOICE_DBFS - self.BACK_DB:
            self.kind = "duck"
            log.warning("a voice stands out against the loudspeaker again, and is heard")
