"""How sure nano is of what it would do, where nothing keeps it from doing it.

The gates (`min_transcript_confidence`, `min_intent_probability`) are opened, so that what they
would have kept out is seen too; from this the thresholds of `config.json` are chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from training.augment import EVALUATION
from training.grammar.evaluation import eval_turns
from vivavoce.models.nano.model import NanoModel

from .batched import decided
from .conversations import others
from .refusal import sounds
from .report import Report
from .understanding import REJECT, Decided, record

Kind = Literal["right", "wrong", "declined", "other", "noise"]
Sure = tuple[float, float, Kind]
"""(confidence, how sure the transcript is, what it was): a command understood or not, a command
taken for none, a sentence outside the domain, or noise."""


def gates(report: Report, model: NanoModel, n: int, minutes: float, seed: int) -> None:
    """Note how sure nano is of commands, of other sentences and of noise.

    Args:
        report: takes the figures as a detail.
        model: the gates of its config are opened meanwhile.
        n: commands a language.
        minutes: of noise.
        seed: of another draw than that of the main set.
    """
    found: dict[str, list[Sure]] = {}
    with _open(model):
        for language in model.languages:
            turns = [t for t in eval_turns("heldout", n, seed, language) if t.intent != REJECT]
            clips = record(turns, "reserved", EVALUATION, seed)
            found[language] = []
            for turn, one in zip(turns, decided(model, clips), strict=True):
                right = (one.name, one.arguments) == (turn.intent, turn.arguments)
                kind: Kind = "declined" if one.name == REJECT else "right" if right else "wrong"
                found[language].append((one.confidence, one.heard, kind))
            clips = record(others(language, n // 2, seed), "reserved", EVALUATION, seed)
            found[language] += _unmeant(decided(model, clips), "other")
        clips = [pcm for _, pcm in sounds(minutes, seed, model.languages)]
        found["noise"] = _unmeant(decided(model, clips), "noise")
    report.details["gates"] = {
        name: [[round(sure, 3), round(heard, 3), kind] for sure, heard, kind in rows]
        for name, rows in found.items()
    }


def _unmeant(results: Sequence[Decided], kind: Kind) -> list[Sure]:
    return [(one.confidence, one.heard, kind) for one in results]


@contextmanager
def _open(model: NanoModel) -> Iterator[None]:
    config, least = model.config, model.min_intent_probability
    model.config = replace(config, min_transcript_confidence={})
    model.min_intent_probability = 0.0
    try:
        yield
    finally:
        model.config, model.min_intent_probability = config, least
