"""Second turns that need the turn before: `and in paris`, `make it ten minutes`, `no the kitchen`.

They stand in `followups.list` of each language. `*` is any intent before; `{room}` and the other
slots stand for every intent that has one, and what is said corrects or changes it alone.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivavoce.models.nano.domain import INTENT_SLOTS

from .expansion import Choice, compile_template
from .templates import FOLDERS

ANY = "*"


@dataclass(frozen=True)
class FollowUp:
    """One line of a file: what stands before it, its own intent ("" is that before)."""

    before: str
    intent: str
    choice: Choice
    fixed: dict[str, Any]
    text: str


@functools.cache
def load(language: str, split: str) -> dict[str, tuple[FollowUp, ...]]:
    """The second turns of a split by the intent, slot or `*` before them.

    Raises:
        ValueError: a heading or template that cannot be read.
    """
    path = Path(__file__).parent / FOLDERS[language] / "followups.list"
    table: dict[str, list[FollowUp]] = {}
    before, after, fixed = "", "", {}
    for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("=="):
            before, *rest = line[2:].split()
            after = next((word for word in rest if "=" not in word), "")
            fixed = dict(word.split("=") for word in rest if "=" in word)
            if after and after not in INTENT_SLOTS:
                raise ValueError(f"{path}: bad heading {line}")
        elif line and not line.startswith("#") and line.startswith("~") == (split == "heldout"):
            text = line.lstrip("~ ")
            found = FollowUp(before, after, compile_template(text), fixed, text)
            table.setdefault(before, []).append(found)
    return {name: tuple(found) for name, found in table.items()}


def draw(
    rng: random.Random,
    split: str,
    intent: str,
    arguments: Mapping[str, Any],
    language: str = "en",
) -> tuple[list[str], str, dict[str, Any]]:
    """Words and slot marks of a second turn, its intent, and the arguments taken over.

    Raises:
        IndexError: nothing can follow this intent but what fits after any.
    """
    table = load(language, split)
    chosen = rng.choice(table.get(intent, ()))
    kept = {} if chosen.fixed else {k: v for k, v in arguments.items() if chosen.intent != "calc"}
    return chosen.choice.draw(rng), chosen.intent, kept | chosen.fixed


def follows(intent: str, language: str = "en") -> bool:
    """Whether `draw` knows a second turn to this intent."""
    return intent in load(language, "train") and intent in load(language, "heldout")


def draw_anywhere(rng: random.Random, split: str, language: str = "en") -> tuple[list[str], str]:
    """A second turn that fits after any answer, and its intent."""
    chosen = rng.choice(load(language, split)[ANY])
    return chosen.choice.draw(rng), chosen.intent


def correction(
    rng: random.Random, split: str, intent: str, language: str
) -> tuple[list[str], str] | None:
    """Words that put one slot of the turn before right, and that slot; None: it has none."""
    table = load(language, split)
    slots = [slot for slot in INTENT_SLOTS[intent] if f"{{{slot}}}" in table]
    if not slots:
        return None
    slot = rng.choice(slots)
    return rng.choice(table[f"{{{slot}}}"]).choice.draw(rng), slot


def texts(split: str, language: str = "en") -> list[str]:
    """All second-turn templates of a split."""
    return [found.text for rows in load(language, split).values() for found in rows]
