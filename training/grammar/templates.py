"""Reads the sentence files: headings `== intent kind [slot=value ...]`, one template a line.

A line that starts with `~` is held out: it is never drawn for training.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vivavoce.models.nano.domain import INTENT_SLOTS

from .expansion import Choice, compile_template
from .politeness import KINDS

FOLDERS = {"en": "english", "cmn": "mandarin", "yue": "cantonese"}


@dataclass(frozen=True)
class Template:
    """One line of a sentence file under its heading."""

    intent: str
    kind: str
    text: str
    split: str
    choice: Choice
    fixed: dict[str, Any] = field(default_factory=dict)


@functools.cache
def load(language: str) -> tuple[Template, ...]:
    """All templates of a language, in file order.

    Raises:
        ValueError: a heading or template that cannot be read.
    """
    folder = Path(__file__).parent / FOLDERS[language]
    found: list[Template] = []
    for path in sorted(folder.glob("*.txt")):
        found += _read(path)
    return tuple(found)


@functools.cache
def by_intent(language: str, split: str) -> dict[str, tuple[Template, ...]]:
    """The templates of one split, by intent."""
    table: dict[str, list[Template]] = {}
    for template in load(language):
        if template.split == split:
            table.setdefault(template.intent, []).append(template)
    return {intent: tuple(templates) for intent, templates in table.items()}


def pattern(words: Iterable[str], language: str) -> str:
    """A drawn template as one string, slots open; Chinese has spaces around English only."""
    if language == "en":
        return " ".join(words)
    return _BORDER.sub(" ", _TWO_ENGLISH.sub(" ", "\n".join(words)).replace("\n", ""))


_TWO_ENGLISH = re.compile(r"(?<=[a-z'])\n(?=[a-z])")
_BORDER = re.compile(r"(?<=[a-z'])(?=[\u3400-\u9fff])|(?<=[\u3400-\u9fff])(?=[a-z])")


@functools.cache
def reserved(language: str) -> frozenset[str]:
    """Every held-out way of saying something; training skips them wherever they come from."""
    held = (t for t in load(language) if t.split == "heldout")
    return frozenset(pattern(words, language) for t in held for words in t.choice.all())


@functools.cache
def _small_talk(language: str) -> frozenset[str]:
    found = by_intent(language, "train")["chat"]
    return frozenset(pattern(words, language) for t in found for words in t.choice.all())


def is_stale(user: str, action: str, language: str) -> bool:
    """Whether a sentence is small talk by now and was something else when it was recorded."""
    return user in _small_talk(language) and not action.startswith("chat ")


def _read(path: Path) -> list[Template]:
    found = []
    intent, kind, fixed = "", "", {}
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("=="):
            intent, kind, *settings = line[2:].split()
            fixed = _settings(settings)
            if intent not in INTENT_SLOTS or kind not in KINDS:
                raise ValueError(f"{path.name}: bad heading {line}")
            continue
        split = "heldout" if line.startswith("~") else "train"
        text = line.lstrip("~ ")
        found.append(Template(intent, kind, text, split, compile_template(text), fixed))
    return found


def _settings(words: list[str]) -> dict[str, Any]:
    fixed: dict[str, Any] = {}
    for word in words:
        slot, _, value = word.partition("=")
        if value:
            fixed[slot] = int(value) if value.isdigit() else value
    return fixed
