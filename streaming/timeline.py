"""When a device plays or takes each sample, from the stamps it gives with its blocks."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


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


class ClockLine:
    """The straight line through a device's stamps: how fast it really runs, and by that when
    each of its samples passes, far more finely than any single stamp says.

        device time
            |            . x'
            |        . x'        stamps jitter by a millisecond; the line through a minute
            |    . x'            of them is good to some microseconds
            |. x'
            +----------------- position

    Stamps are gathered into bins of a quarter second, whose middle half counts. A device that lost
    sound steps off the line: two bins in a row beyond `max_step_s` begin a new one, at the speed
    already known; beyond `max_jump_s` it was opened anew, at once and with nothing known.

    Args:
        rate_hz: what the device claims to run at.
        window_s: how much of the past counts.
        max_step_s: largest disagreement that is still taken for jitter.
        max_jump_s: and for lost sound.
    """

    BIN_S = 0.25
    LIKELY_DRIFT = 1e-4  # of a sound device's clock
    LIKELY_JITTER_S = 1e-3  # of a bin, until there are enough to tell
    LEAST_JITTER_S = 2e-5
    N_TELLING = 8
    TELLING_S = 20.0  # of stamps, before the speed is worth showing to anybody
    MOST_PPM = 500.0  # no clock of a sound device is worse; what says so is jitter
    ODD_DEVIATIONS = 4.0  # bins further off than so many typical ones do not count

    def __init__(
        self,
        rate_hz: int,
        window_s: float = 60.0,
        max_step_s: float = 0.006,
        max_jump_s: float = 0.05,
    ) -> None:
        self.rate_hz = rate_hz
        self.max_step_s = max_step_s
        self.max_jump_s = max_jump_s
        self.n_steps = 0
        """How often the device stepped or jumped off its line."""
        self._bins: deque[tuple[float, float]] = deque(maxlen=round(window_s / self.BIN_S))
        """Position in nominal seconds, and how late the device is there, seconds."""
        self._odd: tuple[float, float] | None = None
        self._bin: list[tuple[float, float]] = []
        self._known_slope = 0.0
        self._middle = 0.0
        self._late_s = 0.0
        self._slope = 0.0

    @property
    def drift_ppm(self) -> float:
        """How much faster the device runs than it claims, by the clock of its stamps."""
        return -1e6 * self._slope

    @property
    def speed_known(self) -> bool:
        """Whether the line is long enough for its slope to be the device's and not the jitter's.

        A shorter one is good enough to find samples by: it starts from no drift at all.
        """
        return bool(self._bins) and self._bins[-1][0] - self._bins[0][0] >= self.TELLING_S

    @property
    def known(self) -> bool:
        """Whether any stamp came yet."""
        return bool(self._bins or self._bin)

    def feed(self, position: float, time_s: float) -> None:
        """A stamp: sample `position` passes at device time `time_s`."""
        at_s = position / self.rate_hz
        late_s = time_s - at_s
        if self.known and abs(late_s - self._late_at(at_s)) > self.max_jump_s:
            self._begin(slope=0.0, bins=[])
        if not self._bins and len(self._bin) < 2:
            self._middle, self._late_s = at_s, late_s
        self._bin.append((at_s, late_s))
        if at_s - self._bin[0][0] >= self.BIN_S:
            self._close_bin()

    def time_of(self, position: float) -> float | None:
        """Device time of a sample; None before the first stamp."""
        if not self.known:
            return None
        at_s = position / self.rate_hz
        return at_s + self._late_at(at_s)

    def position_of(self, time_s: float) -> float | None:
        """The sample, with its fraction, that passes at `time_s`; None before the first stamp."""
        if not self.known:
            return None
        at_s = (time_s - self._late_s + self._slope * self._middle) / (1 + self._slope)
        return at_s * self.rate_hz

    def _late_at(self, at_s: float) -> float:
        return self._late_s + self._slope * (at_s - self._middle)

    def _close_bin(self) -> None:
        at_s = sum(stamp[0] for stamp in self._bin) / len(self._bin)
        detrended = sorted(late - self._slope * (at - at_s) for at, late in self._bin)
        quarter = len(detrended) // 4
        middle = detrended[quarter : len(detrended) - quarter]
        now = (at_s, sum(middle) / len(middle))
        self._bin.clear()
        if self._bins and abs(now[1] - self._late_at(at_s)) > self.max_step_s:
            if self._odd is None:
                self._odd = now
                return
            self._begin(slope=self._slope, bins=[self._odd])
        self._odd = None
        self._bins.append(now)
        self._fit()

    def _begin(self, *, slope: float, bins: list[tuple[float, float]]) -> None:
        self.n_steps += 1
        self._known_slope = self._slope = slope
        self._odd = None
        self._bin.clear()
        self._bins.clear()
        self._bins.extend(bins)

    def _fit(self) -> None:
        """Least squares; once more when it is known how much the bins jitter, and without those
        that lie far off.
        """
        at_s, late_s = np.array(self._bins).T
        self._lay(at_s, late_s, self.LIKELY_JITTER_S)
        if len(at_s) < self.N_TELLING:
            return
        off = np.abs(late_s - self._late_s - self._slope * (at_s - self._middle))
        typical = float(np.median(off))
        near = off <= self.ODD_DEVIATIONS * typical + 1e-9
        self._lay(at_s[near], late_s[near], max(1.5 * typical, self.LEAST_JITTER_S))

    def _lay(self, at_s: Floats, late_s: Floats, jitter_s: float) -> None:
        """Ridge regression: the slope known before weighs as its odds say, jitter over drift."""
        self._middle, self._late_s = float(at_s.mean()), float(late_s.mean())
        off = at_s - self._middle
        lean = (jitter_s / self.LIKELY_DRIFT) ** 2
        slope = (float(off @ late_s) + lean * self._known_slope) / (float(off @ off) + lean)
        most = self.MOST_PPM * 1e-6
        self._slope = min(max(slope, -most), most)
