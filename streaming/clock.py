"""Time as a count of samples, and the few places where it meets seconds.

A time below the daemon is an index at a named rate. Seconds come in only where sound meets the
world: a file played in real time has to wait, a device stamps its blocks, and a far player, who
sends no stamps, has to be guessed at.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

_N_RUNS = 64  # of an estimate; what lies further back is taken for played


def at_rate(index: int, from_hz: int, to_hz: int) -> int:
    """The sample at `to_hz` that holds the instant of sample `index` at `from_hz` (floor)."""
    return index * to_hz // from_hz


class Clock(Protocol):
    """Seconds that only go forward, and a way to let them pass."""

    def now(self) -> float:
        """Seconds since some fixed instant."""
        ...

    def sleep(self, seconds: float) -> None:
        """Comes back when `seconds` have passed; at once when they are not positive."""
        ...


class SystemClock:
    """The machine's own monotonic clock."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class ManualClock:
    """A clock that stands until somebody sleeps: tests, and files without pace."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(seconds, 0.0)


class Pacer:
    """Holds a stream to real time: `wait(position)` returns when that sample is due.

    Args:
        rate_hz: of the positions.
        pace: speed as a multiple of real time; 0 for no waiting at all.
        clock: where seconds come from; the stream's first sample is due now.
    """

    def __init__(self, rate_hz: int, pace: float = 1.0, clock: Clock | None = None) -> None:
        if pace < 0:
            raise ValueError(f"pace cannot be negative, got {pace}")
        self._clock = clock or SystemClock()
        self._seconds_per_sample = 1 / (rate_hz * pace) if pace else 0.0
        self._begin = self._clock.now()

    def wait(self, position: int) -> None:
        """Sleeps until sample `position` is due; late comers go straight on."""
        due = self._begin + position * self._seconds_per_sample
        self._clock.sleep(due - self._clock.now())


class PlayoutEstimate:
    """What a far player has played, told only from what was sent and when.

    It is taken to play each sample as soon as it has it, one after another, `latency_s` late;
    when it runs dry it waits, and that wait moves all that follows.

        sent    |=====|=====|          |====|
        played   =============- - - - - =====
                              ran dry

    Args:
        rate_hz: of the samples counted.
        latency_s: from sending to hearing; 0 never claims less than was heard.
    """

    def __init__(self, rate_hz: int, latency_s: float = 0.0) -> None:
        self.rate_hz = rate_hz
        self.latency_s = latency_s
        self.n_sent = 0
        self._runs: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=_N_RUNS)
        """When each unbroken run of sound began, and how many samples lay before it."""

    def sent(self, n_samples: int, now_s: float) -> None:
        """`n_samples` more left at `now_s`, in seconds of the caller's clock."""
        arrives_s = now_s + self.latency_s
        if n_samples and (arrives_s > self.ends_at_s() or not self.n_sent):
            self._runs.append((arrives_s, self.n_sent))
        self.n_sent += n_samples

    def heard(self, now_s: float) -> int:
        """Samples played by `now_s`, between 0 and `n_sent`."""
        limit = self.n_sent
        for begin_s, n_before in reversed(self._runs):
            if now_s >= begin_s:
                return min(n_before + int((now_s - begin_s) * self.rate_hz + 0.5), limit)
            limit = n_before
        return limit

    def ends_at_s(self) -> float:
        """When the last sample sent so far will have been played."""
        begin_s, n_before = self._runs[-1]
        return begin_s + (self.n_sent - n_before) / self.rate_hz
