"""`make bench-latency`: spoken turns and interruptions with the real daemon, in real time.

Prints one table: figure, measured, target. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vivavoce.assistant.errors import UserError

from .clips import Clip, long_questions, questions
from .interruptions import InterruptionRun, hold_interruptions
from .process import daemon_process
from .report import (
    Figure,
    as_json,
    interruption_figures,
    load_figures,
    machine,
    table,
    turn_figures,
)
from .turns import TurnRun, hold_turns

WIDTH = 100
SPARE_QUESTIONS = 3  # asked for each interruption wanted, in case replies are over too soon


@dataclass
class Measured:
    """All that one run of the benchmark finds."""

    figures: list[Figure] = field(default_factory=list)
    runs: dict[str, TurnRun] = field(default_factory=dict)
    interruptions: InterruptionRun = field(default_factory=InterruptionRun)


async def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """Turns and interruptions with speculation, then the same turns without."""
    found = Measured()
    clips = questions(options.turns, options.seed)
    async with daemon_process(options.model, speculation=True) as daemon:
        cpu_s = daemon.cpu_s
        on = await _turns(daemon.url, clips, progress, "turns, speculation on")
        cpu_s = daemon.cpu_s - cpu_s
        if options.interruptions:
            found.interruptions = await _interruptions(daemon.url, clips, options, progress)
    async with daemon_process(options.model, speculation=False) as daemon:
        off = await _turns(daemon.url, clips, progress, "turns, speculation off")
    found.runs = {"speculation_on": on, "speculation_off": off}
    found.figures += [*turn_figures(on, True), *load_figures(on, cpu_s), *turn_figures(off, False)]
    if options.interruptions:
        found.figures += interruption_figures(found.interruptions, options.interruptions)
    return found


async def _turns(url: str, clips: list[Clip], progress: Progress, name: str) -> TurnRun:
    bar = progress.add_task(name, total=len(clips))
    return await hold_turns(url, clips, lambda: progress.advance(bar))


async def _interruptions(
    url: str, voices: list[Clip], options: argparse.Namespace, progress: Progress
) -> InterruptionRun:
    n = options.interruptions
    bar = progress.add_task("interruptions", total=n)
    asked = long_questions(SPARE_QUESTIONS * n, options.seed + 1)
    return await hold_interruptions(
        url, asked, voices, n, options.seed, lambda: progress.advance(bar)
    )


def main() -> None:
    options = _options()
    console = Console(stderr=options.json == Path("-"), width=WIDTH)
    _keep_to(options.cores)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*bar, console=console, refresh_per_second=2, transient=True) as progress:
            found = asyncio.run(measure(options, progress))
    except UserError as error:
        print(f"benchmarks.latency: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    _show(found, console)
    if options.json is not None:
        _write(options.json, found)
    raise SystemExit(1 if any(figure.met is False for figure in found.figures) else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--turns", type=_at_least(1), default=50, help="spoken turns")
    parser.add_argument("--interruptions", type=_at_least(0), default=20, help="replies cut off")
    parser.add_argument("--seed", type=int, default=1, help="of sentences, voices and moments")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--cores", type=_at_least(0), default=2, help="CPU cores used; 0: all")
    parser.add_argument("--json", type=Path, help="file for all figures; - for stdout")
    return parser.parse_args()


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _keep_to(n_cores: int) -> None:
    """Client and daemon share so many cores; the daemon inherits the choice."""
    allowed = sorted(os.sched_getaffinity(0))
    if n_cores:
        os.sched_setaffinity(0, allowed[:n_cores])


def _show(found: Measured, console: Console) -> None:
    about = machine()
    load = about["load_average"][0]
    console.print(table(found.figures, f"Over the WebSocket, {about['cores']} cores"))
    if load > about["cores"]:
        console.print(f"The machine was busy otherwise (load {load}): figures are pessimistic.")
    for name, run in found.runs.items():
        for problem in run.problems:
            console.print(f"not measured, {name}: {problem}", markup=False)
    for one in found.interruptions.done:
        if one.fault:
            console.print(f"truncated item: {one.fault}", markup=False)


def _write(path: Path, found: Measured) -> None:
    text = json.dumps(as_json(found.figures, found.runs, found.interruptions), indent=1)
    if path == Path("-"):
        print(text)
    else:
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
