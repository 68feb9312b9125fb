"""The notation sentences are written in, and how to draw from it.

    [please] (turn|switch) on the {room} (light|lights)

`[a|b]` is left out half of the time, `(a|b)` is one of its parts, `{slot}` is filled by
`slots.py`. Brackets nest.
"""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\{\w+\}|[\[\]()|]|[^\s\[\](){}|]+")


@dataclass(frozen=True)
class Choice:
    """One of several sequences; `optional` adds silence."""

    options: tuple[tuple[str | Choice, ...], ...]
    optional: bool = False

    def draw(self, rng: random.Random) -> list[str]:
        """Words and `{slot}` marks of one random way to say it."""
        if self.optional and rng.random() < 0.5:
            return []
        words: list[str] = []
        for part in rng.choice(self.options):
            words += [part] if isinstance(part, str) else part.draw(rng)
        return words

    def count(self) -> int:
        """How many different sentences can be drawn, slots counted as one word."""
        total = int(self.optional)
        for option in self.options:
            ways = 1
            for part in option:
                ways *= 1 if isinstance(part, str) else part.count()
            total += ways
        return total

    def all(self) -> set[tuple[str, ...]]:
        """Every sequence of words and slot marks that can be drawn."""
        found: set[tuple[str, ...]] = {()} if self.optional else set()
        for option in self.options:
            parts = [{(p,)} if isinstance(p, str) else p.all() for p in option]
            found |= {sum(combination, ()) for combination in itertools.product(*parts)}
        return found

    def words(self) -> set[str]:
        """Every word and slot mark that can be drawn."""
        return {
            word
            for option in self.options
            for part in option
            for word in ({part} if isinstance(part, str) else part.words())
        }


def compile_template(text: str) -> Choice:
    """Read one template.

    Raises:
        ValueError: brackets that do not match.
    """
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != "".join(text.split()):
        raise ValueError(f"cannot read template: {text}")
    choice, rest = _read(tokens, 0, None)
    if rest != len(tokens):
        raise ValueError(f"unmatched bracket: {text}")
    return choice


def _read(tokens: list[str], at: int, closing: str | None) -> tuple[Choice, int]:
    options: list[list[str | Choice]] = [[]]
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token == closing:
            break
        if token == "|":
            options.append([])
        elif token in "[(":
            inner, at = _read(tokens, at, "]" if token == "[" else ")")
            options[-1].append(inner)
        elif token in "])":
            raise ValueError(f"unmatched {token}")
        else:
            options[-1].append(token)
    else:
        if closing:
            raise ValueError(f"missing {closing}")
    return Choice(tuple(tuple(option) for option in options), closing == "]"), at
