"""nano's recipe: `make train-nano`, or one stage of it, resumable.

    python -m training                              every stage in order, from where it stopped
    python -m training --stage encoder --minutes 30

See training/README.md.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Sequence
from functools import partial

import torch

from . import loop
from .export import export_understanding, export_voice
from .languages import LANGUAGES, language_list
from .member import run_member
from .speech_pool import make_shard, pool_folder
from .voices import SPEAKERS, VOICE_STAGES, run_name, speaker_of, trained_together

# CPU minutes of each stage, in the order of training; docs/nano.md says what they reached.
MINUTES = {
    "codec": 22.0,
    "audio_decoder": 8.0,
    "talker": 35.0,
    "thinker": 11.0,
    "encoder": 240.0,
    "joint": 140.0,
}
POOL_SHARDS = 50


def make_pool(languages: list[str], n_shards: int) -> None:
    """Synthesise what is missing of the first n_shards of each language."""
    for language in languages:
        for index in range(n_shards):
            if not (pool_folder("train", language) / f"{index:05d}.json").exists():
                print(f"pool {language}: shard {index + 1} of {n_shards}", flush=True)
                make_shard("train", language, index, others=languages)


def run_stage(name: str, minutes: float, options: argparse.Namespace) -> None:
    """Train one stage for `minutes` more, in as many processes as asked for."""
    if options.processes == 1:
        run_member(0, name, minutes, options, 0)
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(
        run_member, (name, minutes, options, port), nprocs=options.processes
    )


def run_all(options: argparse.Namespace) -> None:
    """Every stage up to its budget, then the export. A finished stage is not repeated."""
    make_pool(options.languages, POOL_SHARDS)
    for name, minutes in MINUTES.items():
        for part in _parts(name, options):
            run = name if name not in VOICE_STAGES else run_name(name, speaker_of(part.languages))
            spent = 0.0 if options.fresh else loop.progress(run)[1]
            left = minutes * options.scale - spent
            if left > 0.1:
                run_stage(name, left, part)
    export(options.languages)


def _parts(name: str, options: argparse.Namespace) -> list[argparse.Namespace]:
    """The options of a stage's runs: the voices of different speakers are trained apart."""
    groups = trained_together(name, options.languages)
    return [argparse.Namespace(**{**vars(options), "languages": group}) for group in groups]


def export(languages: Sequence[str]) -> None:
    """Write out what has been trained; the rest stays as shipped.

    Args:
        languages: those it was trained in.

    Raises:
        FileNotFoundError: nothing has been trained.
    """
    understanding = partial(export_understanding, languages=languages)
    voices = {run_name("talker", speaker): partial(export_voice, speaker) for speaker in SPEAKERS}
    writers = {**voices, "joint": understanding}
    trained = [write for stage, write in writers.items() if loop.progress(stage)[0]]
    if not trained:
        raise FileNotFoundError("there is nothing to export: run `python -m training` first")
    for path in [path for write in trained for path in write()]:
        print("wrote", path.name)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stage", choices=["pool", *MINUTES, "export", "all"], default="all")
    parser.add_argument("--minutes", type=float, help="CPU minutes to train one stage for, more")
    parser.add_argument("--runs", help="folder of checkpoints and data (default: runs)")
    parser.add_argument("--scale", type=float, default=1.0, help="stretch every budget of `all`")
    parser.add_argument("--languages", default=[*LANGUAGES], type=language_list, help="en,cmn,yue")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each process")
    parser.add_argument("--processes", type=int, default=1, help="processes sharing gradients")
    parser.add_argument("--seed", type=int, default=0, help="seed of the data, not the weights")
    parser.add_argument(
        "--rate", type=float, default=1.0, help="learning rate as a share of the stage's own"
    )
    parser.add_argument(
        "--from-shipped", action="store_true", help="where there is no checkpoint: shipped weights"
    )
    parser.add_argument("--fresh", action="store_true", help="ignore the stage's checkpoint")
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    """What the command line asks for."""
    if options.runs:
        os.environ[loop.RUNS_VARIABLE] = options.runs
    if options.stage == "all":
        run_all(options)
    elif options.stage == "pool":
        make_pool(options.languages, POOL_SHARDS)
    elif options.stage == "export":
        export(options.languages)
    else:
        for part in _parts(options.stage, options):
            run_stage(options.stage, options.minutes or MINUTES[options.stage], part)


def main() -> None:
    """Run; a stop by the user or a missing stage is one sentence, not a trace."""
    try:
        run(parse())
    except FileNotFoundError as missing:
        raise SystemExit(f"training: {missing}") from missing
    except KeyboardInterrupt:
        raise SystemExit(
            "training: stopped; the same command goes on from the last checkpoint"
        ) from None


if __name__ == "__main__":
    main()
