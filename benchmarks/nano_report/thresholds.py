"""Thresholds chosen from how sure nano was of what was meant and of what was not.

    0 ──────────── decline ─────────── ask ──────────── act ──────── 1     confidence
       "sorry"                 "shall i ...?"            done

See accuracy/gates.py for the figures: (confidence, how sure the transcript is, what it was).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Row = tuple[float, float, str]
STEPS = tuple(step / 100 for step in range(0, 96))
LOST_BY_TRANSCRIPT = 0.005  # of the commands understood may be lost to an unclear transcript
LOST_BY_CONFIDENCE = 0.02
WRONG_OF_DONE = 0.07  # of what is done unasked; with 0.04 a quarter of all understood is asked
COMMANDS = ("right", "wrong", "declined")


@dataclass(frozen=True)
class Thresholds:
    """Values for `min_transcript_confidence`, `min_intent_probability`, `confirm_probability`."""

    transcript: float
    decline: float
    ask: float


@dataclass(frozen=True)
class Outcome:
    """What becomes of a set at some threshold; shares of commands, of other sentences, of noise."""

    right: float
    wrong: float
    other: float
    noise: float


def outcome(
    rows: Sequence[Row], noise: Sequence[Row], confidence: float, transcript: float = 0.0
) -> Outcome:
    """What would be acted on, of a language's sentences and of noise."""

    def acted(found: Sequence[Row], kind: str) -> int:
        return sum(
            sure > 0 and sure >= confidence and heard >= transcript and what == kind
            for sure, heard, what in found
        )

    n_commands = sum(what in COMMANDS for _, _, what in rows) or 1
    n_others = sum(what == "other" for _, _, what in rows) or 1
    return Outcome(
        acted(rows, "right") / n_commands,
        acted(rows, "wrong") / n_commands,
        acted(rows, "other") / n_others,
        acted(noise, "noise") / (len(noise) or 1),
    )


def chosen(gates: Mapping[str, Sequence[Row]]) -> Thresholds:
    """The thresholds that every language can live with.

    The transcript's is as high as costs hardly anything; that of declining as well; that of asking
    so high that what is done without a question is hardly ever wrong.
    """
    noise = gates["noise"]
    languages = [rows for name, rows in gates.items() if name != "noise"]
    open_right = [outcome(rows, noise, 0).right for rows in languages]

    def kept(confidence: float, transcript: float, lost: float) -> bool:
        return all(
            outcome(rows, noise, confidence, transcript).right >= (1 - lost) * right
            for rows, right in zip(languages, open_right, strict=True)
        )

    transcript = max(t for t in STEPS if kept(0, t, LOST_BY_TRANSCRIPT))
    decline = max(t for t in STEPS if kept(t, transcript, LOST_BY_CONFIDENCE))
    ask = next((t for t in STEPS if t >= decline and _sure(languages, t, transcript)), STEPS[-1])
    return Thresholds(transcript, decline, ask)


def _sure(languages: Sequence[Sequence[Row]], confidence: float, transcript: float) -> bool:
    for rows in languages:
        found = outcome(rows, (), confidence, transcript)
        if found.wrong > WRONG_OF_DONE * (found.right + found.wrong):
            return False
    return True
