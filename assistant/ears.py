"""The input of a session: one rate, one count of samples, kept as long as it may be needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from ..streaming.frames import EMPTY, Pcm
from ..streaming.resample import Resampler

KEPT_S = 31.0
LONGEST_S = 900.0
"""Input without turn detection is kept for at most so long; the oldest gives way."""


class Ears:
    """Takes sound at any rate and hands it out by sample index at `rate_hz`.

    Args:
        rate_hz: the model's input rate; all indices count in it.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._resampler = Resampler(rate_hz, rate_hz)
        self._blocks: deque[Pcm] = deque()
        self._start = 0
        self._end = 0

    @property
    def end(self) -> int:
        """Index of the next sample."""
        return self._end

    def feed(self, pcm: Pcm, rate_hz: int) -> Pcm:
        """Take sound [n] at rate_hz; gives what is new [m] at our own rate."""
        if rate_hz != self._resampler.from_hz:
            self.flush()
            self._resampler = Resampler(rate_hz, self.rate_hz, quality="LQ")
        return self._keep(self._resampler.feed(pcm))

    def flush(self) -> Pcm:
        """What the resampler holds back: a commit takes all there is."""
        return self._keep(self._resampler.flush())

    def read(self, start: int, end: int) -> Pcm:
        """Samples start..end, as far as they are kept."""
        start, end = max(start, self._start), min(end, self._end)
        found, size = [], self.rate_hz
        while start < end:
            block, offset = divmod(start - self._start, size)
            n_samples = min(end - start, size - offset)
            found.append(self._blocks[block][offset : offset + n_samples])
            start += n_samples
        return np.concatenate(found) if found else EMPTY

    def forget(self, needed: int | None) -> None:
        """Let go of what is neither needed (from that sample on) nor recent."""
        keep_from = self._end - int(KEPT_S * self.rate_hz)
        if needed is not None:
            keep_from = min(keep_from, max(needed, self._end - int(LONGEST_S * self.rate_hz)))
        while self._blocks and self._start + self.rate_hz <= keep_from:
            self._blocks.popleft()
            self._start += self.rate_hz

    def _keep(self, pcm: Pcm) -> Pcm:
        """Write into blocks of one second each."""
        at = 0
        while at < len(pcm):
            block, offset = divmod(self._end - self._start, self.rate_hz)
            if block == len(self._blocks):
                self._blocks.append(np.empty(self.rate_hz, dtype=np.float32))
            n_samples = min(len(pcm) - at, self.rate_hz - offset)
            self._blocks[block][offset : offset + n_samples] = pcm[at : at + n_samples]
            self._end += n_samples
            at += n_samples
        return pcm


class Attention:
    """Which part of the input the model is being given.

    Args:
        ears: where the input is.
        give: takes the next samples for the model.
        piece_s: what comes is given in pieces of about this length, the rest at the stop.
    """

    def __init__(self, ears: Ears, give: Callable[[Pcm], None], piece_s: float = 0.08) -> None:
        self._ears = ears
        self._give = give
        self._piece = int(piece_s * ears.rate_hz)
        self._at: int | None = None

    def listen(self, start: int) -> None:
        """From sample `start` on, until told to stop."""
        self._at = start
        self.go_on()

    def stop(self, end: int) -> None:
        """Up to sample `end`, no further."""
        if self._at is not None and self._at < end:
            self._give(self._ears.read(self._at, end))
        self._at = None

    def go_on(self) -> None:
        """There may be more to give."""
        if self._at is not None and self._ears.end - self._at >= self._piece:
            self._give(self._ears.read(self._at, self._ears.end))
            self._at = self._ears.end
