"""One process of a training stage; a module of its own, so that spawned processes find it."""

from __future__ import annotations

import argparse
import importlib

import torch

from . import loop
from .crew import ALONE, join
from .shipped import load_shipped
from .voices import VOICE_STAGES, run_name, speaker_of

MOST_PROCESSES = 64
# The stage before, from which a later one takes these parts.
TRAINED_BY = {
    "encoder": "encoder",
    "thinker": "thinker",
    "codec_encoder": "codec",
    "audio_decoder": "codec",
}


def run_member(
    number: int, name: str, minutes: float, options: argparse.Namespace, port: int
) -> None:
    """One process of a stage; `port` is where they meet.

    A stage that goes on gets data it has not seen: the seed moves with the steps done.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    crew = ALONE if options.processes == 1 else join(number, options.processes, port)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    module = importlib.import_module(f"training.{name}")
    speaker = speaker_of(options.languages) if name in VOICE_STAGES else ""
    run = run_name(name, speaker) if speaker else name
    steps_done, _ = (0, 0.0) if options.fresh else loop.progress(run)
    seed = options.seed + 1000 * (MOST_PROCESSES * steps_done + number)
    stage = module.stage(torch.device(device), options.languages, seed)
    stage.peak_lr *= options.rate
    if options.from_shipped and not steps_done:
        own = {part for part in stage.modules if _trained_before(part, name, speaker)}
        load_shipped({k: m for k, m in stage.modules.items() if k not in own}, speaker)
    loop.train(stage, minutes, options.fresh, crew)


def _trained_before(part: str, name: str, speaker: str) -> bool:
    """Whether a stage before `name` trained a part: then it is newer than what is shipped."""
    before = TRAINED_BY.get(part, name)
    if before == name:
        return False
    return loop.progress(run_name(before, speaker) if speaker else before)[0] > 0
