"""Whole numbers as English words and back, and as hanzi: 0 to 9999."""

from __future__ import annotations

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {word: value for value, word in enumerate(_SMALL)}
_VALUES.update({word: 10 * value for value, word in enumerate(_TENS) if value > 1})


def to_words(number: int) -> str:
    """`144` as `one hundred forty four`.

    Raises:
        ValueError: beyond -9999..9999.
    """
    if abs(number) > 9999:
        raise ValueError(f"no words for {number}")
    if number < 0:
        return "minus " + to_words(-number)
    words = []
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            words += [_SMALL[number // size], name]
            number %= size
    if number >= 20:
        words.append(_TENS[number // 10])
        number %= 10
    if number or not words:
        words.append(_SMALL[number])
    return " ".join(words)


def from_words(text: str) -> int | None:
    """The number `text` says, or None; only the form of `to_words` counts."""
    words = text.split()
    negative = words[:1] == ["minus"]
    total = part = 0
    for word in words[negative:]:
        if word in ("hundred", "thousand"):
            part *= 100 if word == "hundred" else 1000
            total, part = total + part, 0
        elif word in _VALUES:
            part += _VALUES[word]
        else:
            return None
    number = -(total + part) if negative else total + part
    return number if abs(number) <= 9999 and to_words(number) == text else None


_DIGITS = "零一二三四五六七八九"


def to_hanzi(number: int) -> str:
    """`144` as 一百四十四, in the hanzi that Mandarin and Cantonese share.

    Raises:
        ValueError: beyond 0..9999.
    """
    if not 0 <= number <= 9999:
        raise ValueError(f"no hanzi for {number}")
    if number < 20:
        return ("十" if number > 9 else "") + (_DIGITS[number % 10] if number != 10 else "")
    words, skipped = "", False
    for size, place in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // size % 10
        if digit:
            words += ("零" if skipped and words else "") + _DIGITS[digit] + place
        skipped = not digit
    return words
