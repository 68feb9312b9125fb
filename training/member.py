"""One process of a training stage; a module of its own, so that spawned processes find it."""

from __future__ import annotations

import argparse
import importlib

import torch

from . import loop
from .crew import ALONE, join


def run_member(
    number: int, name: str, minutes: float, options: argparse.Namespace, port: int
) -> None:
    """One process of a stage; `port` is where they meet."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    crew = ALONE if options.processes == 1 else join(number, options.processes, port)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    module = importlib.import_module(f"training.{name}")
    stage = module.stage(torch.device(device), options.languages, options.seed + 1000 * number)
    loop.train(stage, minutes, options.fresh, crew)
