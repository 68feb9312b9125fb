"""The figures as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .figures import CAUGHT_MS, Results

COLOURS = {"instant": "tab:red", "polite": "tab:blue"}


def plot(results: Results, path: Path) -> None:
    """How fast it yields, how long it waits, and what is left of the echo."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    (yields, waits), (echo, stays) = figure.subplots(2, 2)
    _yields(yields, results)
    _waits(waits, results)
    _echo(echo, results)
    _stays(stays, results)
    figure.savefig(path, dpi=110)


def _yields(axes: Any, results: Results) -> None:
    for preset, done in results.interrupted.items():
        colour = COLOURS.get(preset)
        _shares(axes, [one.silence_ms for one in done], f"{preset}: silent", colour, "-")
        _shares(axes, [one.stopped_ms for one in done], f"{preset}: stopped", colour, "--")
    axes.axvline(CAUGHT_MS, color="grey", linewidth=0.8)
    axes.set(
        title="people interrupt a reply",
        xlabel="ms from the first voiced sample",
        ylabel="% of them",
        xlim=(0, 1500),
    )
    axes.legend(fontsize="small")


def _waits(axes: Any, results: Results) -> None:
    _shares(axes, [o.delay_ms for o in results.turns], "pauses of 100 to 400 ms", "tab:green", "-")
    _shares(axes, [o.delay_ms for o in results.hesitant], "500 to 900 ms", "tab:olive", "-")
    axes.set(
        title="a turn ends",
        xlabel="ms from the last voiced sample",
        ylabel="% of turns",
        xlim=(0, 2500),
    )
    axes.legend(fontsize="small")


def _echo(axes: Any, results: Results) -> None:
    places = sorted({one.place for one in results.own})
    losses = [np.mean([o.erle_db for o in results.own if o.place == place]) for place in places]
    axes.barh(places, losses, color="tab:purple")
    axes.set(title="the echo is softer by", xlabel="dB")


def _stays(axes: Any, results: Results) -> None:
    done = [one for some in results.disturbed.values() for one in some]
    names = sorted({one.name for one in done})
    shares = [100 * np.mean([not o.ended for o in done if o.name == name]) for name in names]
    axes.bar(range(len(names)), shares, color="tab:blue")
    axes.set_xticks(range(len(names)), [_latin(name) for name in names], rotation=90, fontsize=7)
    axes.set(title="replies that went on through", ylabel="%", ylim=(0, 105))


def _shares(
    axes: Any, values: Sequence[float | None], label: str, colour: str | None, style: str
) -> None:
    """How many are through by when; those that never are hold the curve below 100."""
    known = sorted(value for value in values if value is not None)
    if known:
        shares = 100 * np.arange(1, len(known) + 1) / len(values)
        axes.step(known, shares, where="post", label=label, color=colour, linestyle=style)
    axes.grid(alpha=0.3)
    axes.set_ylim(0, 101)


_READ = {"嗯": "en", "好": "hao", "对": "dui", "是": "shi", "哦": "o", "係": "hai"}


def _latin(name: str) -> str:
    """The font of a picture may have no Chinese."""
    return _READ.get(name, name)
