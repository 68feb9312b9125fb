"""Any text → the lower-case words nano reads and says."""

from __future__ import annotations

import re

from .numbers import to_words

_NUMBER = re.compile(r"\d+")
_SIGNS = {"%": " percent ", "+": " plus ", "&": " and ", "=": " equals ", "°": " degrees "}
_KEPT = re.compile(r"[^a-z' \u4e00-\u9fff]+")
_LARGEST = 9_999


def speakable(text: str) -> str:
    """Lower case, digits as words, signs as words, the rest of the punctuation dropped."""
    text = text.lower().replace("\u2019", "'")
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = _NUMBER.sub(lambda found: f" {_spell(found.group())} ", text)
    return " ".join(_KEPT.sub(" ", text).split())


def _spell(digits: str) -> str:
    if len(digits) > len(str(_LARGEST)) or (len(digits) > 1 and digits[0] == "0"):
        return " ".join(to_words(int(d)) for d in digits)
    return to_words(int(digits))
