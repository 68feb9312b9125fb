"""Whole spoken sentences for the talker, balanced by word instead of by intent."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable

from vivavoce.assistant.skills import wording
from vivavoce.models.nano.confirming import ASKED_FOR, CONFIRM
from vivavoce.models.nano.domain import (
    CITIES,
    DAYS,
    GENRES,
    ITEMS,
    NAMES,
    PHRASES,
    ROOMS,
)

from . import results
from .replies import RESULT, SORRY, reply
from .replying import GREETINGS, NAMED, reply_in
from .sampling import sample


def _say(intent: str, result: str | None = None, **arguments: object) -> str:
    return reply(intent, arguments).replace(RESULT, result or "")


def _number(rng: random.Random, number: int) -> str:
    """A sentence that holds this number."""
    ways: list[Callable[[], str]] = [lambda: _sum(rng, number)]
    if 1 <= number <= 59:
        clock = f"{rng.randrange(24):02d}:{number:02d}"
        ways.append(lambda: _say("alarm", time=clock))
        ways.append(lambda: _say("time", wording.time_words(int(clock[:2]), number)))
        size = rng.choice((1, 60))
        ways.append(lambda: _say("timer_set", duration_s=number * size))
        ways.append(lambda: _say("timer_query", wording.timer_words(number * size)))
    if number <= 100:
        ways.append(lambda: _say("vol_set", percent=number))
        ways.append(lambda: _say("light_dim", room=rng.choice(ROOMS), percent=number))
    if number <= 40:
        ways.append(lambda: _weather(rng, degrees=number))
    if 10 <= number <= 30:
        ways.append(lambda: _say("heat", degrees=number))
    return rng.choice(ways)()


def _sum(rng: random.Random, number: int) -> str:
    b = rng.randint(1, 50)
    if rng.random() < 0.5 or number > 200:
        a, op = number - b, "+"
    else:
        a, op = number + b, "-"
    if a < 0:
        a, b, op = number, b, "-"
    return _say("calc", wording.number_words(results.calc(a, op, b)), a=a, op=op, b=b)


def _product(rng: random.Random) -> str:
    a, b = rng.randint(2, 12), rng.randint(2, 12)
    return _say("calc", wording.number_words(a * b), a=a, op="*", b=b)


def _weather(
    rng: random.Random,
    city: str | None = None,
    day: str | None = None,
    sky: str | None = None,
    degrees: int | None = None,
) -> str:
    return wording.weather_words(
        rng.choice(("", *CITIES)) if city is None else city,
        day or rng.choice(DAYS),
        sky or rng.choice(wording.SKIES),
        rng.randint(-10, 38) if degrees is None else degrees,
    )


def _hour(rng: random.Random, hour: int) -> str:
    minute = rng.choice((0, 0, 15, 30, 45, rng.randrange(60)))
    if rng.random() < 0.5:
        return _say("alarm", time=f"{hour:02d}:{minute:02d}")
    return _say("time", wording.time_words(hour, minute))


def _light(rng: random.Random, room: str) -> str:
    intent = rng.choice(("light_on", "light_off", "light_dim"))
    return _say(intent, room=room, percent=rng.randint(5, 100))


def _long_duration(rng: random.Random) -> str:
    seconds = rng.randint(1, 12) * 3600 + rng.choice((0, 60 * rng.randint(1, 59)))
    if rng.random() < 0.5:
        seconds = rng.randint(61, 3599)
    intent = rng.choice(("timer_set", "timer_query"))
    return _say(intent, wording.timer_words(seconds), duration_s=seconds)


def _date(rng: random.Random, month: int, day: int) -> str:
    year = rng.randint(2020, 2035)
    last = (datetime.date(year + month // 12, month % 12 + 1, 1) - datetime.timedelta(days=1)).day
    return _say("date", wording.date_words(datetime.date(year, month, min(day, last))))


def _asked(rng: random.Random, intent: str) -> str:
    """The question before an action that is not certain."""
    return reply_in(f"{CONFIRM} {sample(rng, intent=intent).action}", "en")


def _greeted(rng: random.Random, name: str) -> str:
    return rng.choice((GREETINGS["en"], NAMED["en"])).format(name)


_FIXED = "timer_cancel vol_up vol_down stop music_stop hello how who can thanks bye reject".split()

# Each entry is one word (or fixed sentence) that must be heard as often as every other.
_TARGETS: list[Callable[[random.Random], str]] = [
    *(lambda rng, n=n: _number(rng, n) for n in range(101)),
    *(lambda rng, n=n: _number(rng, n) for n in (110, 120, 132, 144, 150, 200, 300, 500, 1000)),
    *([_product] * 10),
    *([_long_duration] * 8),
    *(lambda rng, h=h: _hour(rng, h) for h in range(24)),
    *(lambda rng, c=c: _weather(rng, city=c) for c in CITIES for _ in range(2)),
    *(lambda rng, d=d: _weather(rng, day=d) for d in DAYS for _ in range(2)),
    *(lambda rng, s=s: _weather(rng, sky=s) for s in wording.SKIES for _ in range(2)),
    *(lambda rng, n=n: _weather(rng, degrees=-n) for n in range(1, 11)),
    *(lambda rng, r=r: _light(rng, r) for r in ROOMS for _ in range(2)),
    *(lambda rng, g=g: _say("music", genre=g) for g in GENRES for _ in range(2)),
    *(lambda rng, i=i: _say("list", item=i) for i in ITEMS for _ in range(2)),
    *(lambda rng, n=n: _say("name", name=n) for n in NAMES for _ in range(2)),
    *(lambda rng, m=m: _date(rng, m, rng.randint(1, 28)) for m in range(1, 13) for _ in range(2)),
    *(lambda rng, d=d: _date(rng, rng.randint(1, 12), d) for d in range(1, 32)),
    *(lambda rng, p=p: _say("tr_zh", wording.CHINESE[p], phrase=p) for p in PHRASES),
    *(lambda rng, p=p: _say("tr_en", wording.ENGLISH[p], phrase=p) for p in PHRASES),
    *(lambda rng, j=j: j for j in wording.JOKES for _ in range(3)),
    *(lambda rng, n=n: _say("dice", wording.dice_words(n)) for n in range(1, 7)),
    *(
        lambda rng, h=h: _say("coin", wording.coin_words(h))
        for h in (True, False)
        for _ in range(2)
    ),
    *(lambda rng, i=i: _say(i) for i in _FIXED for _ in range(2)),
    *(lambda rng, c=c: wording.no_weather_words(c) for c in ("", "", *CITIES)),
    *(lambda rng, a=a: a for answers in wording.words_in("en").chat.values() for a in answers),
    *(
        lambda rng, a=a: a.format(name=rng.choice(NAMES))
        for answers in wording.words_in("en").small_talk.values()
        for a in answers
    ),
    *(lambda rng, n=n: _asked(rng, n) for n in sorted(ASKED_FOR)),
    *(lambda rng, n=n: _greeted(rng, n) for n in NAMES),
    lambda rng: _say("music"),
    lambda rng: wording.timer_words(None),
    lambda rng: SORRY,
    lambda rng: SORRY,
]


def reply_sentences(rng: random.Random) -> str:
    """One whole sentence nano can speak, the result in its place."""
    sentence = rng.choice(_TARGETS)(rng)
    if rng.random() < 0.05:
        sentence = "i said " + sentence
    return sentence
