"""English text for a talker that reads Chinese marks, better than the reference makes it ready.

The reference says numbers in Chinese and drops full stops; here they are English words and `。`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_THOUSANDS = ("", " thousand", " million", " billion", " trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MONEY = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "pence"),
    "¥": ("yuan", "fen"),
    "￥": ("yuan", "fen"),
}
_SAME_IN_PLURAL = {"yuan", "fen", "pence"}
_DEGREES = {"C": " degrees Celsius", "F": " degrees Fahrenheit"}
LONGEST = 3 * len(_THOUSANDS)  # digits; longer ones are said one by one

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"


_FULL_STOP = re.compile(r"(?<!\b[A-Z])(?<!\b[DMS][rst])(?<!\bMrs)(?<!\bvs)\.(?=\s|$)")


def spelled(text: str) -> str:
    """The text with its numbers as words, and with full stops that are kept."""
    text = _FULL_STOP.sub("。", text)
    for pattern, words in _RULES:
        text = pattern.sub(words, text)
    return text


def whole(digits: str) -> str:
    """`1234` as one thousand two hundred thirty four."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > LONGEST:
        return one_by_one(digits)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [int(digits[i : i + 3]) for i in range(0, len(digits), 3)]
    names = reversed(_THOUSANDS[: len(groups)])
    said = [f"{_hundreds(n)}{name}" for n, name in zip(groups, names, strict=True) if n]
    return " ".join(said) or _SMALL[0]


def one_by_one(digits: str) -> str:
    """Every digit for itself."""
    return " ".join(_SMALL[int(digit)] for digit in digits)


def number(text: str) -> str:
    """`3.14` as three point one four; commas between thousands are not said."""
    digits, point, fraction = text.replace(",", "").partition(".")
    return whole(digits) + (f" point {one_by_one(fraction)}" if point else "")


def _hundreds(n: int) -> str:
    words = [_SMALL[n // 100], "hundred"] if n >= 100 else []
    n %= 100
    if n >= 20:
        words.append(_TENS[n // 10])
        n %= 10
    if n:
        words.append(_SMALL[n])
    return " ".join(words)


def _year(digits: str) -> str:
    """1999 in two halves; the first years of a millennium as a number."""
    century, rest = digits[:2], digits[2:]
    if digits[1:3] == "00":
        return whole(digits)
    if rest == "00":
        return f"{whole(century)} hundred"
    return f"{whole(century)} {'oh ' if rest[0] == '0' else ''}{whole(rest)}"


def _time(m: re.Match[str]) -> str:
    minute = m[2]
    if minute == "00":
        return whole(m[1])
    return f"{whole(m[1])} {'oh ' if minute[0] == '0' else ''}{whole(minute)}"


def _money(m: re.Match[str]) -> str:
    unit, small = _MONEY[m[1]]
    digits, _, cents = m[2].replace(",", "").partition(".")
    if m[3] or len(cents) not in (0, 2):
        return f"{number(m[2])}{m[3]} {_plural(unit, '')}"
    said = f"{whole(digits)} {_plural(unit, digits)}"
    return said + (f" and {whole(cents)} {_plural(small, cents)}" if int(cents or 0) else "")


def _plural(unit: str, digits: str) -> str:
    return unit if unit in _SAME_IN_PLURAL or digits.lstrip("0") == "1" else f"{unit}s"


def _ordinal(m: re.Match[str]) -> str:
    words = whole(m[1]).split()
    last = words[-1]
    if last.endswith("y"):
        words[-1] = f"{last[:-1]}ieth"
    else:
        words[-1] = _ORDINALS.get(last, f"{last}th")
    return " ".join(words)


def _rule(
    pattern: str, words: Callable[[re.Match[str]], str]
) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    return re.compile(pattern), words


_RULES = (
    _rule(rf"([$€£¥￥])\s?({NUMBER})( thousand| million| billion| trillion|)", _money),
    _rule(r"(?<!\d)(\d{1,2}):([0-5]\d)(?!\d)", _time),
    _rule(rf"({NUMBER})\s?%", lambda m: f"{number(m[1])} percent"),
    _rule(
        rf"(?:(?<![\w-])(-))?({NUMBER})\s?°\s?([CF])\b",
        lambda m: f"{'minus ' if m[1] else ''}{number(m[2])}{_DEGREES[m[3]]}",
    ),
    _rule(r"(?<!\d)(\d+)(?:st|nd|rd|th)\b", _ordinal),
    _rule(r"(?<![\d.,])\+?\d{7,}(?![\d.,]\d)", lambda m: one_by_one(m[0].lstrip("+"))),
    _rule(r"(?<![\d.,-])(?:1[1-9]|20)\d\d(?![\d-]|[.,]\d)", lambda m: _year(m[0])),
    _rule(rf"(?<=\d)[-–](?={NUMBER})", lambda m: " to "),
    _rule(rf"(?<![\w-])-({NUMBER})", lambda m: f"minus {number(m[1])}"),
    _rule(rf"({NUMBER})(?=[A-Za-z])", lambda m: f"{number(m[1])} "),
    _rule(rf"({NUMBER})", lambda m: number(m[1])),
)
