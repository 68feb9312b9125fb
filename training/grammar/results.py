"""Examples of what tools answer, in the words of assistant/skills/wording."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Mapping
from typing import Any

from vivavoce.assistant.skills.wording import Wording, words_in

_FIRST_DAY = datetime.date(2024, 1, 1)


def example(
    rng: random.Random, intent: str, arguments: Mapping[str, Any], language: str = "en"
) -> str | None:
    """Words a tool could answer to this call; None where no tool answers."""
    if intent == "repeat":
        return _repeat(rng, language)
    make = _MAKERS.get(intent)
    return make(rng, arguments, words_in(language)) if make else None


def calc(a: int, op: str, b: int) -> int:
    """The sum itself."""
    return {"+": a + b, "-": a - b, "*": a * b}[op]


def _weather(rng: random.Random, a: Mapping[str, Any], words: Wording) -> str:
    if rng.random() < 0.3:
        return words.no_weather(a.get("city", ""))
    sky, degrees = rng.choice(words.skies), rng.randint(-10, 38)
    return words.weather(a.get("city", ""), a["day"], sky, degrees)


def _date(rng: random.Random, a: Mapping[str, Any], words: Wording) -> str:
    return words.date(_FIRST_DAY + datetime.timedelta(days=rng.randrange(1461)))


def _timer(rng: random.Random, a: Mapping[str, Any], words: Wording) -> str:
    if rng.random() < 0.1:
        return words.timer(None)
    return words.timer(rng.choice((rng.randint(1, 60), rng.randint(1, 3600), 60)))


def _repeat(rng: random.Random, language: str) -> str:
    from . import sample  # the sentence before can be any

    while True:
        turn = sample(rng, language)
        if turn.intent != "repeat":
            return turn.spoken_reply


_Maker = Callable[[random.Random, Mapping[str, Any], Wording], str]
_MAKERS: dict[str, _Maker] = {
    "time": lambda rng, a, words: words.time(rng.randrange(24), rng.randrange(60)),
    "date": _date,
    "weather": _weather,
    "calc": lambda rng, a, words: words.number(calc(a["a"], a["op"], a["b"])),
    "timer_query": _timer,
    "joke": lambda rng, a, words: rng.choice(words.jokes),
    "coin": lambda rng, a, words: words.coin(rng.random() < 0.5),
    "dice": lambda rng, a, words: words.dice(rng.randint(1, 6)),
    "tr_zh": lambda rng, a, words: words.in_mandarin[a["phrase"]],
    "tr_en": lambda rng, a, words: words.in_english[a["phrase"]],
    "chat": lambda rng, a, words: rng.choice(words.chat[a["topic"]]),
}
