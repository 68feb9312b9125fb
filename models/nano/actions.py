"""Action lines: the model's machine-readable answer, an intent and its slots in words.

    light_dim kitchen forty percent   <->   light_dim {"room": "kitchen", "percent": 40}

A line is made of words so that a small model can copy them from what it heard. The tokenizer
keeps one token per intent, written `<light_dim>`; `parse` reads both spellings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import numbers
from .domain import (
    CHAT_TOPICS,
    CITIES,
    DAYS,
    GENRES,
    INTENT_SLOTS,
    ITEMS,
    NAMES,
    NEEDS_RESULT,
    OPERATORS,
    PHRASES,
    ROOMS,
    words_of,
)

__all__ = [
    "NEEDS_RESULT",
    "REJECT",
    "Action",
    "intent_token",
    "parse",
    "render",
    "with_intent_token",
]

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """An intent with its normalised arguments: seconds, "HH:MM", ids."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


REJECT = Action("reject")
"""Nothing is done, and the reply says so."""


def intent_token(name: str) -> str:
    """The tokenizer's own token for an intent."""
    return f"<{name}>"


def with_intent_token(line: str) -> str:
    """`light_on kitchen` as the tokenizer wants it: `<light_on> kitchen`."""
    name, _, rest = line.partition(" ")
    return f"{intent_token(name)} {rest}".rstrip()


def parse(line: str) -> Action | None:
    """Read an action line; None when the model wrote something that is not one."""
    head, _, rest = " ".join(line.split()).partition(" ")
    name = head[1:-1] if head.startswith("<") and head.endswith(">") else head
    if name not in INTENT_SLOTS:
        return None
    if name not in _FORMS:
        return None if rest else Action(name)
    arguments = _FORMS[name][0](rest)
    return None if arguments is None else Action(name, arguments)


def render(name: str, arguments: Mapping[str, Any] | None = None) -> str:
    """Write the action line of an intent and its arguments; the inverse of `parse`.

    Raises:
        KeyError: unknown intent, missing argument.
        ValueError: an argument no line can say.
    """
    if name not in INTENT_SLOTS:
        raise KeyError(name)
    rest = _FORMS[name][1](arguments or {}) if name in _FORMS else ""
    line = f"{name} {rest}".rstrip()
    if parse(line) is None:
        raise ValueError(f"no action line for {name} {dict(arguments or {})}")
    return line


# --- ids ------------------------------------------------------------------------------------


def _read_id(text: str, ids: tuple[str, ...], slot: str) -> Arguments | None:
    identifier = text.replace(" ", "_")
    return {slot: identifier} if identifier in ids else None


_Read = Callable[[str], "Arguments | None"]
_Write = Callable[[Mapping[str, Any]], str]


def _id_form(slot: str, ids: tuple[str, ...]) -> tuple[_Read, _Write]:
    return (lambda text: _read_id(text, ids, slot)), (lambda a: words_of(a[slot]))


def _read_music(text: str) -> Arguments | None:
    return _read_id(text, GENRES, "genre") if text else {}


def _write_music(arguments: Mapping[str, Any]) -> str:
    return words_of(arguments.get("genre") or "")


def _read_weather(text: str) -> Arguments | None:
    """City and day, either of them unsaid: no city means here, no day means today."""
    words = text.split()
    for split in range(len(words) + 1):
        city, day = "_".join(words[:split]), "_".join(words[split:])
        if city in ("", *CITIES) and day in ("", *DAYS):
            return ({"city": city} if city else {}) | {"day": day or "today"}
    return None


def _write_weather(arguments: Mapping[str, Any]) -> str:
    city, day = arguments.get("city") or "", arguments.get("day") or "today"
    return f"{words_of(city)} {words_of(day)}".strip()


# --- numbers with a unit --------------------------------------------------------------------


def _read_number(text: str, unit: str, slot: str, low: int, high: int) -> Arguments | None:
    words, _, last = text.rpartition(" ")
    number = numbers.from_words(words) if last == unit else None
    return None if number is None or not low <= number <= high else {slot: number}


def _number_form(slot: str, unit: str, low: int, high: int) -> tuple[_Read, _Write]:
    return (
        lambda text: _read_number(text, unit, slot, low, high),
        lambda a: f"{numbers.to_words(a[slot])} {unit}",
    )


def _read_dim(text: str) -> Arguments | None:
    words = text.split()
    for split in (1, 2):
        room = _read_id(" ".join(words[:split]), ROOMS, "room")
        level = _read_number(" ".join(words[split:]), "percent", "percent", 0, 100)
        if room and level:
            return room | level
    return None


def _write_dim(arguments: Mapping[str, Any]) -> str:
    return f"{words_of(arguments['room'])} {numbers.to_words(arguments['percent'])} percent"


def _read_calc(text: str) -> Arguments | None:
    words = text.split()
    for at, word in enumerate(words):
        if word in OPERATORS and at:
            a = numbers.from_words(" ".join(words[:at]))
            b = numbers.from_words(" ".join(words[at + 1 :]))
            return None if a is None or b is None else {"a": a, "op": OPERATORS[word], "b": b}
    return None


def _write_calc(arguments: Mapping[str, Any]) -> str:
    word = {op: word for word, op in OPERATORS.items()}[arguments["op"]]
    return f"{numbers.to_words(arguments['a'])} {word} {numbers.to_words(arguments['b'])}"


# --- durations and clock times --------------------------------------------------------------

_UNITS = (("hour", 3600), ("minute", 60), ("second", 1))


def _read_duration(text: str) -> Arguments | None:
    """`one hour thirty minutes`: hours, minutes, seconds in this order, each at most once."""
    total, said, last = 0, [], 0
    for word in text.split():
        size = next((size for unit, size in _UNITS if word.rstrip("s") == unit), None)
        if size is None:
            said.append(word)
            continue
        number = numbers.from_words(" ".join(said))
        if number is None or number < 1 or (last and size >= last):
            return None
        total, said, last = total + number * size, [], size
    return {"duration_s": total} if last and not said and total <= 86400 else None


def _write_duration(arguments: Mapping[str, Any]) -> str:
    seconds, parts = arguments["duration_s"], []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{numbers.to_words(count)} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts)


def _read_minute(words: list[str]) -> int | None:
    """The minutes after the hour: nothing, `oh five`, `fifteen`."""
    if not words:
        return 0
    short = words[0] == "oh"
    minute = numbers.from_words(" ".join(words[short:]))
    return minute if minute is not None and short == (minute < 10) and 0 < minute < 60 else None


def _read_clock(text: str) -> Arguments | None:
    """`seven thirty pm`, `noon`, `midnight`; without am or pm the hour counts as said."""
    if text in ("noon", "midnight"):
        return {"time": "12:00" if text == "noon" else "00:00"}
    words = text.split()
    half = words.pop() if words and words[-1] in ("am", "pm") else None
    hour = numbers.from_words(words[0]) if words else None
    minute = _read_minute(words[1:])
    if hour is None or minute is None or not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return {"time": f"{hour:02d}:{minute:02d}"}


def _write_clock(arguments: Mapping[str, Any]) -> str:
    hour, minute = (int(part) for part in arguments["time"].split(":"))
    if minute == 0 and hour in (0, 12):
        return "noon" if hour else "midnight"
    words = [numbers.to_words((hour - 1) % 12 + 1)]
    if minute:
        words.append(("oh " if minute < 10 else "") + numbers.to_words(minute))
    return " ".join([*words, "pm" if hour >= 12 else "am"])


_FORMS: dict[str, tuple[_Read, _Write]] = {
    "timer_set": (_read_duration, _write_duration),
    "light_on": _id_form("room", ROOMS),
    "light_off": _id_form("room", ROOMS),
    "light_dim": (_read_dim, _write_dim),
    "weather": (_read_weather, _write_weather),
    "calc": (_read_calc, _write_calc),
    "vol_set": _number_form("percent", "percent", 0, 100),
    "music": (_read_music, _write_music),
    "alarm": (_read_clock, _write_clock),
    "heat": _number_form("degrees", "degrees", 5, 35),
    "list": _id_form("item", ITEMS),
    "name": _id_form("name", NAMES),
    "tr_zh": _id_form("phrase", PHRASES),
    "tr_en": _id_form("phrase", PHRASES),
    "chat": _id_form("topic", CHAT_TOPICS),
}
