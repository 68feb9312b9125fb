"""Action lines: words there and back, every public value, and nothing that is not one."""

from __future__ import annotations

import pytest

from vivavoce.assistant.skills import wording
from vivavoce.models.nano import domain, numbers
from vivavoce.models.nano.actions import Action, intent_token, parse, render, with_intent_token

EVERY_CALL = [
    *(("timer_set", {"duration_s": n * size}) for n in range(1, 61) for size in (1, 60)),
    *(("timer_set", {"duration_s": 3600 * n}) for n in range(1, 13)),
    *(("timer_set", {"duration_s": n}) for n in (90, 150, 5400, 9030, 45015)),
    *((name, {"room": room}) for name in ("light_on", "light_off") for room in domain.ROOMS),
    *(
        ("light_dim", {"room": room, "percent": percent})
        for room in domain.ROOMS
        for percent in range(101)
    ),
    *(("weather", {"city": city, "day": day}) for city in domain.CITIES for day in domain.DAYS),
    *(("weather", {"day": day}) for day in domain.DAYS),
    *(
        ("calc", {"a": a, "op": op, "b": b})
        for op in "+-*"
        for a in range(0, 101, 3)
        for b in range(1, 101, 7)
    ),
    *(("vol_set", {"percent": percent}) for percent in range(101)),
    *(("heat", {"degrees": degrees}) for degrees in range(10, 31)),
    *(("alarm", {"time": f"{h:02d}:{m:02d}"}) for h in range(24) for m in range(60)),
    *(("music", {"genre": genre}) for genre in domain.GENRES),
    ("music", {}),
    *(("list", {"item": item}) for item in domain.ITEMS),
    *(("name", {"name": name}) for name in domain.NAMES),
    *((name, {"phrase": p}) for name in ("tr_zh", "tr_en") for p in domain.PHRASES),
    *(("chat", {"topic": topic}) for topic in domain.CHAT_TOPICS),
    *((name, {}) for name, slots in domain.INTENT_SLOTS.items() if not slots),
]


def test_every_call_survives_the_way_into_words_and_back():
    for name, arguments in EVERY_CALL:
        line = render(name, arguments)
        assert parse(line) == Action(name, arguments), line
        assert parse(with_intent_token(line)) == Action(name, arguments), line


def test_every_intent_is_among_the_calls():
    assert {name for name, _ in EVERY_CALL} == set(domain.INTENTS)
    assert set(domain.INTENTS) > domain.NEEDS_RESULT


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("timer_set twenty five minutes", {"duration_s": 1500}),
        ("timer_set one hour thirty minutes", {"duration_s": 5400}),
        ("timer_set ninety seconds", {"duration_s": 90}),
        ("light_dim living room forty percent", {"room": "living_room", "percent": 40}),
        ("alarm seven thirty pm", {"time": "19:30"}),
        ("alarm seven", {"time": "07:00"}),
        ("alarm five thirty", {"time": "05:30"}),
        ("alarm nine oh five am", {"time": "09:05"}),
        ("alarm noon", {"time": "12:00"}),
        ("alarm twelve thirty am", {"time": "00:30"}),
        ("calc seven times eight", {"a": 7, "op": "*", "b": 8}),
        ("weather new york day after tomorrow", {"city": "new_york", "day": "day_after_tomorrow"}),
        ("weather london", {"city": "london", "day": "today"}),
        ("<list>   milk ", {"item": "milk"}),
    ],
)
def test_lines_mean_what_they_say(line, arguments):
    action = parse(line)
    assert action is not None
    assert action.arguments == arguments


@pytest.mark.parametrize(
    "line",
    [
        "",
        "kitchen",
        "<light_on",
        "light_on",
        "light_on attic",
        "light_on kitchen kitchen",
        "light_dim kitchen",
        "light_dim kitchen forty",
        "light_dim kitchen two hundred percent",
        "timer_set",
        "timer_set minutes",
        "timer_set five",
        "timer_set zero minutes",
        "timer_set five minutes two hours",
        "timer_set five minutes three minutes",
        "timer_set ninety hours",
        "calc seven",
        "calc plus seven",
        "calc seven times",
        "calc seven times eight plus",
        "alarm",
        "alarm thirteen",
        "alarm seven five",
        "alarm seven sixty",
        "alarm pm",
        "weather atlantis",
        "weather tomorrow london",
        "heat ninety degrees",
        "heat twenty",
        "time now",
        "music polka",
        "set 5 minutes",
    ],
)
def test_what_is_not_an_action_line_gives_nothing(line):
    assert parse(line) is None


def test_what_cannot_be_said_is_refused():
    with pytest.raises(KeyError):
        render("fly_to_moon")
    with pytest.raises(KeyError):
        render("light_on", {})
    with pytest.raises(ValueError, match="light_on"):
        render("light_on", {"room": "attic"})
    with pytest.raises(ValueError, match="timer_set"):
        render("timer_set", {"duration_s": 0})


def test_numbers_read_back_and_agree_with_what_the_skills_say():
    for number in range(-9999, 10000, 7):
        words = numbers.to_words(number)
        assert numbers.from_words(words) == number
        assert wording.number_words(number) == words
    for wrong in ("", "five five", "twenty eleven", "hundred", "minus", "one thousand thousand"):
        assert numbers.from_words(wrong) is None
    with pytest.raises(ValueError, match="10000"):
        numbers.to_words(10000)


def test_an_intent_has_a_token_of_its_own_spelling():
    assert intent_token("time") == "<time>"
    assert with_intent_token("time") == "<time>"
    assert with_intent_token("light_on kitchen") == "<light_on> kitchen"
