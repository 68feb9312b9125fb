"""`make bench-detokenizer`: what one more second of speech costs, from the first to the last.

Ming v1.5's detokeniser with random weights, prompt of three seconds: computing each chunk once,
and computing the whole prefix again as the reference does, by turns in one run. Ends with 1 when
the cost of ours grows by more than a third.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from .measuring import CODES_HZ, Run, deviation, first_sound, measure
from .report import as_json, growth, plot, reference_growth, table
from .sizes import SIZES, n_parameters, random_codes, random_flow, random_vocoder, random_voice

PROMPT_CODES, EARLY = 150, 16
MOST_GROWTH = 1.33
CHECKED_S = 2


def run_of(options: argparse.Namespace) -> Run:
    """Models and codes as the command line asks for them."""
    device = torch.device(options.device)
    n_codes = options.seconds * CODES_HZ
    flow = random_flow(options.size, options.seed, options.steps)
    points = {int(point) for point in options.points.split(",") if point}
    return Run(
        flow.to(device, getattr(torch, options.dtype)),
        random_vocoder(options.size, options.seed).to(device),
        random_voice(PROMPT_CODES, options.seed),
        random_codes(n_codes + flow.config.encoder.look_ahead, options.seed + 1),
        frozenset(points),
        options.context_s if options.context_s > 0 else None,
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detokenizer", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--seconds", type=int, default=60, help="length of the speech")
    parser.add_argument(
        "--points", default="1,2,5,10,20,40,60", help="seconds at which the reference is measured"
    )
    parser.add_argument("--steps", type=int, default=10, help="of the solver")
    parser.add_argument(
        "--context-s", type=float, default=6.0, help="own speech attended to; 0 for all of it"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for detokenizer.json and .png")
    return parser


def main() -> None:
    options = parser().parse_args()
    torch.set_num_threads(options.threads)
    run, console = run_of(options), Console(width=100)
    where = f"{platform.processor() or platform.machine()}, {options.threads} threads"
    millions = n_parameters(run.flow, run.hift) / 1e6
    title = f"{options.size}: {millions:.0f} M parameters, {options.steps} steps, {where}"
    if not torch.cuda.is_available():
        console.print("There is no GPU here: these are the processor's figures, and they stand.")
    first = first_sound(run, EARLY)
    with Progress(console=console) as progress:
        bar = progress.add_task("speaking", total=options.seconds)
        seconds = measure(run, lambda: progress.advance(bar))
    console.print(table(seconds, title))
    grown, theirs = growth(seconds), reference_growth(seconds)
    console.print(f"cost of the last seconds by that of the first: ours {grown:.2f}")
    if theirs is not None:
        console.print(f"the whole prefix again: {theirs:.1f}")
    console.print(f"first sound of {EARLY} codes after {first:.2f} s of computing")
    console.print(f"greatest difference of mel: {deviation(run, CHECKED_S):.1e}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        settings = {k: str(v) for k, v in vars(options).items() if k != "out"}
        text = as_json(seconds, {**settings, "title": title, "first_sound_s": first})
        (options.out / "detokenizer.json").write_text(text + "\n", encoding="utf-8")
        plot(seconds, title, options.out / "detokenizer.png")
    raise SystemExit(1 if grown > MOST_GROWTH else 0)


if __name__ == "__main__":
    main()
