"""Durations and clock times as people say them in English, with the value they mean."""

from __future__ import annotations

import random

from vivavoce.models.nano.numbers import to_words

from . import alike

_SIZES = {"second": 1, "minute": 60, "hour": 3600}
_SPECIAL = [
    ("half an hour", 1800),
    ("half an hour", 1800),
    ("a half hour", 1800),
    ("a quarter of an hour", 900),
    ("quarter of an hour", 900),
    ("three quarters of an hour", 2700),
    ("an hour and a half", 5400),
    ("one and a half hours", 5400),
    ("one hour and a half", 5400),
    ("an hour and a quarter", 4500),
    ("a minute and a half", 90),
    ("one and a half minutes", 90),
    ("half a minute", 30),
    ("ninety seconds", 90),
    ("ninety minutes", 5400),
    ("a hundred seconds", 100),
    ("seventy five minutes", 4500),
    ("a hundred and twenty minutes", 7200),
    ("a couple of minutes", 120),
    ("a couple of hours", 7200),
]


def _counted(rng: random.Random, number: int, unit: str) -> str:
    if number == 1 and rng.random() < 0.6:
        return f"{'an' if unit == 'hour' else 'a'} {unit}"
    return f"{to_words(number)} {unit}{'s' if number > 1 else ''}"


def _simple(rng: random.Random) -> tuple[int, str]:
    unit = rng.choices(("minute", "second", "hour"), (6, 2, 2))[0]
    if unit == "hour":
        return rng.randint(1, 12), unit
    round_ones = rng.random() < 0.35
    return (5 * rng.randint(1, 12) if round_ones else alike.number(rng, 1, 60, "en")), unit


def draw_duration(rng: random.Random) -> tuple[str, int]:
    """A duration and its seconds: `twenty five minutes`, `an hour and a half`."""
    kind = rng.random()
    if kind < 0.72:
        number, unit = _simple(rng)
        return _counted(rng, number, unit), number * _SIZES[unit]
    if kind < 0.84:
        return rng.choice(_SPECIAL)
    if kind < 0.9:
        unit = rng.choice(("minute", "hour"))
        number = rng.randint(2, 12 if unit == "minute" else 5)
        return f"{to_words(number)} and a half {unit}s", number * _SIZES[unit] + _SIZES[unit] // 2
    big, small = rng.choice((("hour", "minute"), ("minute", "second")))
    count = rng.randint(1, 3 if big == "hour" else 20)
    rest = 5 * rng.randint(1, 11) if rng.random() < 0.7 else rng.randint(1, 59)
    glue = rng.choice((" and ", " and ", " "))
    words = _counted(rng, count, big) + glue + _counted(rng, rest, small)
    return words, count * _SIZES[big] + rest * _SIZES[small]


def draw_span(rng: random.Random) -> tuple[str, int]:
    """A duration standing before a noun: `ten minute` as in `a ten minute timer`."""
    if rng.random() < 0.05:
        return "half hour", 1800
    number, unit = _simple(rng)
    words = f"{to_words(number)} {unit}"
    return words + ("s" if number > 1 and rng.random() < 0.15 else ""), number * _SIZES[unit]


def draw_time(rng: random.Random) -> tuple[str, str]:
    """A clock time and its "HH:MM"; without a part of the day the hour counts as said."""
    if rng.random() < 0.04:
        return rng.choice((("noon", "12:00"), ("midday", "12:00"), ("twelve noon", "12:00")))
    if rng.random() < 0.03:
        return rng.choice((("midnight", "00:00"), ("twelve midnight", "00:00")))
    minute = _minute(rng)
    if rng.random() < 0.4:
        hour, part = rng.randint(1, 12), ""
    else:
        hour = rng.choice((*range(24), *range(5, 10), *range(17, 22)))
        if rng.random() < 0.06 and hour > 12:
            return _count_to_24(hour, minute), f"{hour:02d}:{minute:02d}"
        part = " " + rng.choice(_parts_of_day(hour))
    if not part and rng.random() < 0.12:
        part = " tomorrow"
    return _clock_words(rng, hour, minute) + part, f"{hour:02d}:{minute:02d}"


def draw_time_within(rng: random.Random, first: int, last: int, half: str) -> tuple[str, str]:
    """A time whose part of the day was said before it; `half` (am or pm) may still follow."""
    hour, minute = rng.randint(first, last), _minute(rng)
    words = _clock_words(rng, hour, minute) + (f" {half}" if rng.random() < 0.2 else "")
    return words, f"{hour:02d}:{minute:02d}"


def _minute(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.3:
        return 0
    if kind < 0.55:
        return rng.choice((15, 30, 30, 45))
    return 5 * rng.randint(1, 11) if kind < 0.8 else rng.randint(1, 59)


def _count_to_24(hour: int, minute: int) -> str:
    if not minute:
        return to_words(hour) + " hundred"
    return f"{to_words(hour)} {'oh ' if minute < 10 else ''}{to_words(minute)}"


def _parts_of_day(hour: int) -> list[str]:
    if hour == 0:
        return ["am", "at night"]
    if hour < 12:
        return ["am", "am", "am", "in the morning", "in the morning", "tomorrow morning"]
    parts = ["pm", "pm", "pm"]
    if hour < 18:
        parts += ["in the afternoon", "in the afternoon", "this afternoon", "tomorrow afternoon"]
    if 17 <= hour < 22:
        parts += ["in the evening", "in the evening", "this evening", "tonight", "tomorrow evening"]
    if hour >= 20:
        parts += ["at night", "at night", "tonight"]
    return parts


def _clock_words(rng: random.Random, hour: int, minute: int) -> str:
    name = to_words((hour - 1) % 12 + 1)
    following = to_words(hour % 12 + 1)
    if minute == 0:
        return rng.choice((name, name, name + " o'clock"))
    plain = f"{name} {'oh ' if minute < 10 else ''}{to_words(minute)}"
    forms = [plain, plain]
    if minute == 30:
        forms += [f"half past {name}"] * 2
    elif minute in (15, 45):
        quarter = rng.choice(("quarter", "a quarter"))
        past = rng.choice(("past", "past", "after"))
        forms += [f"{quarter} {past} {name}" if minute == 15 else f"{quarter} to {following}"] * 2
    elif minute < 30:
        unit = rng.choice(("", "", " minutes"))
        forms.append(f"{to_words(minute)}{unit} {rng.choice(('past', 'past', 'after'))} {name}")
    elif minute % 5 == 0 or rng.random() < 0.3:
        unit = rng.choice(("", "", " minutes"))
        forms.append(f"{to_words(60 - minute)}{unit} to {following}")
    return rng.choice(forms)
