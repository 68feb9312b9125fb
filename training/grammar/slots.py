"""What people say for a slot, with the value they mean.

Each function draws (spoken words, arguments); `fixed` holds what the template's heading already
settles, such as the operator of a sum.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from vivavoce.assistant.skills.wording import CHINESE
from vivavoce.models.nano.domain import (
    CITIES,
    GENRES,
    ITEMS,
    NAMES,
    PHRASES,
    ROOMS,
    WEEKDAYS,
    words_of,
)
from vivavoce.models.nano.numbers import to_words

from . import alike
from .times import draw_duration, draw_span, draw_time, draw_time_within

Drawn = tuple[str, dict[str, Any]]
Slot = Callable[[random.Random, Mapping[str, Any]], Drawn]

ROOM_NAMES = {
    "living_room": ["lounge", "sitting room", "front room"],
    "bathroom": ["bath", "washroom"],
    "office": ["study", "home office"],
    "hallway": ["hall", "corridor", "entrance"],
    "garden": ["yard", "backyard"],
    "basement": ["cellar"],
    "kitchen": ["cooking area"],
    "bedroom": ["sleeping room", "master bedroom"],
}
GENRE_NAMES = {"classical": ["classic"], "rock": ["rock and roll"], "light": ["light music"]}
PHRASE_WORDS = {
    "hello": ["hello", "hello", "hi"],
    "thanks": ["thank you", "thanks"],
    "good_morning": ["good morning"],
    "goodbye": ["goodbye", "goodbye", "bye", "bye bye"],
    "sorry": ["sorry", "i am sorry"],
    "good_night": ["good night"],
    "how_much": ["how much", "how much is it", "how much does it cost", "how much is this"],
    "love_you": ["i love you", "i love you", "love you"],
    "where_toilet": [
        "where is the toilet",
        "where is the toilet",
        "where is the bathroom",
        "where is the restroom",
    ],
    "help": ["help", "help me"],
}
ITEM_WORDS = {
    "milk": ["a bottle of milk", "a carton of milk", "fresh milk"],
    "eggs": ["a dozen eggs", "six eggs", "an egg"],
    "bread": ["a loaf of bread", "fresh bread", "brown bread"],
    "apples": ["an apple", "red apples", "five apples"],
    "butter": ["a pack of butter"],
    "cheese": ["a piece of cheese"],
    "rice": ["a bag of rice", "a pack of rice"],
    "coffee": ["a pack of coffee", "coffee beans"],
    "tea": ["a box of tea", "green tea", "black tea"],
    "sugar": ["a bag of sugar", "white sugar"],
    "bananas": ["a banana", "three bananas"],
    "tomatoes": ["a tomato", "four tomatoes", "a can of tomatoes"],
    "chicken": ["a chicken", "a pack of chicken"],
    "soap": ["a bar of soap", "hand soap"],
    "water": ["a bottle of water", "two bottles of water"],
    "pasta": ["a pack of pasta", "a box of pasta"],
}
DAY_WORDS = {
    "today": ["today", "today", "now", "right now", "tonight", "this evening", "this afternoon"],
    "tomorrow": ["tomorrow", "tomorrow", "tomorrow", "tomorrow morning", "tomorrow evening"],
    "day_after_tomorrow": ["the day after tomorrow", "day after tomorrow", "in two days"],
    "weekend": ["on the weekend", "this weekend", "at the weekend", "over the weekend"],
}


def _pick_id(slot: str, ids: tuple[str, ...], other: Mapping[str, list[str]], rate: float) -> Slot:
    def draw(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
        identifier = rng.choice(ids)
        words = words_of(identifier)
        if identifier in other and rng.random() < rate:
            words = rng.choice(other[identifier])
        return words, {slot: identifier}

    return draw


def _day(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    day = rng.choice(["today", "tomorrow", "tomorrow", "day_after_tomorrow", "weekend", *WEEKDAYS])
    if day in DAY_WORDS:
        return rng.choice(DAY_WORDS[day]), {"day": day}
    return rng.choice(["on ", "on ", "on ", "", "this ", "next ", "for "]) + day, {"day": day}


def _days(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    day = rng.choice(["today", "tomorrow", "weekend", *WEEKDAYS])
    words = "this weekend" if day == "weekend" else day
    return words + "'s", {"day": day}


def _when(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    return rng.choice(["tomorrow", "tomorrow", "today", "on " + rng.choice(WEEKDAYS)]), {}


def spoken_number(rng: random.Random, number: int) -> str:
    """A number as people say it: `a hundred and five` beside `one hundred five`."""
    words = to_words(number)
    if number >= 100 and number % 100 and rng.random() < 0.7:
        words = words.replace("hundred ", "hundred and ")
    if words.startswith("one hundred") and rng.random() < 0.5:
        words = "a" + words[3:]
    return words


def _percent(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    if rng.random() < 0.05:
        words, percent = rng.choice([("half", 50), ("a quarter", 25), ("the maximum", 100)])
        return words, {"percent": percent}
    round_ones = rng.random() < 0.5
    percent = 5 * rng.randint(1, 20) if round_ones else alike.number(rng, 5, 100, "en")
    unit = " percent" if rng.random() < 0.85 else ""
    return spoken_number(rng, percent) + unit, {"percent": percent}


def _degrees(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    degrees = alike.number(rng, 10, 30, "en")
    unit = rng.choice([" degrees"] * 6 + [" degrees celsius", ""])
    return to_words(degrees) + unit, {"degrees": degrees}


def _operand(name: str) -> Slot:
    def draw(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
        low, high = (0, 50) if name == "a" else (1, 50)
        if fixed.get("op") == "*":
            low, high = 2, 12
        if rng.random() < 0.1:
            high = 20 if fixed.get("op") == "*" else 100
        number = alike.number(rng, low, high, "en")
        return spoken_number(rng, number), {name: number}

    return draw


def _chinese(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    phrase = rng.choice(PHRASES)
    return CHINESE[phrase], {"phrase": phrase}


def _duration(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    words, seconds = draw_duration(rng)
    return words, {"duration_s": seconds}


def _span(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    words, seconds = draw_span(rng)
    return words, {"duration_s": seconds}


def _time(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    words, clock = draw_time(rng)
    return words, {"time": clock}


def _time_within(first: int, last: int, half: str) -> Slot:
    def draw(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
        words, clock = draw_time_within(rng, first, last, half)
        return words, {"time": clock}

    return draw


def _phrase(rng: random.Random, fixed: Mapping[str, Any]) -> Drawn:
    phrase = rng.choice(PHRASES)
    return rng.choice(PHRASE_WORDS[phrase]), {"phrase": phrase}


SLOTS: dict[str, Slot] = {
    "room": _pick_id("room", ROOMS, ROOM_NAMES, 0.15),
    "genre": _pick_id("genre", GENRES, GENRE_NAMES, 0.4),
    "city": _pick_id("city", CITIES, {"new_york": ["new york city"]}, 0.3),
    "item": _pick_id("item", ITEMS, ITEM_WORDS, 0.15),
    "name": _pick_id("name", NAMES, {}, 0.0),
    "phrase": _phrase,
    "chinese": _chinese,
    "day": _day,
    "days": _days,
    "when": _when,
    "percent": _percent,
    "degrees": _degrees,
    "a": _operand("a"),
    "b": _operand("b"),
    "duration": _duration,
    "span": _span,
    "time": _time,
    "morning": _time_within(4, 11, "am"),
    "afternoon": _time_within(12, 17, "pm"),
    "evening": _time_within(17, 23, "pm"),
}
