"""How long a silence ends the turn: by the clock, or by all that is known of the moment.

`silence`: always `silence_ms`. `semantic`: the model says how likely the speaker is done, from
what it understood so far; between two bounds the silence follows it:

    late  ------.                     "set a timer for"
                 \\
    usual         `-----.             no opinion, or an open one
                         \\
    early                 `--------   "set a timer for ten minutes"
         0   .15    .53    .9    1    probability that the speaker is done

All three are as long as this speaker's pauses ask for; after a question usual and late are
longer. Without an opinion (a model that has none, or none in time) the usual one counts. The
numbers come from `make bench-endpoint`: least delay at two false cuts in 100 turns with pauses
up to 400 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .endpoint import LONGEST_SILENCE_MS, SHORTEST_SILENCE_MS
from .pauses import Pauses

Detection = Literal["silence", "semantic"]
Eagerness = Literal["low", "medium", "high", "auto"]

OPEN, DONE = 0.15, 0.9
"""Below the first a speaker is certainly not done, above the second certainly."""
AFTER_QUESTION = 1.5
"""Who was asked something thinks while speaking; usual and late are longer by this."""


@dataclass(frozen=True)
class Bounds:
    """Silences that end a turn, ms: of who is certainly done, of who may be, of who is not."""

    early: float
    usual: float
    late: float

    @property
    def thoughtful(self) -> Bounds:
        """Of who was asked something: an answer that sounds finished is finished all the same."""
        return Bounds(self.early, AFTER_QUESTION * self.usual, AFTER_QUESTION * self.late)


BOUNDS: dict[Eagerness, Bounds] = {
    "high": Bounds(250, 400, 800),
    "medium": Bounds(350, 500, 1200),
    "auto": Bounds(350, 500, 1200),
    "low": Bounds(600, 1000, 2400),
}


@dataclass(frozen=True)
class Patience:
    """How the end of a turn is found.

    Args:
        detection: by silence alone, or by all that is known.
        eagerness: of semantic detection; "auto" is "medium".
        learn_pauses: semantic: follow the speaker's own pauses.
    """

    detection: Detection = "silence"
    eagerness: Eagerness = "auto"
    learn_pauses: bool = True

    def silence_ms(
        self,
        fixed_ms: int,
        complete: float | None = None,
        pauses: Pauses | None = None,
        asked: bool = False,
    ) -> int:
        """The silence that ends the turn now.

        Args:
            fixed_ms: what `silence` waits.
            complete: the model's probability that the speaker is done.
            pauses: what is known of the speaker.
            asked: the assistant's last reply was a question.
        """
        if self.detection == "silence":
            return fixed_ms
        bounds = BOUNDS[self.eagerness]
        wanted = _between(bounds.thoughtful if asked else bounds, complete)
        if self.learn_pauses and pauses is not None:
            wanted *= pauses.share
        return min(max(round(wanted), SHORTEST_SILENCE_MS), LONGEST_SILENCE_MS)


def _between(bounds: Bounds, complete: float | None) -> float:
    """The silence for a probability: straight lines from late over usual to early."""
    if complete is None:
        return bounds.usual
    middle = (OPEN + DONE) / 2
    if complete <= middle:
        share = min(max((middle - complete) / (middle - OPEN), 0.0), 1.0)
        return bounds.usual + share * (bounds.late - bounds.usual)
    share = min((complete - middle) / (DONE - middle), 1.0)
    return bounds.usual + share * (bounds.early - bounds.usual)
