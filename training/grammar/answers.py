"""Answers to a question of nano's (`yes`, `no`) and the question for one's own name (`my name`)."""

from __future__ import annotations

import functools
import random
from pathlib import Path

from .expansion import Choice, compile_template
from .templates import FOLDERS, pattern

HEADINGS = ("yes", "no", "my name")


@functools.cache
def load(language: str) -> dict[tuple[str, str], tuple[Choice, ...]]:
    """The templates of `answers.list` by heading and split."""
    path = Path(__file__).parent / FOLDERS[language] / "answers.list"
    table: dict[tuple[str, str], list[Choice]] = {}
    heading = ""
    for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("=="):
            heading = line[2:].strip()
        elif line and not line.startswith("#"):
            split = "heldout" if line.startswith("~") else "train"
            table.setdefault((heading, split), []).append(compile_template(line.lstrip("~ ")))
    return {key: tuple(choices) for key, choices in table.items()}


@functools.cache
def reserved(heading: str, language: str) -> frozenset[str]:
    """Every held-out way to say it."""
    held = load(language)[heading, "heldout"]
    return frozenset(pattern(words, language) for choice in held for words in choice.all())


def draw(rng: random.Random, heading: str, split: str, language: str) -> str:
    """One way to say it; training never says a held-out one."""
    while True:
        words = pattern(rng.choice(load(language)[heading, split]).draw(rng), language)
        if split == "heldout" or words not in reserved(heading, language):
            return words
