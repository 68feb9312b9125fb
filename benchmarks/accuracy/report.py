"""The figures, what must be reached and what is good, as a table and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from .understanding import Score

ALL = "all"  # where a figure is of no one language


@dataclass(frozen=True)
class Check:
    """One line of the table.

    Args:
        key: its name in the file.
        title: what it says.
        sense: on which side of its limits a figure has to lie.
        must, good: limits; None where there is no target. `must_of` has those of languages.
    """

    key: str
    title: str
    sense: Literal["≥", "≤"] = "≥"
    must: float | None = None
    good: float | None = None
    must_of: Mapping[str, float | None] = field(default_factory=dict)

    def must_in(self, language: str) -> float | None:
        """The limit for a language."""
        return self.must_of.get(language, self.must)

    def mark(self, language: str, value: float) -> str:
        """`good`, `must`, `MISSED`, or nothing where there is no target."""
        must = self.must_in(language)
        if self.good is not None and self._meets(value, self.good):
            return "good"
        if must is None:
            return ""
        return "must" if self._meets(value, must) else "MISSED"

    def _meets(self, value: float, limit: float) -> bool:
        return value >= limit if self.sense == "≥" else value <= limit


CHINESE_LATER = {"cmn": None, "yue": None}  # targets stand for English alone

CHECKS = (
    Check(
        "intent",
        "intent: held-out phrasings, reserved voices, noise",
        "≥",
        0.75,
        0.9,
        {"cmn": 0.6, "yue": 0.55},
    ),
    Check("exact", "intent and all slots, same set", "≥", 0.6, 0.8, CHINESE_LATER),
    Check("written_intent", "intent, same sentences as text", "≥", 0.85, 0.95, CHINESE_LATER),
    Check("written_exact", "intent and all slots as text", "≥", None, 0.9),
    Check("clean_exact", "intent and slots: trained phrasings and voices, clean", "≥", 0.85, 0.95),
    Check("wer", "transcript WER / CER, held-out set", "≤", None, 0.2),
    Check("clean_wer", "transcript WER / CER, trained and clean", "≤", None, 0.1),
    Check("reply_language", "reply in the language that was spoken", "≥", None, 0.98),
    Check("small_talk", "small talk: topic", "≥", None, 0.8),
    Check("follow_up", "follow-ups: intent and slots", "≥", None, 0.8),
    Check("correction", "corrections (“no, the kitchen”)", "≥", None, 0.8),
    Check("midway", "corrections within the sentence", "≥", None, 0.8),
    Check("confirmation", "answers to a question (yes, no, another)", "≥", None, 0.8),
    Check("by_name", "after the name was said", "≥", None, 0.8),
    Check("switched", "after a turn in another language", "≥", None, 0.8),
    Check("code_switch", "English words in a Chinese sentence", "≥", None, 0.8),
    Check("out_of_domain", "acts on a sentence outside the domain", "≤", None, 0.05),
    Check("noise_actions", "actions in noise, music, murmurs, babble", "≤", 0, 0),
    Check("streaming", "streaming differs from whole, sets of 20", "≤", 0, 0),
    Check("hearing_rtf", "hearing, real-time factor, one core", "≤", 0.4, 0.25),
    Check("original_wer", "WER of the original recordings (scorer's sanity)", "≤", 0.02, 0.02),
    Check("codec_wer", "WER after the codec", "≤", 0.06, 0.03),
    Check("talker_wer", "own speech, WER (pocketsphinx)", "≤", 0.2, 0.08),
    Check("original_cer", "original recordings, CER (nano's ear)", "≤"),
    Check("codec_cer", "after the codec, CER (nano's ear)", "≤"),
    Check("talker_cer", "own speech, CER (nano's ear)", "≤", 0.35, 0.15),
    Check("speaking_rtf", "speaking, real-time factor, one core", "≤", 0.4, 0.25),
    Check("size_mb", "shipped weights, MB", "≤", 40, 30),
)
BY_KEY = {check.key: check for check in CHECKS}


class Report:
    """Figures by check and language; those that miss their must are marked and counted."""

    def __init__(self, title: str = "nano") -> None:
        self.title = title
        self.figures: dict[str, dict[str, float]] = {}
        self.details: dict[str, Any] = {}
        self.confusions: dict[str, dict[tuple[str, str], int]] = {}
        self.wanted: dict[str, dict[str, int]] = {}

    def add(self, key: str, value: float, language: str = ALL) -> None:
        """One figure. Raises KeyError for a check that does not exist."""
        assert key in BY_KEY, key
        self.figures.setdefault(key, {})[language] = float(value)

    def note_understanding(self, language: str, score: Score) -> None:
        """Keep what the confusion matrix and the curves of confidence are drawn from."""
        self.confusions[language] = dict(score.confusions)
        self.wanted[language] = dict(score.wanted)

    @property
    def missed(self) -> int:
        """How many figures miss their must."""
        return sum(
            BY_KEY[key].mark(language, value) == "MISSED"
            for key, values in self.figures.items()
            for language, value in values.items()
        )

    def table(self) -> Table:
        """Checks down, languages across."""
        table = Table(title=self.title)
        columns = [name for name in ("en", "cmn", "yue", ALL) if self._has(name)]
        for column in ("check", *columns, "must", "good"):
            table.add_column(column)
        for check in CHECKS:
            values = self.figures.get(check.key)
            if values:
                cells = [_cell(check, name, values.get(name)) for name in columns]
                table.add_row(check.title, *cells, *_limits(check, values))
        return table

    def _has(self, language: str) -> bool:
        return any(language in values for values in self.figures.values())

    def save(self, path: Path) -> None:
        """Write figures and details as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        confusions = {
            language: {f"{wanted}>{got}": n for (wanted, got), n in found.items()}
            for language, found in self.confusions.items()
        }
        data = {
            "figures": self.figures,
            "wanted": self.wanted,
            "confusions": confusions,
            **self.details,
        }
        lines = [f" {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in data.items()]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _cell(check: Check, language: str, value: float | None) -> str:
    if value is None:
        return ""
    mark = check.mark(language, value)
    style = {"good": "green", "must": "yellow", "MISSED": "bold red"}.get(mark, "")
    text = f"{value:.3f}{' ' + mark if mark == 'MISSED' else ''}"
    return f"[{style}]{text}[/]" if style else text


def _limits(check: Check, values: Mapping[str, float]) -> tuple[str, str]:
    musts = [check.must_in(language) for language in values]
    shown = " / ".join(f"{must:g}" for must in dict.fromkeys(musts) if must is not None)
    good = "" if check.good is None else f"{check.sense} {check.good:g}"
    return (f"{check.sense} {shown}" if shown else ""), good
