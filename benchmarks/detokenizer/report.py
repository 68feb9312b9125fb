"""The cost per second of speech as a table, as JSON, and as a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from .measuring import Second

NEAR = 5  # seconds around a point whose least is taken: other work on the machine only adds


def smoothed(seconds: Sequence[Second], end_s: int) -> float:
    """Our cost near a second: the least of the NEAR measured ones closest to it."""
    nearest = sorted(seconds, key=lambda second: abs(second.end_s - end_s))[:NEAR]
    return min(second.ours for second in nearest)


def growth(seconds: Sequence[Second]) -> float:
    """Our cost at the end by that at the beginning; 1 is flat."""
    return smoothed(seconds, seconds[-1].end_s) / smoothed(seconds, seconds[0].end_s)


def reference_growth(seconds: Sequence[Second]) -> float | None:
    """The same of the reference's way; None where it was measured less than twice."""
    measured = [second.reference for second in seconds if second.reference is not None]
    return measured[-1] / measured[0] if len(measured) > 1 else None


def table(seconds: Sequence[Second], title: str) -> Table:
    """The seconds at which both ways were measured."""
    table = Table(title=title)
    for column in ("second of speech", "each chunk once", "whole prefix again", "ratio"):
        table.add_column(column, justify="right")
    for second in seconds:
        if second.reference is not None:
            mine = smoothed(seconds, second.end_s)
            ratio = f"{second.reference / mine:.1f} ×"
            table.add_row(str(second.end_s), f"{mine:.2f} s", f"{second.reference:.2f} s", ratio)
    return table


def as_json(seconds: Sequence[Second], settings: Mapping[str, Any]) -> str:
    """Everything measured."""
    rows = [asdict(second) for second in seconds]
    return json.dumps({"settings": dict(settings), "seconds": rows}, indent=1)


def plot(seconds: Sequence[Second], title: str, path: Path) -> None:
    """Both costs over the second of speech."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    reference = [(s.end_s, s.reference) for s in seconds if s.reference is not None]
    if reference:
        axes.plot(*zip(*reference, strict=True), "o-", color="tab:red", label="whole prefix again")
    axes.plot(
        [s.end_s for s in seconds],
        [s.ours for s in seconds],
        color="tab:blue",
        label="each chunk once",
    )
    axes.set(xlabel="second of speech", ylabel="computing for that second, s", title=title)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
