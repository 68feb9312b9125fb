"""`make bench-endpoint`: how soon a turn is over, and how often it was not.

Reserved voices say held-out phrasings with pauses between any two words; the product's own
hearing finds the ends, the model's opinion comes 60 ms of sound after each soft end. A pause at
random is harder than people's own, which mostly stand where more is plainly to come.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, get_args

import torch
from rich.console import Console
from rich.table import Table

from training.grammar.endings import separation
from vivavoce.models.catalog import load
from vivavoce.streaming.endpoint import EndpointSettings
from vivavoce.streaming.patience import Patience
from vivavoce.streaming.vad import VadKind, silero_available

from .measuring import ModelOpinions, Opinion, hold, opinions_of
from .turns import Habit, PausedTurn, paused_turns

SILENCES_MS = (300, 350, 400, 450, 500, 600)
EAGERNESS = ("high", "medium", "low")
MOST_CUTS = 2.0


def ways() -> list[tuple[str, Patience, EndpointSettings]]:
    """Every way to end a turn that is compared."""
    found = [
        (f"silence {ms} ms", Patience("silence"), EndpointSettings(silence_ms=ms))
        for ms in SILENCES_MS
    ]
    for eagerness in EAGERNESS:
        for learn in (False, True):
            name = f"semantic {eagerness}{', learnt pauses' if learn else ''}"
            found.append((name, Patience("semantic", eagerness, learn), EndpointSettings()))
    return found


def compare(
    table: Table, title: str, turns: Sequence[PausedTurn], kind: VadKind, opinion: Opinion
) -> None:
    """The rows of one set and one detector."""
    for name, patience, settings in ways():
        outcome = hold(turns, patience, settings, kind, opinion)
        p50, p95 = outcome.delay_ms(50), outcome.delay_ms(95)
        mark = "" if outcome.cuts_per_100 > MOST_CUTS else "*"
        table.add_row(
            title,
            kind,
            name,
            f"{outcome.cuts_per_100:.1f}{mark}",
            f"{p50:.0f}",
            f"{p95:.0f}",
            str(outcome.missed),
        )


def parse() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endpoint", description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="turns of each set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--vad", choices=[k for k in get_args(VadKind) if k != "auto"])
    parser.add_argument("--pause-ms", type=int, nargs=2, default=(100, 400))
    parser.add_argument("--noise-db", type=float, default=40.0, help="speech above pink noise")
    return parser.parse_args()


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    habit = Habit(pause_ms=tuple(options.pause_ms), noise_db=options.noise_db)
    turns = paused_turns(options.n, habit, options.seed)
    opinion = ModelOpinions(load(options.model))
    whole, cut = opinions_of(turns, opinion)
    table = Table(title=f"{len(turns)} turns, * at most {MOST_CUTS:.0f} false cuts in 100")
    for column in ("pauses", "detector", "ends by", "false cuts /100", "p50 ms", "p95 ms", "lost"):
        table.add_column(column)
    kinds: list[VadKind] = ["webrtc", "silero"] if silero_available() else ["webrtc"]
    for kind in [options.vad] if options.vad else kinds:
        compare(table, "{} to {} ms".format(*habit.pause_ms), turns, kind, opinion)
    console = Console(width=110)
    console.print(table)
    n_pairs = len(whole) * len(cut)
    if n_pairs:
        share = 100 * separation(whole, cut)
        console.print(f"{options.model} sets whole above cut in {share:.1f} % of {n_pairs} pairs")


if __name__ == "__main__":
    main()
