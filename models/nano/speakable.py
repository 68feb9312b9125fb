"""Any text → the lower-case words and hanzi nano reads and says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from .languages import ENGLISH, HANZI, MANDARIN, language_of, sentence, split
from .numbers import to_hanzi, to_words

_NUMBER = re.compile(r"\d+")
_SIGNS = {"%": " percent ", "+": " plus ", "&": " and ", "=": " equals ", "°": " degrees "}
_KEPT = re.compile(f"[^a-z' {HANZI}]+")
_LARGEST = 9_999

_CELSIUS = re.compile(r"°\s*c\b")
_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-3]):([0-5]\d)(?!\d)")
_PERCENT = re.compile(r"(\d+)\s*%")
_MINUS = re.compile(r"(?<![\w%°])-\s*(?=\d)")
_MANDARIN_SIGNS = {"+": "加", "&": "和", "=": "等于", "°": "度", "点": "点", "-": "负"}
_CANTONESE_SIGNS = {"+": "加", "&": "同", "=": "等於", "°": "度", "点": "點", "-": "負"}


def speakable(text: str, usual: str = ENGLISH) -> str:
    """Lower case, digits and signs as words of the text's language, other punctuation dropped.

    Args:
        text: any.
        usual: the language of mere figures.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    text = _CELSIUS.sub("°", text)
    language = language_of(text, usual)
    text = _english(text) if language == ENGLISH else _chinese(text, language)
    return sentence(split(_KEPT.sub(" ", text)))


def _english(text: str) -> str:
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return _NUMBER.sub(lambda found: f" {_spelt(found.group(), to_words, ' ')} ", text)


def _chinese(text: str, language: str) -> str:
    """`下午3:05` as 下午三点零五分, `30%` as 百分之三十."""
    signs = _MANDARIN_SIGNS if language == MANDARIN else _CANTONESE_SIGNS
    text = _CLOCK.sub(lambda found: _clock(int(found[1]), int(found[2]), signs["点"]), text)
    text = _PERCENT.sub(r"百分之\1", text)
    text = _MINUS.sub(signs["-"], text)
    for sign in ("+", "&", "=", "°"):
        text = text.replace(sign, signs[sign])
    return _NUMBER.sub(lambda found: _spelt(found.group(), to_hanzi, ""), text)


def _clock(hour: int, minute: int, point: str) -> str:
    if not minute:
        return f"{to_hanzi(hour)}{point}"
    return f"{to_hanzi(hour)}{point}{'零' if minute < 10 else ''}{to_hanzi(minute)}分"


def _spelt(digits: str, words: Callable[[int], str], between: str) -> str:
    """A number; digit by digit where it is long, or a code."""
    if len(digits) > len(str(_LARGEST)) or (len(digits) > 1 and digits[0] == "0"):
        return between.join(words(int(digit)) for digit in digits)
    return words(int(digits))
