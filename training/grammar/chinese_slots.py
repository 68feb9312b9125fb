"""What people say for a slot in Mandarin and Cantonese, with the value they mean."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from vivavoce.models.nano.domain import words_of

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
    percent = 5 * rng.randint(1, 20) if rng.random() < 0.5 else rng.randint(5, 100)
    if percent == 50 and rng.random() < 0.5:
        return "一半", {"percent": 50}
    return "百分之" + words.number(percent, language), {"percent": percent}


def _degrees(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    degrees = rng.randint(10, 30)
    return words.number(degrees, language) + "度", {"degrees": degrees}


def _operand(name: str, language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    low, high = (2, 12) if fixed.get("op") == "*" else (0 if name == "a" else 1, 50)
    value = rng.randint(low, high)
    return words.number(value, language), {name: value}


def _duration(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    cmn = language == "cmn"
    kind = rng.random()
    if kind < 0.12:
        special = (
            {"半小时": 1800, "半个小时": 1800, "一刻钟": 900, "一个半小时": 5400, "一分半钟": 90}
            if cmn
            else {"半個鐘": 1800, "半個鐘頭": 1800, "三個字": 900, "個半鐘": 5400, "一分半鐘": 90}
        )
        said = rng.choice(list(special))
        return said, {"duration_s": special[said]}
    if kind < 0.25:
        minutes, seconds = rng.randint(1, 20), 5 * rng.randint(1, 11)
        total = 60 * minutes + seconds
        return words.duration(total, language), {"duration_s": total}
    size = rng.choices((60, 1, 3600), (6, 2, 2))[0]
    count = rng.randint(1, 12 if size == 3600 else 60)
    units = {
        60: ["分钟"] if cmn else ["分鐘"],
        1: ["秒", "秒钟"] if cmn else ["秒", "秒鐘"],
        3600: ["小时", "个小时", "个钟头"] if cmn else ["個鐘", "個鐘頭", "小時"],
    }
    said = words.number(count, language, counting=True) + rng.choice(units[size])
    return said, {"duration_s": count * size}


def _time(language: str, rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    hour = rng.choice((*range(24), *range(5, 10), *range(17, 22)))
    minute = rng.choice((0, 0, 0, 15, 30, 30, 45, rng.randrange(60), 5 * rng.randrange(12)))
    said = words.clock(hour, minute, language)
    part = words.part_of_day(hour, language)
    if 1 <= hour <= 12 and rng.random() < 0.3:
        said = said.removeprefix(part)
    elif rng.random() < 0.3:
        said = ("明天" if language == "cmn" else "聽日") + said
    if said.endswith("分") and rng.random() < 0.4:
        said = said[:-1]
    return said, {"time": f"{hour:02d}:{minute:02d}"}


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
