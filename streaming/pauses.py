"""How long one speaker pauses in mid-sentence, learnt as the conversation goes.

    longest pause of each of the last turns, ms      sorted                      the one that counts
    [340 340 ... 340 | 0 280 510 0 620]         ->  [0 0 280 340 ... 510 620]  ->        ^
     what people do      this speaker                                         third longest

One number a turn, so that a hesitant sentence weighs no more than a fluent one; the third longest
of twenty, so that one interrupted thought, or two, change nothing; the oldest falls out, so that
it forgets in about twenty turns. Who goes on right after a turn was ended had only paused: that
counts as a pause of the turn. Values, without a clock: `speaker = speaker.after(event)`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .endpoint import Ended, EndpointEvent, Resumed, SoftEnd, SpeechStarted
from .vad import VAD_RATE_HZ

KEPT_TURNS = 20
IGNORED = 2
"""So many of the longest say nothing."""
USUAL_MS = 350
"""What stands in for the turns that have not been heard yet."""
MARGIN_MS = 150
"""The silence that ends a turn is longer than the speaker's pauses by this much."""
LEAST_SHARE, MOST_SHARE = 0.8, 2.0
CUT_OFF_MS = 1000
"""Speech so soon after a turn's last is not an answer to the reply: the turn goes on."""
SHORT_MS = 1000
"""A turn shorter than this without a pause says nothing of how its speaker pauses."""


@dataclass(frozen=True)
class Pauses:
    """The longest pause of each of a speaker's last turns, oldest first, ms."""

    longest_ms: tuple[int, ...] = (USUAL_MS,) * KEPT_TURNS

    def after(self, longest_ms: int) -> Pauses:
        """Having heard one more turn, whose longest pause was this; 0 for none worth the name."""
        return Pauses((*self.longest_ms[1:], longest_ms))

    @property
    def typical_ms(self) -> int:
        """The pause that this speaker rarely exceeds."""
        return sorted(self.longest_ms)[-1 - IGNORED]

    @property
    def share(self) -> float:
        """How much longer than usual to wait for this speaker, LEAST_SHARE to MOST_SHARE."""
        share = (self.typical_ms + MARGIN_MS) / (USUAL_MS + MARGIN_MS)
        return min(max(share, LEAST_SHARE), MOST_SHARE)


@dataclass(frozen=True)
class Speaker:
    """Whoever speaks here, by the events of an endpointer. Indices in samples at 16 kHz.

    Args:
        pauses: of the turns before the newest.
        longest: pause of the newest turn so far, samples.
        first_voiced, last_voiced: of the newest turn; last_voiced None while nobody has spoken.
    """

    pauses: Pauses = Pauses()
    longest: int = 0
    first_voiced: int = 0
    last_voiced: int | None = None

    def after(self, event: EndpointEvent) -> Speaker:
        """What is known of the speaker once this has happened."""
        if isinstance(event, SpeechStarted):
            return self._started(event.first_voiced)
        if isinstance(event, SoftEnd | Ended):
            return replace(self, last_voiced=event.end)
        if isinstance(event, Resumed):
            return self._paused_until(event.first_voiced)
        return self

    def _started(self, at: int) -> Speaker:
        if self.last_voiced is None:
            return replace(self, first_voiced=at)
        if at - self.last_voiced <= _samples(CUT_OFF_MS):
            return self._paused_until(at)
        long = self.last_voiced - self.first_voiced >= _samples(SHORT_MS)
        counts = long or self.longest > 0
        longest_ms = 1000 * self.longest // VAD_RATE_HZ
        pauses = self.pauses.after(longest_ms) if counts else self.pauses
        return Speaker(pauses, first_voiced=at)

    def _paused_until(self, at: int) -> Speaker:
        assert self.last_voiced is not None
        return replace(self, longest=max(self.longest, at - self.last_voiced))


def _samples(duration_ms: int) -> int:
    return VAD_RATE_HZ * duration_ms // 1000
