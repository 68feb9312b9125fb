"""The figures: named, held against their targets, shown as a table and as JSON."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from .interruptions import InterruptionRun
from .timing import TurnTimes, percentile
from .turns import TurnRun

SPECULATING, WAITING = "spoken turns, speculation on", "spoken turns, speculation off"
INTERRUPTED = "interrupted replies"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Args:
        part: of the benchmark.
        unit: "ms", "%" or "" for a ratio.
        at_most, at_least: the target, if it has one.
    """

    part: str
    name: str
    value: float
    unit: str = "ms"
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none. No number reaches none."""
        if self.at_most is None and self.at_least is None:
            return None
        high = self.at_most is None or self.value <= self.at_most
        return high and (self.at_least is None or self.value >= self.at_least)

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}".rstrip()
        return f"≥ {self.at_least:g} {self.unit}".rstrip() if self.at_least is not None else ""

    @property
    def shown(self) -> str:
        """The value with its unit; exact enough to be told from its target."""
        if math.isnan(self.value):
            return "none"
        if not self.unit:
            number = f"{self.value:.2f}"
        else:
            number = f"{self.value:.3g}" if abs(self.value) < 10 else f"{self.value:.0f}"
        return f"{number} {self.unit}".rstrip()


def turn_figures(run: TurnRun, speculation: bool) -> list[Figure]:
    """Latency of spoken turns; the targets are those of the daemon with speculation."""
    part = SPECULATING if speculation else WAITING
    limits = (60.0, 150.0) if speculation else (None, None)
    share = 100 * len(run.times) / run.n if run.n else float("nan")
    return [
        *_pair(part, "end of speech → first audio", [t.total_ms for t in run.times]),
        *_pair(part, "  endpoint silence", [t.silence_ms for t in run.times]),
        *_pair(part, "  everything else", [t.rest_ms for t in run.times], limits),
        *_pair(part, "speech_stopped → first audio", [t.after_told_ms for t in run.times]),
        *_pair(part, "gaps in a reply", [1000 * t.gaps_s for t in run.times]),
        Figure(part, "turns answered in speech", share, "%", at_least=95.0),
    ]


def load_figures(run: TurnRun, cpu_s: float) -> list[Figure]:
    """What the daemon computes for what is heard and said."""
    factor, share = cpu_s / run.audio_s, 100 * cpu_s / run.wall_s
    return [
        Figure(SPECULATING, "real-time factor: CPU time / audio in and out", factor, "", 0.5),
        Figure(SPECULATING, "share of one core during conversation", share, "%"),
    ]


def interruption_figures(run: InterruptionRun, wanted: int) -> list[Figure]:
    """How a reply yields."""
    part, done = INTERRUPTED, run.done
    told = [one.told_ms for one in done if one.told_ms is not None]
    whole = sum(not one.fault for one in done)
    clean = 100 * whole / len(done) if done else float("nan")
    silences = [one.silence_ms for one in done]
    return [
        *_pair(part, "first voice → last audio", silences, (None, 200.0)),
        *_pair(part, "first voice → speech_started", told),
        Figure(
            part, "replies interrupted of those wanted", 100 * len(done) / wanted, "%", None, 100
        ),
        Figure(part, "items that hold only what was heard", clean, "%", None, 100),
    ]


def table(figures: Sequence[Figure], title: str) -> Table:
    """All figures, one a row."""
    shown = Table(title=title)
    shown.add_column("figure")
    shown.add_column("measured", justify="right")
    shown.add_column("target", justify="right")
    shown.add_column("")
    part = None
    for figure in figures:
        if figure.part != part:
            part = figure.part
            shown.add_section()
            shown.add_row(f"[bold]{part}")
        mark = {True: "[green]met", False: "[bold red]MISSED", None: ""}[figure.met]
        shown.add_row(figure.name, figure.shown, figure.target, mark)
    return shown


def as_json(
    figures: Sequence[Figure], runs: dict[str, TurnRun], interruptions: InterruptionRun
) -> dict[str, Any]:
    """Everything measured, for programs."""
    return {
        "machine": machine(),
        "figures": [
            {**asdict(f), "name": f.name.strip(), "value": _number(f.value), "met": f.met}
            for f in figures
        ],
        "turns": {
            name: {"times": [_times(t) for t in run.times], "problems": run.problems}
            for name, run in runs.items()
        },
        "interruptions": [asdict(one) for one in interruptions.done],
        "replies_over_before_interruption": interruptions.n_over,
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cores = len(os.sched_getaffinity(0))
    return {"cores": cores, "load_average": [round(load, 2) for load in os.getloadavg()]}


def _pair(
    part: str,
    name: str,
    values: Sequence[float],
    at_most: tuple[float | None, float | None] = (None, None),
) -> list[Figure]:
    """p50 and p95 of some durations."""
    return [
        Figure(part, f"{name}, p{share}", percentile(values, share), "ms", most)
        for share, most in zip((50, 95), at_most, strict=True)
    ]


def _times(times: TurnTimes) -> dict[str, float]:
    names = ("total_ms", "silence_ms", "rest_ms", "after_told_ms")
    return {
        **{name: round(getattr(times, name), 1) for name in names},
        "gaps_ms": round(1000 * times.gaps_s, 1),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)
