"""Learning curves: thinned from the run folders' logs into one small file that is committed.

stage,minutes,figure,value
encoder,12.5,ctc,1.83
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.voices import SPEAKERS, VOICE_STAGES, run_name

FILE = Path(__file__).with_name("curves.csv")
STAGES = (
    *("encoder", "thinker", "joint"),
    *(run_name(stage, speaker) for speaker in SPEAKERS for stage in VOICE_STAGES),
)
N_POINTS = 60  # a curve, at most, and the last
_HEADER = ("stage", "minutes", "figure", "value")
_NOT_FIGURES = ("step", "cpu_s", "lr")


@dataclass(frozen=True)
class Point:
    """One figure of a stage after so many minutes of training."""

    stage: str
    minutes: float
    figure: str
    value: float


def of_runs(folder: Path) -> list[Point]:
    """What the logs below a run folder say, stage by stage; nothing where there is none."""
    points: list[Point] = []
    for stage in STAGES:
        path = folder / stage / "log.jsonl"
        if path.is_file():
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            points += _thinned(stage, rows)
    return points


def _thinned(stage: str, rows: list[dict[str, float]]) -> Iterable[Point]:
    if not rows:  # a run that has only begun
        return
    every = -(-len(rows) // N_POINTS)
    minutes = _minutes(rows)
    for i in [*range(0, len(rows) - 1, every), len(rows) - 1]:
        for figure, value in rows[i].items():
            if figure not in _NOT_FIGURES:
                yield Point(stage, minutes[i], figure, round(value, 4))


def _minutes(rows: list[dict[str, float]]) -> list[float]:
    """Of training since the stage began; the clock of a log may begin again with each run."""
    before, minutes = 0.0, []
    for last, row in zip([{"cpu_s": 0.0}, *rows], rows, strict=False):
        if row["cpu_s"] < last["cpu_s"]:
            before += last["cpu_s"]
        minutes.append(round((before + row["cpu_s"]) / 60, 2))
    return minutes


def write(points: Iterable[Point], path: Path = FILE) -> None:
    """Keep the curves."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_HEADER)
        rows.writerows((p.stage, p.minutes, p.figure, p.value) for p in points)


def read(path: Path = FILE) -> list[Point]:
    """The kept curves."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Point(row["stage"], float(row["minutes"]), row["figure"], float(row["value"]))
            for row in csv.DictReader(file)
        ]
