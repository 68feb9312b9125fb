"""Numbers as Chinese words: 128.50 → 一百二十八点五."""

from __future__ import annotations

DIGITS = "零一二三四五六七八九"
PLACES = ("", "十", "百", "千")
MYRIADS = ("", "万", "亿", "万亿", "亿亿")
LONGEST = 4 * len(MYRIADS)


def digits(text: str, one: str = "一") -> str:
    """Digit by digit; over the telephone 1 is said 幺, which is easier to tell from 七."""
    return "".join(one if c == "1" else DIGITS[int(c)] for c in text)


def cardinal(text: str) -> str:
    """A whole number, as it is counted; beyond 10^20 digit by digit."""
    text = text.lstrip("0")
    if not text:
        return DIGITS[0]
    if len(text) > LONGEST:
        return digits(text)
    words = _counted(text)
    return words[1:] if words.startswith("一十") else words


def _counted(text: str) -> str:
    """Groups of four digits, the highest first; a gap of zeros is said once."""
    text = text.zfill(-(-len(text) // 4) * 4)
    groups = [text[i : i + 4] for i in range(0, len(text), 4)]
    words, gap = "", False
    for group, myriad in zip(groups, reversed(MYRIADS[: len(groups)]), strict=True):
        if group == "0000":
            gap = True
            continue
        gap = bool(words) and (gap or group[0] == "0")
        words += (DIGITS[0] if gap else "") + _group(group) + myriad
        gap = False
    return words


def _group(group: str) -> str:
    words, gap = "", False
    for i, digit in enumerate(group):
        if digit == "0":
            gap = bool(words)
            continue
        words += (DIGITS[0] if gap else "") + DIGITS[int(digit)] + PLACES[3 - i]
        gap = False
    return words


def number(text: str) -> str:
    """A number with an optional fraction: `3`, `3.14`, `.5`; zeros at its end are not said."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return cardinal(whole) + (f"点{digits(fraction)}" if fraction else "")
