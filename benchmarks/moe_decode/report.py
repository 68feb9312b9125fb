"""What was measured, per path and against the targets."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path as File
from statistics import median
from typing import Any

import torch
from rich.table import Table

from benchmarks.latency.report import Figure

from .measuring import Prefill, Times
from .paths import INT4, INT8, NO_COMPILER, OURS, PLAIN, Path

N_LAYERS = 28
"""Layers of the whole model, to which those measured are scaled up."""


@dataclass(frozen=True)
class Row:
    """One path.

    Args:
        layer_ms: one layer.
        head_ms: the output layer.
        step_ms: a whole step of 28 layers and the output layer, for `batch` tokens.
        ratio: how many times as quick as the plain loop, a token; median over rounds.
        bandwidth: share of the probed memory bandwidth at which the step reads its bytes.
        gigabytes: read in a whole step.
        error: of what a layer adds, relative to fp32.
    """

    name: str
    layer_ms: float
    head_ms: float
    step_ms: float
    ratio: float | None
    bandwidth: float
    gigabytes: float
    error: float


def rows(
    paths: Sequence[Path],
    found: Mapping[str, Times],
    n_layers: int,
    cache_bytes: float,
    errors: Mapping[str, float],
) -> list[Row]:
    """One row a path; `cache_bytes` are the keys and values one layer reads."""
    plain = _steps(found[PLAIN], n_layers) if PLAIN in found else None
    made = []
    for path in paths:
        times = found[path.name]
        steps = _steps(times, n_layers)
        n_bytes = N_LAYERS * (path.layer_bytes + cache_bytes) + path.head_bytes
        pairs = None if plain is None else zip(plain, steps, strict=True)
        shares = zip(steps, times.bandwidth, strict=True)
        made.append(
            Row(
                path.name,
                1000 * median(times.layers) / n_layers,
                1000 * median(times.head),
                1000 * median(steps),
                None if pairs is None else median(path.batch * a / b for a, b in pairs),
                median(n_bytes / step / bandwidth for step, bandwidth in shares),
                n_bytes / 1e9,
                errors[path.name],
            )
        )
    return made


def ratio(found: Mapping[str, Times], slow: str, quick: str, n_layers: int) -> float:
    """How many times as quick one path is as another; median over rounds."""
    both = zip(_steps(found[slow], n_layers), _steps(found[quick], n_layers), strict=True)
    return median(a / b for a, b in both)


def figures(
    made: Sequence[Row],
    found: Mapping[str, Times],
    n_layers: int,
    same: Mapping[str, bool],
    prefill: Prefill,
    compiled: bool,
) -> list[Figure]:
    """Everything that has a target."""
    by_name = {row.name: row for row in made}
    part, shown = "decode step", []
    if compiled:
        shown.append(_ratio(part, "ours by the plain loop, bf16", by_name[OURS].ratio, 2.0))
        shown.append(_ratio(part, "share of memory bandwidth", by_name[OURS].bandwidth, 0.55))
        int8 = ratio(found, OURS, INT8, n_layers)
        shown.append(_ratio(part, "int8 by our bf16", int8, 1.1))
        int4 = ratio(found, OURS, INT4, n_layers)
        shown.append(_ratio(part, "int4 by our bf16", int4, None))
    bare = by_name[NO_COMPILER].ratio
    shown.append(_ratio(part, "without a compiler by the plain loop", bare, 1.4))
    n_same = sum(same.values())
    shown.append(Figure("fp32", "paths with the plain loop's tokens", n_same, "", None, len(same)))
    left = prefill.left / prefill.whole
    shown.append(Figure("prefill", "left after the endpoint by the whole", left, "", 0.25))
    return shown


def _ratio(part: str, name: str, value: float | None, at_least: float | None) -> Figure:
    return Figure(part, name, float("nan") if value is None else value, "", None, at_least)


def path_table(made: Sequence[Row], bandwidth: float, title: str) -> Table:
    """All paths."""
    table = Table(title=title, caption=f"memory is read at {bandwidth / 1e9:.1f} GB/s")
    table.add_column("path")
    for column in ("layer", "output", "step", "by plain", "bandwidth", "reads", "error"):
        table.add_column(column, justify="right")
    for row in made:
        table.add_row(
            row.name,
            f"{row.layer_ms:.2f} ms",
            f"{row.head_ms:.1f} ms",
            f"{row.step_ms:.0f} ms",
            "" if row.ratio is None else f"{row.ratio:.2f} ×",
            f"{row.bandwidth:.2f}",
            f"{row.gigabytes:.2f} GB",
            f"{100 * row.error:.2g} %",
        )
    return table


def as_json(
    made: Sequence[Row],
    shown: Sequence[Figure],
    found: Mapping[str, Times],
    same: Mapping[str, bool],
    prefill: Prefill,
    settings: Mapping[str, Any],
) -> str:
    """Everything measured, round by round."""
    return json.dumps(
        {
            "machine": machine(),
            "settings": dict(settings),
            "paths": [asdict(row) for row in made],
            "figures": [{**asdict(figure), "met": figure.met} for figure in shown],
            "same_tokens": dict(same),
            "prefill_s": asdict(prefill),
            "rounds_s": {name: asdict(times) for name, times in found.items()},
        },
        indent=1,
    )


def machine() -> dict[str, Any]:
    """The processor, and what it has for small numbers."""
    cpu = File("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    flags = {key.strip(): value.split() for key, value in values.items()}.get("flags", [])
    names = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile")
    return {
        "processor": " ".join(values.get("model name\t", platform.machine()).split()),
        "instructions": [name for name in names if name in flags],
        "torch": torch.__version__,
    }


def plot(made: Sequence[Row], title: str, path: File) -> None:
    """A bar for each path: milliseconds of a whole step, a token."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(8, 4), layout="constrained")
    axes = drawing.add_subplot()
    names = [row.name for row in made][::-1]
    bars = axes.barh(names, [row.step_ms for row in made][::-1], color="#4477aa")
    labels = ["" if row.ratio is None else f"{row.ratio:.2f} ×" for row in made][::-1]
    axes.bar_label(bars, labels, padding=4)
    axes.set_xlabel("ms for a decode step of the whole model; × = tokens by the plain loop's")
    axes.set_title(title, fontsize=9)
    axes.margins(x=0.12)
    drawing.savefig(path, dpi=130)


def _steps(times: Times, n_layers: int) -> list[float]:
    """Whole steps in seconds, round by round."""
    scale = N_LAYERS / n_layers
    return [scale * one + head for one, head in zip(times.layers, times.head, strict=True)]
