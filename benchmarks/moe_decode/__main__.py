"""`python -m benchmarks.moe_decode`: a decode step of Ming's thinker, several ways side by side.

Random weights at the full layer shape, shared by all paths; every path once a round, a read of
memory before each. A few layers and the output layer are measured and scaled to 28 layers. Ends
with 1 when a target is missed. On the CPU only.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages; read when torch first allocates

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.latency.report import table
from vivavoce.models.layers.native import library
from vivavoce.models.layers.quantised import fitted

from .checks import errors, same_tokens
from .measuring import Probe, prefill, rounds
from .paths import SIZES, again, paths, random_thinker
from .report import as_json, figures, machine, path_table, plot, rows

WIDTH = 110


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moe_decode", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--layers", type=int, default=2, help="layers that are measured")
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--context", type=int, default=1024, help="positions before the step")
    parser.add_argument("--turn", type=int, default=300, help="positions of a turn to prefill")
    parser.add_argument("--left", type=int, default=5, help="of those, left after the endpoint")
    parser.add_argument("--tokens", type=int, default=24, help="greedy tokens compared in fp32")
    parser.add_argument("--probe-mb", type=int, default=768, help="memory read before each path")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="one thread, and the time it had the CPU: for a machine that does other work too",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for moe_decode.json and .png")
    return parser


@torch.inference_mode()
def main() -> int:
    options = parser().parse_args()
    if options.cpu_time:
        options.threads = 1
    clock = time.thread_time if options.cpu_time else time.perf_counter
    torch.set_num_threads(options.threads)
    console, compiled = Console(width=WIDTH), library() is not None
    if torch.cuda.is_available():
        console.print("There is a GPU here; this benchmark measures the processor.")
    config = replace(SIZES[options.size], n_layers=options.layers)
    with Progress(console=console) as progress:
        bar = progress.add_task("weights", total=None)
        same = same_tokens(config, options.tokens, options.seed)
        thinker = random_thinker(config, options.seed, torch.bfloat16)
        ways = paths(thinker, options.context)
        wrong = errors(thinker, ways, options.context)
        progress.update(bar, description="decoding", total=options.rounds + 2)
        probe = Probe(options.probe_mb * 1_000_000, clock)
        found = rounds(
            ways, probe, options.rounds, config.dim, clock, lambda: progress.advance(bar)
        )
        progress.update(bar, description="prefill")
        turns = max(3, options.rounds // 4)
        read = prefill(fitted(again(thinker), None), options.turn, options.left, turns, clock)
    kv_bytes = 2 * options.context * config.n_kv_heads * config.head_dim * 2
    made = rows(ways, found, config.n_layers, kv_bytes, wrong)
    shown = figures(made, found, config.n_layers, same, read, compiled)
    title = _title(options)
    speeds = sorted(speed for times in found.values() for speed in times.bandwidth)
    console.print(path_table(made, speeds[len(speeds) // 2], title))
    console.print(table(shown, "against the targets"))
    if not compiled:
        console.print("No C++ compiler here: only the paths without one mean anything.")
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        settings = {key: str(value) for key, value in vars(options).items()}
        text = as_json(made, shown, found, same, read, settings)
        (options.out / "moe_decode.json").write_text(text, encoding="utf-8")
        plot(made, title, options.out / "moe_decode.png")
    return 0 if all(figure.met is not False for figure in shown) else 1


def _title(options: argparse.Namespace) -> str:
    threads = "CPU time of one thread" if options.cpu_time else f"{options.threads} threads"
    return f"{options.size} layers, {threads}, {machine()['processor']}"


if __name__ == "__main__":
    sys.exit(main())
