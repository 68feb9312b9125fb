"""What people say for a slot in Mandarin and Cantonese, with the value they mean."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from vivavoce.models.nano.domain import words_of

from . import alike
from . import chinese_words as words
from .slots import Drawn, Slot

ENGLISH_SHARE = 0.1  # names said in English within a Chinese sentence
_SAID_IN_ENGLISH = ("room", "genre", "city", "item", "name")


def _named(language: str, slot: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    identifier = rng.choice(list(words.NAMES_OF[slot][language]))
    if slot in _SAID_IN_ENGLISH and rng.random() < ENGLISH_SHARE:
        return f" {words_of(identifier)} ", {slot: identifier}
    other = words.OTHER_NAMES[language].get(slot, {}).get(identifier)
    if other and rng.random() < 0.3:
        return rng.choice(other), {slot: identifier}
    return words.NAMES_OF[slot][language][identifier], {slot: identifier}


def _english(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    """The phrase to be translated, said in English inside a Chinese sentence."""
    from vivavoce.assistant.skills.wording import ENGLISH

    phrase = rng.choice(list(ENGLISH))
    return f" {ENGLISH[phrase]} ", {"phrase": phrase}


def _chinese(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    return _named(language, "phrase", rng, fixed)


def _percent(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    percent = 5 * rng.randint(1, 20) if rng.random() < 0.4 else alike.number(rng, 5, 100, language)
    if percent == 50 and rng.random() < 0.5:
        return "一半", {"percent": 50}
    if percent == 100 and rng.random() < 0.5:
        return "百分之百", {"percent": 100}
    if percent % 10 == 0 and percent < 100 and rng.random() < 0.15:
        return words.number(percent // 10, language) + "成", {"percent": percent}
    unit = "" if rng.random() < 0.12 else "百分之"
    return unit + words.number(percent, language), {"percent": percent}


def _degrees(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    degrees = alike.number(rng, 10, 30, language)
    return words.number(degrees, language) + "度", {"degrees": degrees}


def _operand(name: str, language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    low, high = (2, 12) if fixed.get("op") == "*" else (0 if name == "a" else 1, 50)
    value = alike.number(rng, low, high, language)
    return words.number(value, language), {name: value}


_DURATIONS = {
    "cmn": {"半小时": 1800, "半个小时": 1800, "一刻钟": 900, "三刻钟": 2700, "半分钟": 30},
    "yue": {"半個鐘": 1800, "半個鐘頭": 1800, "三個字": 900, "半分鐘": 30},
}
_UNITS = {
    "cmn": {60: ("分钟",), 1: ("秒", "秒钟"), 3600: ("小时", "个小时", "个钟头")},
    "yue": {60: ("分鐘",), 1: ("秒", "秒鐘"), 3600: ("個鐘", "個鐘頭", "小時")},
}


def _duration(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    kind = rng.random()
    if kind < 0.08:
        said = rng.choice(list(_DURATIONS[language]))
        return said, {"duration_s": _DURATIONS[language][said]}
    if kind < 0.16:
        return _and_a_half(language, rng)
    if kind < 0.2 and language == "yue":  # a "character" of the clock face is five minutes
        count = rng.randint(1, 11)
        return words.number(count, "yue", counting=True) + "個字", {"duration_s": 300 * count}
    if kind < 0.3:
        minutes, seconds = rng.randint(1, 20), 5 * rng.randint(1, 11)
        total = 60 * minutes + seconds
        return words.duration(total, language), {"duration_s": total}
    size = rng.choices((60, 1, 3600), (6, 2, 2))[0]
    count = alike.number(rng, 1, 12 if size == 3600 else 60, language)
    said = words.number(count, language, counting=True) + rng.choice(_UNITS[language][size])
    return said, {"duration_s": count * size}


def _and_a_half(language: str, rng: random.Random) -> Drawn:
    """两个半小时, 五分半钟"""
    size = rng.choice((3600, 60))
    count = rng.randint(1, 4 if size == 3600 else 10)
    number = words.number(count, language, counting=True)
    units = {
        "cmn": {3600: ("个半小时", "个半钟头"), 60: ("分半钟", "分半")},
        "yue": {3600: ("個半鐘", "個半鐘頭"), 60: ("分半鐘",)},
    }
    said = rng.choice(units[language][size])
    if language == "yue" and count == 1 and size == 3600 and rng.random() < 0.5:
        number = ""  # 個半鐘
    return number + said, {"duration_s": count * size + size // 2}


def _time(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    hour = rng.choice((*range(24), *range(5, 10), *range(17, 22)))
    minute = rng.choice((0, 0, 0, 15, 30, 30, 45, rng.randrange(60), 5 * rng.randrange(12)))
    said = _clock(language, rng, hour, minute)
    part = words.part_of_day(hour, language)
    if 1 <= hour <= 12 and rng.random() < 0.3:
        said = said.removeprefix(part)
    elif rng.random() < 0.3:
        said = ("明天" if language == "cmn" else "聽日") + said
    return said, {"time": f"{hour:02d}:{minute:02d}"}


def _clock(language: str, rng: random.Random, hour: int, minute: int) -> str:
    """A clock time with its part of the day: 下午三点一刻, 下晝三點三個字."""
    said = words.clock(hour, minute, language)
    kind = rng.random()
    if minute == 0:
        whole = ("钟", "整") if language == "cmn" else ("鐘", "正")
        return said + (rng.choice(whole) if kind < 0.25 else "")
    at = said.index("点" if language == "cmn" else "點") + 1
    if language == "cmn" and minute in (15, 45) and kind < 0.4:
        return said[:at] + ("一刻" if minute == 15 else "三刻")
    if language == "yue" and minute % 5 == 0 and minute != 30 and kind < 0.35:
        return said[:at] + words.number(minute // 5, "yue", counting=True) + "個字"
    if said.endswith("分") and kind > 0.6:
        return said[:-1]
    return said


_DRAW = {
    **{slot: partial(_named, slot=slot) for slot in ("room", "genre", "city", "item", "name")},
    "day": partial(_named, slot="day"),
    "phrase": _english,
    "chinese": _chinese,
    "percent": _percent,
    "degrees": _degrees,
    "a": partial(_operand, "a"),
    "b": partial(_operand, "b"),
    "duration": _duration,
    "time": _time,
}


def _bind(draw: Any, language: str) -> Slot:
    return lambda rng, fixed: draw(language=language, rng=rng, fixed=fixed)


SLOTS: dict[str, dict[str, Slot]] = {
    language: {slot: _bind(draw, language) for slot, draw in _DRAW.items()}
    for language in ("cmn", "yue")
}
