"""The loop every training stage runs in: CPU-time budget, checkpoints, progress bar, loss plot."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor, nn
from tqdm import tqdm

from .crew import ALONE, Crew

RUNS_VARIABLE = "VIVAVOCE_RUNS"  # environment, so that spawned processes and data makers agree
CHECKPOINT_EVERY = 100
LOG_EVERY = 20
WARMUP_STEPS = 100
DECAY_SHARE = 0.6  # the learning rate falls over this last share of the budget


def run_folder(name: str) -> Path:
    """Where a stage keeps its checkpoint, log and data: in `runs`, or where $VIVAVOCE_RUNS says."""
    return Path(os.environ.get(RUNS_VARIABLE) or "runs") / name


@dataclass
class Stage:
    """One stage of the recipe.

    Args:
        modules: what is saved in the checkpoint; those in `frozen` are not trained.
        batches: an endless iterator of batches.
        loss: batch, step → (loss, figures to log).
        peak_lr, floor_lr: highest learning rate, and what is left of it at the end as a share.
        clip: largest norm of the gradient.
    """

    name: str
    modules: Mapping[str, nn.Module]
    batches: Iterator[Any]
    loss: Callable[[Any, int], tuple[Tensor, dict[str, float]]]
    peak_lr: float
    frozen: tuple[str, ...] = ()
    weight_decay: float = 0.01
    clip: float = 1.0
    floor_lr: float = 0.02

    @property
    def folder(self) -> Path:
        return run_folder(self.name)


def train(stage: Stage, minutes: float, fresh: bool = False, crew: Crew = ALONE) -> None:
    """Train for `minutes` of CPU time more, from the stage's checkpoint if there is one.

    CPU time, not wall time: the machine may be shared. On a GPU the wall clock counts. Every
    process of a crew runs the same steps on data of its own; the first one writes.

    Args:
        stage: what is trained, and how.
        minutes: of each process.
        fresh: start from nothing though there is a checkpoint.
        crew: this process's place among those that train together.
    """
    stage.folder.mkdir(parents=True, exist_ok=True)
    trained = {k: m for k, m in stage.modules.items() if k not in stage.frozen}
    for name in stage.frozen:
        stage.modules[name].requires_grad_(False).eval()
    parameters = [p for m in trained.values() for p in m.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, stage.peak_lr, betas=(0.9, 0.98), weight_decay=stage.weight_decay, fused=True
    )
    _, spent = (0, 0.0) if fresh else progress(stage.name)
    step = 0 if fresh else _resume(stage, optimizer)
    on_cpu = parameters[0].device.type == "cpu"
    clock = time.process_time if on_cpu else time.monotonic
    start, elapsed = clock(), 0.0
    batches = _ahead(stage.batches)
    with _Journal(stage, minutes, spent, step, crew.leads) as journal:
        while elapsed < minutes * 60:
            rate = stage.peak_lr * _schedule(step, elapsed / (minutes * 60), stage.floor_lr)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss, figures = stage.loss(next(batches), step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            elapsed = crew.average(parameters, clock() - start)
            nn.utils.clip_grad_norm_(parameters, stage.clip)
            optimizer.step()
            step += 1
            journal.note(step, elapsed, rate, figures)
            if crew.leads and step % CHECKPOINT_EVERY == 0:
                save(stage, optimizer, step, spent + elapsed / 60)
    if crew.leads:
        save(stage, optimizer, step, spent + minutes)
        plot(stage.folder)


class _Journal:
    """Progress bar and log of a run, with moving averages of its figures."""

    def __init__(
        self, stage: Stage, minutes: float, spent_minutes: float, step: int, leads: bool
    ) -> None:
        self._spent_s = 60 * spent_minutes
        self._means: dict[str, float] = {}
        self._log = _open_log(stage.folder / "log.jsonl", step) if leads else StringIO()
        total = round(minutes * 60)
        self._bar = tqdm(total=total, unit="s", desc=stage.name, mininterval=5, disable=not leads)

    def __enter__(self) -> _Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._log.close()

    def note(self, step: int, elapsed_s: float, rate: float, figures: dict[str, float]) -> None:
        """A step was made; every LOG_EVERY it is written down."""
        for key, value in figures.items():
            self._means[key] = 0.95 * self._means.get(key, value) + 0.05 * value
        self._bar.update(int(elapsed_s) - self._bar.n)
        self._bar.set_postfix(step=step, **{k: f"{v:.3f}" for k, v in self._means.items()})
        if step % LOG_EVERY == 0:
            cpu_s = round(self._spent_s + elapsed_s, 1)
            row = {"step": step, "cpu_s": cpu_s, "lr": rate, **self._means}
            self._log.write(json.dumps(row) + "\n")
            self._log.flush()


def _open_log(path: Path, step: int) -> TextIO:
    """The log to append to, without what a killed run noted after its last checkpoint."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    rows = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    path.write_text("".join(rows), encoding="utf-8")
    return path.open("a", encoding="utf-8")


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """The same batches, the next one made in a thread of its own while this one is learnt."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, batches)
        while True:
            batch = coming.result()
            coming = maker.submit(next, batches)
            yield batch


def _schedule(steps: int, progress: float, floor: float) -> float:
    warm = min(1.0, (steps + 1) / WARMUP_STEPS)
    left = min(1.0, max(0.0, 1 - progress) / DECAY_SHARE)
    return warm * (floor + (1 - floor) * 0.5 * (1 - math.cos(math.pi * left)))


def save(stage: Stage, optimizer: torch.optim.Optimizer, step: int, minutes: float) -> None:
    """Write the checkpoint in one piece: a stop in the middle leaves the previous one."""
    state = {
        "step": step,
        "minutes": minutes,
        "optimizer": optimizer.state_dict(),
        "modules": {k: m.state_dict() for k, m in stage.modules.items()},
    }
    partial = stage.folder / "checkpoint.partial"
    torch.save(state, partial)
    partial.replace(stage.folder / "checkpoint.pt")


def _resume(stage: Stage, optimizer: torch.optim.Optimizer) -> int:
    path = stage.folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, module in stage.modules.items():
        module.load_state_dict(state["modules"][name])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def progress(stage_name: str) -> tuple[int, float]:
    """Steps and CPU minutes that a stage's checkpoint has been trained for."""
    path = run_folder(stage_name) / "checkpoint.pt"
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return int(state["step"]), float(state.get("minutes", 0.0))


def load_modules(stage_name: str, modules: Mapping[str, nn.Module]) -> bool:
    """Start from another stage's checkpoint; False where there is none."""
    path = run_folder(stage_name) / "checkpoint.pt"
    if not path.exists():
        return False
    state = torch.load(path, map_location="cpu", weights_only=True)["modules"]
    for name, module in modules.items():
        if name in state:
            module.load_state_dict(state[name])
    return True


def plot(folder: Path) -> None:
    """Draw every logged figure over the steps into loss.png."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    if not rows:
        return
    keys = [k for k in rows[-1] if k not in ("step", "cpu_s", "lr")]
    figure, axes = plt.subplots(1, len(keys), figsize=(4 * len(keys), 3), squeeze=False)
    for axis, key in zip(axes[0], keys, strict=True):
        axis.plot([r["step"] for r in rows if key in r], [r[key] for r in rows if key in r])
        axis.set(title=key, xlabel="step")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(folder / "loss.png", dpi=80)
    plt.close(figure)
