"""Whole numbers as English words and back: 0 to 9999, `minus` in front of a negative."""

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
