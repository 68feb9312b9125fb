"""What Mandarin and Cantonese share: how numbers, times and dates are put together."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .wording import LARGEST_SAYABLE, Wording

_DIGITS = "零一二三四五六七八九"
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_PLACES = ((1000, "千"), (100, "百"), (10, "十"), (1, ""))


@dataclass(frozen=True)
class Script:
    """What differs from one to the other.

    Args:
        two: the two before a measure word.
        minus: before a number below zero.
        below_zero: before a temperature below zero.
        point, day_mark: after the hour, after the day of a month.
        units: how hours, minutes and seconds are counted.
        parts_of_day: the word before an hour, and the first hour it is too late for.
    """

    two: str
    minus: str
    below_zero: str
    point: str
    day_mark: str
    units: Mapping[int, str]
    parts_of_day: Sequence[tuple[int, str]]


@dataclass(frozen=True)
class Chinese(Wording):
    """One of the two; see `Wording` for the fields."""

    language: str
    script: Script
    names: Mapping[str, Mapping[str, str]]
    sentences: Mapping[str, str]
    jokes: Sequence[str]
    skies: Sequence[str]
    in_english: Mapping[str, str]
    small_talk: Mapping[str, Sequence[str]]
    chat: Mapping[str, Sequence[str]]

    @property
    def in_mandarin(self) -> Mapping[str, str]:  # type: ignore[override]
        return self.names["phrase"]

    def number(self, number: int) -> str:
        """`25` as 二十五."""
        if abs(number) > LARGEST_SAYABLE:
            raise ValueError(f"no words for {number}")
        if number < 0:
            return self.script.minus + self.number(-number)
        if number < 10:
            return _DIGITS[number]
        if number < 20:
            return "十" + (_DIGITS[number % 10] if number % 10 else "")
        words, skipped = "", False
        for size, place in _PLACES:
            digit = number // size % 10
            if digit:
                words += ("零" if skipped and words else "") + _DIGITS[digit] + place
            skipped = not digit
        return words

    def count(self, number: int) -> str:
        """The same before a measure word: a lone two has a word of its own there."""
        return self.script.two if number == 2 else self.number(number)

    def part_of_day(self, hour: int) -> str:
        """The word said before an hour of 0 to 23."""
        return next(word for end, word in self.script.parts_of_day if hour < end)

    def time(self, hour: int, minute: int) -> str:
        """`15:05` as 下午三点零五分."""
        words = self.count((hour - 1) % 12 + 1) + self.script.point
        if minute == 30:
            words += "半"
        elif minute:
            words += ("零" if minute < 10 else "") + self.number(minute) + "分"
        return self.part_of_day(hour) + words

    def date(self, date: datetime.date) -> str:
        """十一月二十一号星期六"""
        weekday = self.names["day"][_WEEKDAYS[date.weekday()]]
        day = self.number(date.day) + self.script.day_mark
        return f"{self.number(date.month)}月{day}{weekday}"

    def duration(self, seconds: int) -> str:
        """`90` as 一分钟三十秒."""
        words = ""
        for size, unit in self.script.units.items():
            count, seconds = divmod(seconds, size)
            if count:
                words += self.count(count) + unit
        return words or self.number(0) + self.script.units[1]

    def weather(self, city: str, day: str, sky: str, degrees: int) -> str:
        """纽约明天晴天零下三度"""
        below = self.script.below_zero if degrees < 0 else ""
        where = self.name("city", city) if city else ""
        return f"{where}{self.name('day', day)}{sky}{below}{self.number(abs(degrees))}度"

    def dice(self, pips: int) -> str:
        return self.number(pips)
