"""`make bench-room`: the assistant in simulated rooms. Does it hear itself, does it yield?

Prints one table: figure, measured, target. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.latency.report import Figure, machine, table
from vivavoce.assistant.errors import UserError
from vivavoce.models.catalog import load
from vivavoce.streaming.echo import EchoKind

from .figures import Results, as_json, figures
from .places import PLACES, Material, make_material
from .scenes import MODEL, QUICK, Plan, play, scenes

WIDTH = 100
PRESETS = ("instant", "polite")


def main() -> None:
    options = _options()
    console = Console(stderr=options.out == Path("-"), width=WIDTH)
    logging.basicConfig(level=logging.ERROR)
    try:
        if options.virtual_card:
            raise SystemExit(_on_a_card(options, console))
        shown, results = measure(_plan(options), options.cores, console)
    except UserError as error:
        print(f"benchmarks.room: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    console.print(table(shown, "In simulated rooms"))
    if options.out is not None:
        _write(options.out, as_json(results, shown, asdict(_plan(options))))
    if options.plot is not None:
        from .plot import plot

        plot(results, options.plot)
    raise SystemExit(1 if any(figure.met is False for figure in shown) else 0)


def _on_a_card(options: argparse.Namespace, console: Console) -> int:
    """The real daemon in real time; gives the exit code."""
    from . import virtual_card

    preset = (options.preset or PRESETS)[0]
    shown = virtual_card.figures(virtual_card.hold(options.virtual_card, preset))
    console.print(table(shown, f"The real daemon, {preset}"))
    load = machine()["load_average"][0]
    if load > machine()["cores"]:
        console.print(f"The machine was busy otherwise (load {load}): figures are pessimistic.")
    return 1 if any(figure.met is False for figure in shown) else 0


def measure(plan: Plan, cores: int, console: Console) -> tuple[list[Figure], Results]:
    """Everything that the plan asks for."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=2, transient=True) as progress:
        bar = progress.add_task("making voices", total=len(scenes(plan)))
        material = material_of(plan)
        progress.update(bar, description="playing scenes")
        results = play(plan, material, cores, lambda: progress.advance(bar))
    return figures(results), results


def material_of(plan: Plan) -> Material:
    """All that is said in the scenes of a plan."""
    scene_s = plan.own_s / len(plan.places)
    return make_material(
        load(MODEL),
        plan.seed,
        n_replies=24 if scene_s > 60 else 2,
        n_people=plan.n_interruptions,
        n_bystanders=plan.n_bystanders,
        n_turns=plan.n_turns,
        babble=any(PLACES[place].noise == "babble" for place in plan.places),
    )


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    if options.scenes:
        plan = replace(plan, places=tuple(options.scenes))
    if options.minutes is not None:
        plan = replace(plan, own_s=60.0 * options.minutes)
    if options.preset:
        plan = replace(plan, presets=tuple(options.preset))
    return replace(plan, echo=options.echo, seed=options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.room", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few scenes in one room, for CI")
    parser.add_argument("--scenes", nargs="+", choices=tuple(PLACES), help="rooms; default: all")
    parser.add_argument("--minutes", type=float, help="of own speech, over all rooms")
    parser.add_argument("--preset", nargs="+", choices=PRESETS, help="of barge-in; default: both")
    parser.add_argument(
        "--echo", choices=get_args(EchoKind), default="apm", help="what is done about it"
    )
    parser.add_argument(
        "--virtual-card",
        type=int,
        metavar="N",
        help="instead: the real daemon on a virtual sound card, N replies and N interruptions",
    )
    parser.add_argument("--seed", type=int, default=1, help="of rooms, voices and moments")
    parser.add_argument("--cores", type=int, default=_cores(), help="scenes played at a time")
    parser.add_argument("--out", type=Path, help="file for everything as JSON; - for stdout")
    parser.add_argument("--plot", type=Path, help="file for a picture (PNG)")
    return parser.parse_args()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _write(path: Path, told: dict[str, object]) -> None:
    text = json.dumps(told, indent=1)
    if path == Path("-"):
        print(text)
    else:
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
