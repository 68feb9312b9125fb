"""The short sound that says: I listen.

It is laid over whatever the loudspeaker plays, and is no part of any reply: nothing counts it, no
pause holds it. It goes into the reference with the rest, so it is cancelled as echo is.
"""

from __future__ import annotations

import numpy as np

from .frames import Pcm

NOTES_HZ = (660.0, 880.0)
NOTE_S = 0.07  # both together are shorter than any speech that counts beside a loudspeaker
LEVEL = 0.045  # at its peaks: some 10 dB below a reply
_RAMP_S = 0.01


class Chime:
    """Rings into the blocks of one loudspeaker.

    Args:
        rate_hz: of the blocks.
    """

    def __init__(self, rate_hz: int) -> None:
        self._sound = _notes(rate_hz)
        self._at = len(self._sound)
        self._rung = False

    def ring(self) -> None:
        """Sound, from the beginning; any thread may say so."""
        self._rung = True

    def mix(self, out: Pcm) -> None:
        """Adds what is due to the next block [n]; in the device's thread."""
        if self._rung:
            self._rung, self._at = False, 0
        n = min(len(out), len(self._sound) - self._at)
        out[:n] += self._sound[self._at : self._at + n]
        self._at += n


def _notes(rate_hz: int) -> Pcm:
    t = np.arange(round(NOTE_S * rate_hz)) / rate_hz
    ramp = np.minimum(1.0, np.minimum(t, t[::-1]) / _RAMP_S)
    notes = [np.sin(2 * np.pi * hz * t) * ramp for hz in NOTES_HZ]
    return (LEVEL * np.concatenate(notes)).astype(np.float32)
