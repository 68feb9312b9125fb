"""Whether what was said so far sounds finished: how phrases of nano's domain end.

A table of endings, the longest that fits counts:

    ^ stop        0.95     "^" is the beginning of the turn, "#" any number word
    the           0.05
    for #         0.15     "set a timer for ten" goes on
    to #          0.85     "set the volume to ten" may not

The probability is that of a pause which is as likely within a sentence as at its end. Words the
domain does not know say nothing. The table is made by `python -m training.grammar.endings`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from .numbers import from_words

FILE = Path(__file__).with_name("endings.txt")
LONGEST = 4
"""Most words of an ending, "^" counted."""
LEVELS = 20
"""The table's probabilities are the middles of so many steps."""
START, NUMBER = "^", "#"
_LARGER = ("hundred", "thousand")

Ending = tuple[str, ...]


def words_of(said: str) -> list[str]:
    """The table's words of a transcript: from "^" on, numbers alike, each hanzi a word."""
    spaced = "".join(f" {sign} " if sign >= "\u4e00" else sign for sign in said)
    return [START, *(_word(word) for word in spaced.split())]


def _word(word: str) -> str:
    return NUMBER if word in _LARGER or from_words(word) is not None else word


class Endings:
    """How likely a speaker is done, by the last words.

    Args:
        table: probability of each ending.
    """

    def __init__(self, table: Mapping[Ending, float]) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def probability(self, said: str) -> float | None:
        """Whether somebody who has said this and pauses is done; None: it cannot tell."""
        return self.of_words(words_of(said))

    def of_words(self, words: Sequence[str]) -> float | None:
        """The same of the table's own words, the first of which is "^"."""
        for length in range(min(LONGEST, len(words)), 0, -1):
            found = self._table.get(tuple(words[-length:]))
            if found is not None:
                return found
        return None

    @classmethod
    def read(cls, text: str) -> Endings:
        """From the content of `endings.txt`: in each line a level and its endings.

        Raises:
            ValueError: a line that is none.
        """
        table: dict[Ending, float] = {}
        for line in text.splitlines():
            if line.startswith("//"):
                continue
            level, _, endings = line.partition(" ")
            if not level.isdigit() or int(level) >= LEVELS:
                raise ValueError(f"not a line of endings: {line[:40]!r}")
            for ending in endings.split(","):
                table[tuple(ending.split())] = (int(level) + 0.5) / LEVELS
        return cls(table)

    def text(self) -> str:
        """The content of `endings.txt`, without its head."""
        lines: dict[int, list[str]] = {}
        for ending, probability in sorted(self._table.items()):
            level = min(math.floor(probability * LEVELS), LEVELS - 1)
            lines.setdefault(level, []).append(" ".join(ending))
        return "".join(f"{level} {','.join(lines[level])}\n" for level in sorted(lines))

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> Endings:
        """The table beside this file."""
        return cls.read(FILE.read_text(encoding="utf-8"))
