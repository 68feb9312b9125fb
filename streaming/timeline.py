"""When a device plays or takes each sample, from the stamps it gives with its blocks."""

from __future__ import annotations


class DeviceTimeline:
    """Device time of a stream's samples, in seconds, without the stamps' mistakes.

    A stamp says: sample `position` is played (or was taken) at `time_s`. Since samples follow
    one another at a known rate, all good stamps agree on when sample 0 would have been. Devices
    stamp wildly for a moment after opening and sometimes after an xrun; a stamp that disagrees
    by more than `max_jump_s` is replaced by what the last good one implies, unless
    `n_patience` in a row disagree: then the device has really moved.

    Args:
        rate_hz: of the positions.
        settle_s: how long after opening every stamp is believed, for want of a better one.
        max_jump_s: largest disagreement that is still believed later.
        n_patience: blocks in a row that disagree before they are believed.
    """

    def __init__(
        self,
        rate_hz: int,
        settle_s: float = 2.0,
        max_jump_s: float = 0.05,
        n_patience: int = 20,
    ) -> None:
        self.rate_hz = rate_hz
        self.settle_s = settle_s
        self.max_jump_s = max_jump_s
        self.n_patience = n_patience
        self.n_jumps = 0
        self._zero_s: float | None = None
        """Device time of position 0."""
        self._n_odd = 0
        self._opened_at = 0

    def stamp(self, position: int, time_s: float) -> float:
        """Takes in a stamp; returns the time of `position` that is to be believed."""
        zero_s = time_s - position / self.rate_hz
        if self._zero_s is None:
            self._opened_at = position
        settling = position - self._opened_at < self.settle_s * self.rate_hz
        odd = self._zero_s is not None and abs(zero_s - self._zero_s) > self.max_jump_s
        self._n_odd = self._n_odd + 1 if odd else 0
        if odd:
            self.n_jumps += 1
        if self._zero_s is None or settling or not odd or self._n_odd >= self.n_patience:
            self._zero_s = zero_s
        return self._zero_s + position / self.rate_hz

    def time_of(self, position: int) -> float | None:
        """Device time of a sample, before, in or after the blocks seen; None before the first."""
        return None if self._zero_s is None else self._zero_s + position / self.rate_hz

    def restart(self) -> None:
        """The device was opened anew: its stamps begin to settle again."""
        self._zero_s = None
        self._n_odd = 0
