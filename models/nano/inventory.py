"""What a folder in nano's layout holds and what it would take in memory."""

from __future__ import annotations

from math import prod
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..report import PartReport, Report
from .model import PARTS

FP32 = 4  # bytes of a number
NAMES = {
    "ear": "audio encoder",
    "thinker": "language model",
    "talker": "talker",
    "audio_decoder": "audio decoder",
}


def examine_nano(folder: Path) -> Report:
    """Look through a folder; no tensor is read."""
    parts = [_part(name, folder / f"{name}.safetensors") for name in PARTS]
    total = sum(part.n_parameters for part in parts)
    return Report("nano", tuple(parts), {"fp32": FP32 * total})


def _part(name: str, path: Path) -> PartReport:
    try:
        with safe_open(path, framework="pt") as file:
            shapes = [file.get_slice(key).get_shape() for key in file.keys()]  # noqa: SIM118
    except FileNotFoundError:
        return PartReport(NAMES[name], path.name, fault="missing")
    except (SafetensorError, OSError) as error:
        return PartReport(NAMES[name], path.name, fault=f"cannot be read: {error}")
    return PartReport(NAMES[name], path.name, sum(map(prod, shapes)))
