"""PCM and where it lies in time.

Everywhere in this package sound is mono float32 in [-1, 1], and a time is the index of a sample
at a named rate: index 0 is the first sample of the stream, whatever the wall clock said then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.float32]

EMPTY: Pcm = np.zeros(0, dtype=np.float32)
EMPTY.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Frame:
    """A stretch of sound: `pcm` [n] whose first sample has index `start` at `rate_hz`."""

    start: int
    rate_hz: int
    pcm: Pcm
    time_s: float | None = None
    """Device time of the first sample, where a device gave one."""
    playing: bool = False
    """Whether this machine's own loudspeaker may be heard in it."""

    @property
    def end(self) -> int:
        """Index of the first sample after the frame."""
        return self.start + len(self.pcm)


def samples(duration_ms: float, rate_hz: int) -> int:
    """Whole samples in `duration_ms` at `rate_hz`, to the nearest."""
    return round(duration_ms * rate_hz / 1000)


def as_pcm(sound: npt.ArrayLike) -> Pcm:
    """`sound` as mono float32 [n]; raises ValueError when it is not one-dimensional."""
    pcm = np.asarray(sound, dtype=np.float32)
    if pcm.ndim != 1:
        raise ValueError(f"mono sound of shape [n] expected, got shape {pcm.shape}")
    return pcm


class Reblocker:
    """Cuts a stream that comes in pieces of any size into blocks of one size.

    in   |---7---|-2-|------9------|
    out  |--5--|--5--|--5--|            3 samples wait for the next piece
    """

    def __init__(self, block_samples: int) -> None:
        if block_samples < 1:
            raise ValueError(f"a block needs at least one sample, got {block_samples}")
        self.block_samples = block_samples
        self._waiting = EMPTY

    @property
    def waiting(self) -> Pcm:
        """The samples that do not fill a block yet, fewer than `block_samples`."""
        return self._waiting

    def feed(self, pcm: Pcm) -> list[Pcm]:
        """The blocks that `pcm` completes, in order, each [block_samples]."""
        joined = np.concatenate((self._waiting, pcm)) if len(self._waiting) else pcm
        n_whole = len(joined) // self.block_samples
        cut = n_whole * self.block_samples
        self._waiting = joined[cut:].copy()
        return list(joined[:cut].reshape(n_whole, self.block_samples))

    def flush(self, *, pad: bool = False) -> Pcm:
        """The last, short block, padded with zeros to a whole one if asked; empty if none."""
        rest, self._waiting = self._waiting, EMPTY
        if pad and len(rest):
            rest = np.concatenate((rest, np.zeros(self.block_samples - len(rest), np.float32)))
        return rest

    def restore(self, waiting: Pcm) -> None:
        """Puts back what `waiting` held."""
        if len(waiting) >= self.block_samples:
            raise ValueError(f"{len(waiting)} samples would be a whole block")
        self._waiting = waiting.copy()


class History:
    """The last samples of a stream, read back by index: the pre-roll before a speech onset."""

    def __init__(self, capacity_samples: int, rate_hz: int, start: int = 0) -> None:
        if capacity_samples < 1:
            raise ValueError(f"a history needs at least one sample, got {capacity_samples}")
        self.rate_hz = rate_hz
        self._ring = np.zeros(capacity_samples, dtype=np.float32)
        self._first = start
        self._end = start

    @property
    def start(self) -> int:
        """Index of the oldest sample still held."""
        return max(self._first, self._end - len(self._ring))

    @property
    def end(self) -> int:
        """Index of the first sample not yet fed."""
        return self._end

    def feed(self, pcm: Pcm) -> None:
        """Appends `pcm`; the oldest samples give way."""
        kept = pcm[-len(self._ring) :]
        at = (self._end + len(pcm) - len(kept) - self._first) % len(self._ring)
        head = min(len(kept), len(self._ring) - at)
        self._ring[at : at + head] = kept[:head]
        self._ring[: len(kept) - head] = kept[head:]
        self._end += len(pcm)

    def read(self, start: int, end: int | None = None) -> Frame:
        """What is still held of the samples from `start` up to `end` (default: the newest).

        The frame's own `start` says where it really begins: later than asked for when the
        oldest samples are gone. The frame is empty when nothing of the stretch is held.
        """
        last = self._end if end is None else min(end, self._end)
        first = min(max(start, self.start), max(last, self.start))
        at = (np.arange(first, max(first, last)) - self._first) % len(self._ring)
        return Frame(first, self.rate_hz, self._ring[at])
