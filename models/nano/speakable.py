"""Any text → the lower-case words and hanzi nano reads and says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from .languages import ENGLISH, HANZI, MANDARIN, language_of, sentence, split
from .numbers import to_hanzi, to_words

_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_SIGNS = {"%": " percent ", "+": " plus ", "&": " and ", "=": " equals ", "°": " degrees "}
_KEPT = re.compile(f"[^a-z' {HANZI}]+")
_LARGEST = 9_999

_CELSIUS = re.compile(r"°\s*c\b")
_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-3]):([0-5]\d)(?!\d)")
_PERCENT = re.compile(rf"({_NUMBER.pattern})\s*%")
_GROUPED = re.compile(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])")
_MINUS = re.compile(r"(?<![a-z0-9%°])(?<!零下)-(?=\d)")
_MANDARIN_SIGNS = {"+": "加", "&": "和", "=": "等于", "°": "度", "点": "点", "-": "负"}
_CANTONESE_SIGNS = {"+": "加", "&": "同", "=": "等於", "°": "度", "点": "點", "-": "負"}


def speakable(text: str, usual: str = ENGLISH) -> str:
    """Lower case, digits and signs as words of the text's language, other punctuation dropped.

    Args:
        text: any.
        usual: the language of mere figures.
    """
    # Grouped digits first: a Chinese comma between two numbers becomes an English one.
    text = _GROUPED.sub(lambda found: found.group().replace(",", ""), text)
    text = unicodedata.normalize("NFKC", text).lower()
    text = text.replace("\u2019", "'").replace("\u2212", "-")
    text = _CELSIUS.sub("°", text)
    language = language_of(text, usual)
    text = _english(text) if language == ENGLISH else _chinese(text, language)
    return sentence(split(_KEPT.sub(" ", text)))


def _english(text: str) -> str:
    text = _MINUS.sub(" minus ", text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return _NUMBER.sub(lambda found: f" {_spelt(found.group(), to_words, ' ', 'point')} ", text)


def _chinese(text: str, language: str) -> str:
    """`下午3:05` as 下午三点零五分, `30%` as 百分之三十."""
    signs = _MANDARIN_SIGNS if language == MANDARIN else _CANTONESE_SIGNS
    text = _CLOCK.sub(lambda found: _clock(int(found[1]), int(found[2]), signs["点"]), text)
    text = _MINUS.sub(signs["-"], text)
    text = _PERCENT.sub(r"百分之\1", text)
    for sign in ("+", "&", "=", "°"):
        text = text.replace(sign, signs[sign])
    return _NUMBER.sub(lambda found: _spelt(found.group(), to_hanzi, "", signs["点"]), text)


def _clock(hour: int, minute: int, point: str) -> str:
    if not minute:
        return f"{to_hanzi(hour)}{point}"
    return f"{to_hanzi(hour)}{point}{'零' if minute < 10 else ''}{to_hanzi(minute)}分"


def _spelt(number: str, words: Callable[[int], str], between: str, point: str) -> str:
    """`3.14` as three point one four; digit by digit also what is long, or a code."""
    digits, _, decimals = number.partition(".")
    if len(digits) > len(str(_LARGEST)) or (len(digits) > 1 and digits[0] == "0"):
        said = [words(int(digit)) for digit in digits]
    else:
        said = [words(int(digits))]
    if decimals:
        said += [point, *(point if sign == "." else words(int(sign)) for sign in decimals)]
    return between.join(said)
