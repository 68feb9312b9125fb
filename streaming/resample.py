"""Resampling of endless streams.

soxr gives irregular pieces (nothing for a while, then several hundred samples) and holds sound
back inside until more comes; its output is aligned with its input, so output sample k sounds at
the instant of input sample k * from_hz / to_hz. Here the accounts of that are kept.

Its memory lives inside the library and cannot be taken out: a resampler belongs at the edge of
a stream, never inside something that is rewound.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import soxr

from .clock import at_rate
from .frames import EMPTY, Pcm, Reblocker

Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]
"""soxr's recipes. Held back at 48 to 16 kHz: QQ 0, LQ 6, MQ 15, HQ 21, VHQ 38 ms."""


class Resampler:
    """One stream from one rate to another; the same samples however it is cut.

    Args:
        from_hz: rate of what is fed.
        to_hz: rate of what comes out; with equal rates sound passes untouched.
        quality: soxr's recipe; LQ is enough in front of a voice activity detector.
    """

    def __init__(self, from_hz: int, to_hz: int, quality: Quality = "MQ") -> None:
        if from_hz < 1 or to_hz < 1:
            raise ValueError(f"rates must be positive, got {from_hz} and {to_hz} Hz")
        self.from_hz = from_hz
        self.to_hz = to_hz
        self.n_in = 0
        self.n_out = 0
        self._soxr: Any = None
        if from_hz != to_hz:
            self._soxr = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=quality)

    @property
    def held_back(self) -> int:
        """Output samples that are due for what was fed and still wait inside."""
        return at_rate(self.n_in, self.from_hz, self.to_hz) - self.n_out

    def feed(self, pcm: Pcm) -> Pcm:
        """Output [m] that is ready after `pcm` [n]; often of another length than n suggests."""
        self.n_in += len(pcm)
        if self._soxr is None:
            ready = pcm
        else:
            ready = self._soxr.resample_chunk(np.ascontiguousarray(pcm, dtype=np.float32))
        self.n_out += len(ready)
        return ready

    def flush(self) -> Pcm:
        """What was held back; the stream is over and the next `feed` begins a new one.

        Over a whole stream exactly round(n_in * to_hz / from_hz) samples come out.
        """
        rest: Pcm = EMPTY
        if self._soxr is not None:
            due = (2 * self.n_in * self.to_hz + self.from_hz) // (2 * self.from_hz) - self.n_out
            rest = _exactly(due, self._soxr.resample_chunk(EMPTY, last=True))
        self.reset()
        return rest

    def reset(self) -> None:
        """As if newly made; what was held back is dropped."""
        self.n_in = self.n_out = 0
        if self._soxr is not None:
            self._soxr.clear()


class BlockResampler:
    """A resampler whose output comes in blocks of one size, for devices and detectors.

    Args:
        from_hz: rate of what is fed.
        to_hz: rate of the blocks.
        block_samples: length of every block but the flushed rest.
        quality: soxr's recipe.
    """

    def __init__(
        self, from_hz: int, to_hz: int, block_samples: int, quality: Quality = "MQ"
    ) -> None:
        self._resampler = Resampler(from_hz, to_hz, quality)
        self._blocks = Reblocker(block_samples)

    @property
    def held_back(self) -> int:
        """Output samples that are due for what was fed and did not come out yet."""
        return self._resampler.held_back + len(self._blocks.waiting)

    def feed(self, pcm: Pcm) -> list[Pcm]:
        """The blocks that `pcm` [n] completes, in order."""
        return self._blocks.feed(self._resampler.feed(pcm))

    def flush(self, *, pad: bool = False) -> list[Pcm]:
        """All that is left, the last block short unless `pad` fills it with zeros."""
        blocks = self._blocks.feed(self._resampler.flush())
        rest = self._blocks.flush(pad=pad)
        return [*blocks, rest] if len(rest) else blocks


def resample(pcm: Pcm, from_hz: int, to_hz: int, quality: Quality = "HQ") -> Pcm:
    """A whole sound [n] at another rate, [round(n * to_hz / from_hz)]."""
    resampler = Resampler(from_hz, to_hz, quality)
    return np.concatenate((resampler.feed(pcm), resampler.flush()))


def _exactly(n: int, pcm: Pcm) -> Pcm:
    """`pcm` cut or filled with zeros to `n` samples: soxr may differ by one at odd ratios."""
    if len(pcm) >= n:
        return pcm[:n]
    return np.concatenate((pcm, np.zeros(n - len(pcm), dtype=np.float32)))
