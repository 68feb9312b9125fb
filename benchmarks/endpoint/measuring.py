"""The product's own hearing over turns that end where we know: cuts, delays, opinions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from vivavoce.assistant.core.events import SpeechEnded, SpeechPaused
from vivavoce.assistant.hearing import Hearing
from vivavoce.models.dialogue import Heard, Pcm, SpeechModel
from vivavoce.streaming.endpoint import EndpointSettings
from vivavoce.streaming.patience import Patience
from vivavoce.streaming.vad import VadKind

from .turns import RATE_HZ, PausedTurn

PIECE = 320
OPINION_S = 0.06
"""From the soft end until the model's opinion is there: what a desktop takes, and some."""

Opinion = Callable[[PausedTurn, int], "float | None"]


@dataclass
class Outcome:
    """Turns held one way.

    delays_ms: from the last speech to the endpoint, of the turns that were not cut.
    """

    n: int = 0
    cut: list[str] = field(default_factory=list)
    missed: int = 0
    delays_ms: list[float] = field(default_factory=list)

    @property
    def cuts_per_100(self) -> float:
        return 100 * len(self.cut) / max(self.n, 1)

    def delay_ms(self, percent: float) -> float:
        return float(np.percentile(self.delays_ms, percent)) if self.delays_ms else float("nan")


class ModelOpinions:
    """What a model says of a turn at a soft end, remembered: it does not depend on patience."""

    def __init__(self, model: SpeechModel) -> None:
        self._model = model
        self._known: dict[tuple[int, int], float | None] = {}
        self.transcripts: dict[tuple[int, int], str] = {}

    def __call__(self, turn: PausedTurn, at: int) -> float | None:
        key = (id(turn), at)
        if key not in self._known:
            heard = self._ask(turn.pcm[:at])
            self._known[key] = heard.complete if heard else None
            self.transcripts[key] = heard.transcript if heard else ""
        return self._known[key]

    def _ask(self, pcm: Pcm) -> Heard | None:
        dialogue = self._model.open()
        dialogue.listen(pcm)
        reply = dialogue.reply()
        first = next(iter(reply), None)
        return first if isinstance(first, Heard) else None


def hold(
    turns: Sequence[PausedTurn],
    patience: Patience,
    settings: EndpointSettings,
    kind: VadKind,
    opinion: Opinion,
) -> Outcome:
    """All turns, one after another, as one speaker's."""
    outcome, hearing, origin = Outcome(), Hearing(settings, kind, patience), 0
    for turn in turns:
        ends = list(_ends(hearing, turn, origin, opinion))
        origin += len(turn.pcm)
        outcome.n += 1
        if not ends:
            outcome.missed += 1
        elif ends[0] < turn.end:
            outcome.cut.append(turn.text)
        else:
            outcome.delays_ms.append(1000 * (ends[0] - turn.end) / RATE_HZ)
    return outcome


def _ends(hearing: Hearing, turn: PausedTurn, origin: int, opinion: Opinion) -> Iterator[int]:
    """Where in the turn its ends are found."""
    told: float | None = None
    due: int | None = None
    for at in range(0, len(turn.pcm), PIECE):
        if due is not None and at >= due:
            hearing.judged(told)
            due = None
        for event in hearing.feed(turn.pcm[at : at + PIECE]):
            if isinstance(event, SpeechPaused):
                here = event.at - origin
                told, due = opinion(turn, here), here + int(OPINION_S * RATE_HZ)
            else:
                due = None
            if isinstance(event, SpeechEnded):
                yield event.at - origin


def opinions_of(turns: Sequence[PausedTurn], opinion: Opinion) -> tuple[list[float], list[float]]:
    """What is said 200 ms into the silence after the last word, and into each pause that long."""
    whole, cut = [], []
    for turn in turns:
        soft = RATE_HZ // 5
        whole.append(_known(opinion(turn, turn.end + soft)))
        cut += [_known(opinion(turn, at + soft)) for at, n, _ in turn.pauses if n >= soft]
    return whole, cut


def _known(probability: float | None) -> float:
    return 0.5 if probability is None else probability
