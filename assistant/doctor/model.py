"""The configured model: its files, and the memory it wants."""

from __future__ import annotations

import os
from pathlib import Path

from ...models.report import Report
from ..settings import Config
from .findings import Finding, State

SPARE = 1.2  # of the weights: activations, libraries, the rest of the daemon
_FORMATS = {"none": ("bf16", "fp32"), "int8": ("int8",), "int4": ("int4",)}


def model(config: Config) -> tuple[Finding, Report | None]:
    """Whether the files are there, whole and readable."""
    from ...models import catalog

    check, name = "model", config.model.name
    try:
        report = catalog.examine(name)
    except (ValueError, OSError) as error:
        advice = "see `vivavoce models list`; `vivavoce models download NAME` brings one here"
        return Finding(check, "problem", f"{name}: {error}", advice), None
    faults = [part for part in report.parts if part.fault]
    values = {"name": report.model, "memory": dict(report.memory)}
    if not report.usable:
        needed = [part for part in faults if part.needed]
        text = "; ".join(f"{part.name}: {part.fault}" for part in needed)
        advice = f"`vivavoce models verify {name}` says more; `models download` goes on"
        return Finding(check, "problem", text, advice, values), None
    unreadable = _unreadable(catalog.folder_of(name))
    if unreadable:
        advice = f"let this user read it: chmod u+r {unreadable[0]}"
        return Finding(check, "problem", f"{unreadable[0]} cannot be read", advice, values), None
    n_million = sum(part.n_parameters for part in report.parts) / 1e6
    size = f"{n_million / 1000:.1f} billion" if n_million >= 1000 else f"{n_million:.1f} million"
    text = f"{report.model}, {size} parameters, every file there"
    if faults:
        without = "; ".join(part.without or part.fault for part in faults)
        advice = f"`vivavoce models verify {name}` says what is missing"
        text = f"{text} that speech needs; {without}"
        return Finding(check, "warning", text, advice, values), report
    return Finding(check, "ok", text, values=values), report


def memory(config: Config, report: Report) -> Finding:
    """Whether the weights fit into what is free now."""
    from ...models.machine import free_memory

    check = "memory"
    formats = [kind for kind in _FORMATS[config.model.quantize] if kind in report.memory]
    needed = report.memory[formats[0]] if formats else max(report.memory.values(), default=0)
    found = free_memory(config.model.device)
    if found is None:
        return Finding(check, "skipped", "this system does not say how much memory is free")
    free, where = found.n_bytes, found.where and f" on {found.where}"
    text = f"{_gb(free)} free{where}, the model takes {_gb(needed)}"
    values = {"free_bytes": free, "needed_bytes": needed}
    if free >= needed * SPARE:
        return Finding(check, "ok", text, values=values)
    smaller = [f"{kind} takes {_gb(n)}" for kind, n in report.memory.items() if n * SPARE <= free]
    advice = "close other programs, or take a smaller model"
    if smaller:
        advice = f"set model.quantize: {', '.join(smaller)}"
    state: State = "warning" if free >= needed else "problem"
    return Finding(check, state, text, advice, values)


def _unreadable(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in (".safetensors", ".json") and not os.access(path, os.R_OK)
    ]


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.0f} MB"
