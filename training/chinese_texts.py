"""What nano's Mandarin and Cantonese voices learn to say.

Replies of the grammar, sentences people say to it, and chains in which every hanzi of the
vocabulary comes equally often. A reply whose checksum says so is held out, as in English.
"""

from __future__ import annotations

import functools
import random
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from vivavoce.models.nano.languages import is_hanzi

from . import grammar
from .grammar.chinese_words import NAMES_OF

SHARES = {"reply": 0.5, "user": 0.2, "chain": 0.3}
_DIGITS = frozenset("二三四五六七八九十兩两")


@functools.cache
def alphabet() -> list[str]:
    """Every hanzi of the vocabulary."""
    text = (Path(__file__).parent / "grammar" / "hanzi.txt").read_text(encoding="utf-8")
    return sorted({c for c in text if ord(c) >= 0x3400})


@functools.cache
def _names(language: str) -> tuple[str, ...]:
    return tuple(name for table in NAMES_OF.values() for name in table[language].values())


def is_held_out(text: str, language: str) -> bool:
    """Whether evaluation owns this reply: one in sixteen of those with a number or a name."""
    varies = not _DIGITS.isdisjoint(text) or any(name in text for name in _names(language))
    return varies and zlib.crc32(text.encode()) % 16 == 0


def is_chinese(text: str) -> bool:
    """Whether the text is hanzi and spaces alone, and something."""
    signs = text.replace(" ", "")
    return bool(signs) and all(map(is_hanzi, signs))


def replies(seed: int, language: str, held_out: bool = False) -> Iterator[str]:
    """Endless replies of the grammar, tool results filled in; held-out ones each once."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while True:
        text = grammar.sample(rng, language).spoken_reply
        if not is_chinese(text) or is_held_out(text, language) != held_out:
            continue
        if not held_out or text not in seen:
            seen.add(text)
            yield text


def chains(seed: int) -> Iterator[str]:
    """Endless phrases of hanzi without sense; each hanzi comes once before any comes again."""
    rng = random.Random(seed)
    for _ in count():
        deck = rng.sample(alphabet(), len(alphabet()))
        while deck:
            n = rng.randint(4, 9)
            yield "".join(deck[:n])
            deck = deck[n:]


def chinese_texts(seed: int, language: str) -> Iterator[str]:
    """Endless texts to train a voice on, Mandarin (`cmn`) or Cantonese (`yue`)."""
    rng = random.Random(seed)
    answers, phrases = replies(seed, language), chains(seed)
    while True:
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "reply":
            yield next(answers)
        elif kind == "chain":
            yield next(phrases)
        else:
            text = grammar.sample(rng, language).user
            if is_chinese(text) and not is_held_out(text, language):
                yield text
