"""How late the echo is, found by ear: for devices whose stamps are wrong by more than a canceller
can find itself.

    far    ..|~~~~ what was played ~~~~|..      both at 16 kHz, the last four seconds
    near   ......|~~~~ its echo ~~~~|....
                 ^ the lag at which their phases agree best
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .echo import RATE_HZ
from .frames import History, Pcm

KEPT_S = 4.0
LARGEST_S = 1.5  # lag that is looked for, either way
SURE = 0.05  # of the correlation's peak: unrelated sound stays below 0.02
_BAND_HZ = (200.0, 4000.0)
_FAINT = 1e-4  # of the mean power: what is not really in it
_LEAST_SHARE = 0.2  # of the band

Spectrum = npt.NDArray[np.complexfloating]


class EchoDelay:
    """Keeps what was played and what was heard, and compares them when asked."""

    def __init__(self) -> None:
        self.restart()

    def feed(self, near: Pcm, far: Pcm) -> None:
        """One more block of both [160]."""
        self._near.feed(near)
        self._far.feed(far)

    def restart(self) -> None:
        """Forget: what comes will lie otherwise."""
        capacity = round(KEPT_S * RATE_HZ)
        self._near = History(capacity, RATE_HZ)
        self._far = History(capacity, RATE_HZ)

    def find(self) -> float | None:
        """By how many seconds the echo follows what was played; negative when it is ahead of it;
        None when no echo is heard in the last four seconds.
        """
        near, far = self._near.read(0).pcm, self._far.read(0).pcm
        if len(near) < round(KEPT_S * RATE_HZ):
            return None
        size = 1 << (len(near) + round(LARGEST_S * RATE_HZ)).bit_length()
        window = np.hanning(len(near))
        lags = _phase_correlation(np.fft.rfft(near * window, size), np.fft.rfft(far * window, size))
        if lags is None:
            return None
        reach = round(LARGEST_S * RATE_HZ)
        searched = np.concatenate((lags[-reach:], lags[:reach]))
        best = int(np.argmax(np.abs(searched)))
        return (best - reach) / RATE_HZ if abs(searched[best]) > SURE else None


def _phase_correlation(near: Spectrum, far: Spectrum) -> npt.NDArray[np.float64] | None:
    """Correlation of the two with every frequency counted alike that the loudspeaker played;
    [lags], wrapped. None for tones and silence: they sound the same a little later.
    """
    hz = np.linspace(0, RATE_HZ / 2, len(far))
    band = (hz > _BAND_HZ[0]) & (hz < _BAND_HZ[1])
    power = np.abs(far) ** 2
    played = band & (power > _FAINT * power[band].mean())
    if played.sum() < _LEAST_SHARE * band.sum():
        return None
    cross = near * np.conj(far)
    white = np.where(played, cross / (np.abs(cross) + 1e-12), 0)
    size = 2 * (len(far) - 1)
    return np.asarray(np.fft.irfft(white, size) * (len(hz) / played.sum()))
