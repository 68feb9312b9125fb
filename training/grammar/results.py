"""Examples of what tools answer, in the words of assistant/skills/wording.py."""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from typing import Any

from vivavoce.assistant.skills import wording

_FIRST_DAY = datetime.date(2024, 1, 1)


def example(rng: random.Random, intent: str, arguments: Mapping[str, Any]) -> str | None:
    """Words a tool could answer to this call; None where no tool answers."""
    make = _MAKERS.get(intent)
    return make(rng, arguments) if make else None


def calc(a: int, op: str, b: int) -> int:
    """The sum itself."""
    return {"+": a + b, "-": a - b, "*": a * b}[op]


def chat(language: str, rng: random.Random, a: Mapping[str, Any]) -> str:
    """One of the answers to a topic of small talk."""
    return rng.choice(wording.words_in(language).chat[a["topic"]])


def _weather(rng: random.Random, a: Mapping[str, Any]) -> str:
    if rng.random() < 0.3:
        return wording.no_weather_words(a.get("city", ""))
    sky, degrees = rng.choice(wording.SKIES), rng.randint(-10, 38)
    return wording.weather_words(a.get("city", ""), a["day"], sky, degrees)


def _date(rng: random.Random, a: Mapping[str, Any]) -> str:
    return wording.date_words(_FIRST_DAY + datetime.timedelta(days=rng.randrange(1461)))


def _timer(rng: random.Random, a: Mapping[str, Any]) -> str:
    if rng.random() < 0.1:
        return wording.timer_words(None)
    return wording.timer_words(rng.choice((rng.randint(1, 60), rng.randint(1, 3600), 60)))


def _repeat(rng: random.Random, a: Mapping[str, Any]) -> str:
    from . import sample  # the sentence before can be any

    while True:
        turn = sample(rng)
        if turn.intent != "repeat":
            return turn.reply.replace("<result>", turn.result or "")


_MAKERS = {
    "time": lambda rng, a: wording.time_words(rng.randrange(24), rng.randrange(60)),
    "date": _date,
    "weather": _weather,
    "calc": lambda rng, a: wording.number_words(calc(a["a"], a["op"], a["b"])),
    "timer_query": _timer,
    "repeat": _repeat,
    "joke": lambda rng, a: rng.choice(wording.JOKES),
    "coin": lambda rng, a: wording.coin_words(rng.random() < 0.5),
    "dice": lambda rng, a: wording.dice_words(rng.randint(1, 6)),
    "tr_zh": lambda rng, a: wording.CHINESE[a["phrase"]],
    "tr_en": lambda rng, a: wording.ENGLISH[a["phrase"]],
    "chat": lambda rng, a: chat("en", rng, a),
}
