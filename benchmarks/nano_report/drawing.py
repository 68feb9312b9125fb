"""The pictures: learning curves, confusions, languages side by side, confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.accuracy.report import BY_KEY

from .curves import STAGES, Point
from .thresholds import Row, Thresholds, outcome

DPI = 75
LANGUAGES = {"en": "English", "cmn": "Mandarin", "yue": "Cantonese"}
COLOURS = {"en": "#3b6fb6", "cmn": "#c8553d", "yue": "#5a9367"}
BARS = (
    "intent",
    "exact",
    "written_intent",
    "clean_exact",
    "small_talk",
    "follow_up",
    "correction",
    "midway",
    "confirmation",
    "by_name",
    "switched",
    "code_switch",
    "reply_language",
)


def learning(points: Sequence[Point], path: Path) -> None:
    """Each figure of each stage over minutes of training; a row a stage."""
    stages = [stage for stage in STAGES if any(p.stage == stage for p in points)]
    width = max(len(_figures(points, stage)) for stage in stages)
    picture, axes = plt.subplots(
        len(stages), width, figsize=(2.6 * width, 1.9 * len(stages)), squeeze=False
    )
    for row, stage in zip(axes, stages, strict=True):
        names = _figures(points, stage)
        for axis, name in zip(row, names, strict=False):
            mine = [p for p in points if p.stage == stage and p.figure == name]
            axis.plot([p.minutes for p in mine], [p.value for p in mine], color="#3b6fb6")
            values = [p.value for p in mine]
            if max(values) > 5 * np.median(values):  # the first steps would flatten the others
                axis.set_ylim(0, 5 * np.median(values))
            axis.set_title(f"{stage.replace('_', ' ')}: {name}", fontsize=8)
            axis.tick_params(labelsize=7)
            axis.grid(alpha=0.3)
        for axis in row[len(names) :]:
            axis.axis("off")
        row[0].set_xlabel("minutes of training", fontsize=7)
    _save(picture, path)


def _figures(points: Sequence[Point], stage: str) -> list[str]:
    return list(dict.fromkeys(p.figure for p in points if p.stage == stage))


def confusion(data: Mapping[str, Any], path: Path) -> None:
    """What was taken for what, a language a panel; a row is what was meant and adds up to 1."""
    languages = list(data["wanted"])
    intents = sorted({name for found in data["wanted"].values() for name in found})
    picture, axes = plt.subplots(
        1, len(languages), figsize=(6.2 * len(languages), 6), squeeze=False
    )
    for axis, language in zip(axes[0], languages, strict=True):
        shares = confusion_shares(data, language, intents)
        axis.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
        axis.set_title(f"{LANGUAGES[language]}: meant (down), understood (across)", fontsize=9)
        axis.set_xticks(range(len(intents)), intents, rotation=90, fontsize=6)
        axis.set_yticks(range(len(intents)), intents, fontsize=6)
    _save(picture, path)


def confusion_shares(data: Mapping[str, Any], language: str, intents: Sequence[str]) -> np.ndarray:
    """Shares [meant, understood]."""
    counts = np.zeros((len(intents), len(intents)))
    number = {name: i for i, name in enumerate(intents)}
    for name, n in data["wanted"][language].items():
        counts[number[name], number[name]] = n
    for pair, n in data["confusions"][language].items():
        wanted, got = pair.split(">")
        counts[number[wanted], number[wanted]] -= n
        if got in number:
            counts[number[wanted], number[got]] += n
    totals = counts.sum(1, keepdims=True)
    return counts / np.maximum(totals, 1)


def bars(figures: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Languages side by side, with what is good."""
    keys = [key for key in BARS if key in figures]
    languages = [name for name in LANGUAGES if any(name in figures[key] for key in keys)]
    picture, axis = plt.subplots(figsize=(9, 0.42 * len(keys) + 0.8))
    for i, language in enumerate(languages):
        at = np.arange(len(keys)) + (i - (len(languages) - 1) / 2) * 0.26
        values = [figures[key].get(language, 0) for key in keys]
        axis.barh(at, values, 0.24, color=COLOURS[language], label=LANGUAGES[language])
    for row, key in enumerate(keys):
        good = BY_KEY[key].good
        if good is not None:
            axis.plot([good, good], [row - 0.45, row + 0.45], color="black", lw=1.2)
    axis.set_yticks(range(len(keys)), [BY_KEY[key].title for key in keys], fontsize=7)
    axis.set_xlim(0, 1)
    axis.invert_yaxis()
    axis.legend(fontsize=7, loc="lower left")
    axis.set_xlabel("share right; black: good", fontsize=8)
    axis.grid(axis="x", alpha=0.3)
    _save(picture, path)


def confidence(gates: Mapping[str, Sequence[Row]], chosen: Thresholds, path: Path) -> None:
    """How sure nano was of what was right, wrong and not meant; and what thresholds would do."""
    languages = [name for name in gates if name != "noise"]
    picture, axes = plt.subplots(
        2, len(languages), figsize=(4.2 * len(languages), 5), squeeze=False
    )
    bins = np.linspace(0, 1, 26)
    for column, language in enumerate(languages):
        above, below = axes[:, column]
        for kind, colour in (("right", "#5a9367"), ("wrong", "#c8553d"), ("other", "#777777")):
            values = [sure for sure, _, what in gates[language] if what == kind and sure > 0]
            above.hist(values, bins, histtype="step", color=colour, label=kind, lw=1.5)
        above.set_yscale("log")
        above.set_title(f"{LANGUAGES[language]}: actions by confidence", fontsize=8)
        steps = np.linspace(0, 0.95, 39)
        found = [outcome(gates[language], gates["noise"], t, chosen.transcript) for t in steps]
        below.plot(steps, [o.right for o in found], color="#5a9367", label="commands, right")
        below.plot(steps, [o.wrong for o in found], color="#c8553d", label="commands, wrong")
        below.plot(steps, [o.other for o in found], color="#777777", label="other sentences")
        below.plot(steps, [o.noise for o in found], color="black", ls=":", label="noise")
        for value, style in ((chosen.decline, "--"), (chosen.ask, "-.")):
            below.axvline(value, color="#3b6fb6", ls=style, lw=1)
        below.set_title("acted on, by threshold; declines -- asks -. acts", fontsize=8)
        below.set_ylim(0, 1)
        for axis in (above, below):
            axis.tick_params(labelsize=7)
            axis.grid(alpha=0.3)
            axis.legend(fontsize=6)
    _save(picture, path)


def _save(picture: Any, path: Path) -> None:
    picture.tight_layout()
    picture.savefig(path, dpi=DPI, metadata={"Software": None})
    plt.close(picture)
