"""A training stage on disk: log, checkpoints, the share of its minutes that is used up.

runs/<stage>/log.txt          one line of key=value pairs every few steps
runs/<stage>/checkpoint.pt    newest state; a stage started again continues from it
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import torch

RUNS = Path(__file__).resolve().parents[1] / "runs"


class RunFolder:
    """Times, logs and saves one stage that may use `minutes` in all, over any number of starts."""

    def __init__(self, stage: str, minutes: float, root: Path = RUNS) -> None:
        self.folder = root / stage
        self.folder.mkdir(parents=True, exist_ok=True)
        self.minutes = minutes
        self._used_s = 0.0
        self._started = time.monotonic()

    @property
    def used_minutes(self) -> float:
        """Minutes of training so far, earlier starts included."""
        return (self._used_s + time.monotonic() - self._started) / 60

    @property
    def progress(self) -> float:
        """Share of the minutes used, 0..1."""
        return min(1.0, self.used_minutes / self.minutes)

    def learning_rate(self, top: float, floor: float = 0.01, warm_up: float = 0.01) -> float:
        """Short linear warm-up, then a cosine from `top` to `floor` * top over the minutes."""
        if self.progress < warm_up:
            return top * (0.1 + 0.9 * self.progress / warm_up)
        share = (self.progress - warm_up) / (1 - warm_up)
        return top * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))

    def restart_clock(self) -> None:
        """Count from now: what happened since the start was preparation, not training."""
        self._started = time.monotonic()

    def log(self, **values: float) -> None:
        """Append one line; `minutes` is added."""
        values = {"minutes": self.used_minutes, **values}
        line = " ".join(f"{key}={value:.5g}" for key, value in values.items())
        with (self.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def save(self, state: dict[str, Any], name: str = "checkpoint.pt") -> None:
        """Replace a checkpoint; a reader never sees half of one."""
        path = self.folder / name
        torch.save({**state, "used_s": self.used_minutes * 60}, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def load(self, name: str = "checkpoint.pt") -> dict[str, Any] | None:
        """The newest checkpoint, or None; continues its clock."""
        path = self.folder / name
        if not path.exists():
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        self._used_s = state["used_s"]
        self.restart_clock()
        return state


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of a log file, for plots."""
    columns: dict[str, list[float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        for pair in line.split():
            key, _, value = pair.partition("=")
            columns.setdefault(key, []).append(float(value))
    return columns


def device_named(name: str) -> torch.device:
    """ "auto" takes CUDA where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
