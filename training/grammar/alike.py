"""Numbers that sound alike are said more often: `fifteen` and `fifty`, 一 and 七, 四 and 十."""

from __future__ import annotations

import functools
import random

SHARE = 0.3
_TEENS = (*range(13, 20), *range(30, 100, 10))
_DIGITS = (1, 4, 7)
_CHINESE = sorted({10, *_DIGITS, *(10 * t + o for t in _DIGITS for o in (0, *_DIGITS))})
_ALIKE = {"en": _TEENS, "cmn": _CHINESE, "yue": _CHINESE}


@functools.cache
def _between(low: int, high: int, language: str) -> tuple[int, ...]:
    return tuple(number for number in _ALIKE[language] if low <= number <= high)


def number(rng: random.Random, low: int, high: int, language: str) -> int:
    """A number of low to high, both included."""
    found = _between(low, high, language)
    if found and rng.random() < SHARE:
        return rng.choice(found)
    return rng.randint(low, high)
