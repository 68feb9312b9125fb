"""`python -m training --stage encoder --minutes 30`: one stage of nano's recipe, resumable."""

from __future__ import annotations

import argparse
import importlib

import torch

from . import loop

STAGES = ("thinker", "encoder", "project", "joint")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--stage", required=True, choices=STAGES)
    parser.add_argument("--minutes", type=float, required=True, help="CPU minutes to train for")
    parser.add_argument("--languages", default="en", help="comma-separated: en,cmn,yue")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--seed", type=int, default=0, help="seed of the data, not the weights")
    parser.add_argument("--fresh", action="store_true", help="ignore the stage's checkpoint")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    name = options.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    module = importlib.import_module(f"training.{options.stage}")
    stage = module.stage(torch.device(name), options.languages.split(","), options.seed)
    loop.train(stage, options.minutes, options.fresh)


if __name__ == "__main__":
    main()
