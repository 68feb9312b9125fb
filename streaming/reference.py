"""What the loudspeaker really played: the far end of the echo canceller.

    device thread                ring of some seconds              DSP thread
    Playout.fill -> write ->  |..........................| -> read, read_at

Playout writes each block here after fade, gain and pause, exactly as the device got it. There is
one writer and no lock: readers keep away from where the writer may be, and look once more after
copying whether it came around meanwhile. What is not known is silence, as is what was never
played.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from .frames import Pcm

_N_STAMPS = 1024  # ten seconds of blocks that nobody asked about
_HALF_TAPS = 16  # of the interpolator to each side, in samples of the slower rate
_KAISER_BETA = 8.0
_PASSBAND = 0.92  # of the slower rate's band
_N_PHASES = 256
_PHASE_REACH = 0.5  # how far before 0 and behind 1 the table of phases goes


class Reference:
    """The last seconds that one loudspeaker played, by sample index.

    Args:
        rate_hz: of the device; sample 0 is the first that was ever written.
        room_s: how far back it remembers.
    """

    def __init__(self, rate_hz: int, room_s: float = 4.0) -> None:
        self.rate_hz = rate_hz
        self._ring = np.zeros(round(room_s * rate_hz), dtype=np.float32)
        self._end = 0
        self._stamps: deque[tuple[int, float]] = deque(maxlen=_N_STAMPS)

    # --- the device's thread -------------------------------------------------------------

    def write(self, pcm: Pcm, time_s: float) -> None:
        """The next block [n]; its first sample plays at device time `time_s`."""
        size = len(self._ring)
        kept = pcm[-size:]
        at = (self._end + len(pcm) - len(kept)) % size
        head = min(len(kept), size - at)
        self._ring[at : at + head] = kept[:head]
        self._ring[: len(kept) - head] = kept[head:]
        self._stamps.append((self._end, time_s))
        self._end += len(pcm)

    # --- one other thread ----------------------------------------------------------------

    @property
    def end(self) -> int:
        """Index of the first sample not yet written."""
        return self._end

    def take_stamps(self) -> list[tuple[int, float]]:
        """The stamps (index, device time) since the last call, oldest first."""
        taken = []
        while self._stamps:
            taken.append(self._stamps.popleft())
        return taken

    def read(self, start: int, n: int) -> Pcm:
        """Samples start ... start + n as they were played, zeros where nothing is known."""
        out = np.zeros(n, dtype=np.float32)
        size = len(self._ring)
        oldest = self._end - size + size // 8  # the writer may be at work in that eighth
        first, last = max(start, 0, oldest), min(start + n, self._end)
        if first < last:
            at = first % size
            head = min(last - first, size - at)
            out[first - start : first - start + head] = self._ring[at : at + head]
            out[first - start + head : last - start] = self._ring[: last - first - head]
            overrun = self._end - size - start
            if overrun > 0:
                out[:overrun] = 0.0
        return out


class FractionalReader:
    """Reads a reference at positions between its samples and at a lower rate, in one step.

    A windowed sinc at a fraction of a sample; within a block the fraction glides from that of
    the first sample to that of the next block's first, so that a slowly drifting clock leaves
    no seams.

        reference   | | | | | | | | | | | |        48 kHz
        block         x     x     x     x          16 kHz, between the samples

    Args:
        reference: what is read.
        rate_hz: of the blocks; the reference's rate is a whole multiple of it.
    """

    def __init__(self, reference: Reference, rate_hz: int) -> None:
        self.stride, rest = divmod(reference.rate_hz, rate_hz)
        if rest or not self.stride:
            raise ValueError(f"{reference.rate_hz} Hz is not a multiple of {rate_hz} Hz")
        self.half = _HALF_TAPS * self.stride
        """Samples that are needed before and behind a position."""
        self._reference = reference
        self._table = _phases(self.half, _PASSBAND / self.stride)

    def read(self, first: float, following: float, n: int) -> Pcm:
        """[n] samples, the first at position `first` of the reference.

        Args:
            first: position of the first sample.
            following: where the next block will begin, close to first + n * stride.
            n: how many.
        """
        base = int(np.floor(first))
        near, far = first - base, following - base - n * self.stride
        n_taps = 2 * self.half
        pcm = self._reference.read(base - self.half + 1, (n - 1) * self.stride + n_taps)
        if not pcm.any():
            return np.zeros(n, dtype=np.float32)
        windows = np.lib.stride_tricks.as_strided(
            pcm, (n, n_taps), (self.stride * pcm.itemsize, pcm.itemsize), writeable=False
        )
        both = np.ascontiguousarray(windows) @ np.stack((self._taps(near), self._taps(far)), 1)
        glide = np.arange(n, dtype=np.float32) / n
        return np.asarray(both[:, 0] + glide * (both[:, 1] - both[:, 0]), dtype=np.float32)

    def _taps(self, fraction: float) -> npt.NDArray[np.float32]:
        """The filter for a position `fraction` of a sample behind the middle of its window."""
        row = (min(max(fraction, -_PHASE_REACH), 1 + _PHASE_REACH) + _PHASE_REACH) * _N_PHASES
        index = min(int(row), len(self._table) - 2)
        part = np.float32(row - index)
        mixed = self._table[index] * (1 - part) + self._table[index + 1] * part
        return np.asarray(mixed, dtype=np.float32)


def _phases(half: int, band: float) -> npt.NDArray[np.float32]:
    """Filters for fractions -0.5 ... 1.5 in steps of 1/256, [513, 2 * half]; unity gain."""
    fractions = np.arange(round((1 + 2 * _PHASE_REACH) * _N_PHASES) + 1) / _N_PHASES - _PHASE_REACH
    x = np.arange(-half + 1, half + 1)[None, :] - fractions[:, None]
    inside = np.clip(1 - (x / half) ** 2, 0, None)
    taps = np.sinc(band * x) * np.i0(_KAISER_BETA * np.sqrt(inside))
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)
