"""What each skill answers, what it changes, and that none can break a conversation."""

from __future__ import annotations

import datetime
import logging
from dataclasses import replace

import pytest

from vivavoce.assistant.skills import registry
from vivavoce.assistant.skills.house import House
from vivavoce.assistant.skills.registry import ALL_SKILLS, SkillSet
from vivavoce.assistant.skills.wording import JOKES
from vivavoce.models.nano import actions, domain, results

SATURDAY = datetime.datetime(2026, 11, 21, 15, 15)


class Later:
    """A clock and scheduler that moves when told."""

    def __init__(self) -> None:
        self.now = SATURDAY
        self.calls = []

    def __call__(self, delay_s, call):
        entry = [self.now + datetime.timedelta(seconds=delay_s), call]
        self.calls.append(entry)
        calls = self.calls

        class Handle:
            def cancel(self):
                calls.remove(entry)

        return Handle()

    def pass_seconds(self, seconds: float) -> None:
        end = self.now + datetime.timedelta(seconds=seconds)
        while due := sorted((e for e in self.calls if e[0] <= end), key=lambda e: e[0]):
            self.calls.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = end


@pytest.fixture
def later():
    return Later()


@pytest.fixture
def rung():
    return []


@pytest.fixture
def skills(later, rung):
    return SkillSet(
        ring=rung.append,
        schedule=later,
        now=lambda: later.now,
        seed=7,
        default_city="new_york",
    )


def said(skills: SkillSet, name: str, /, language: str = "en", **arguments: object) -> str:
    result = skills.run(name, arguments, language)
    assert result.error is None
    return result.output


# --- the catalogue ---------------------------------------------------------------------------


def test_every_intent_of_nano_has_a_skill():
    assert set(domain.INTENTS) - {"reject"} == set(ALL_SKILLS)


def test_skills_and_model_agree_on_whose_words_are_spoken():
    waiting = {name for name, skill in ALL_SKILLS.items() if skill.needs_result}
    assert waiting == domain.NEEDS_RESULT | results.TOLD


def test_what_the_model_waits_for_changes_nothing():
    assert all(skill.pure for skill in ALL_SKILLS.values() if skill.needs_result)


@pytest.mark.parametrize(
    "line",
    [
        "timer_set one hour thirty minutes",
        "light_on living room",
        "light_dim kitchen forty percent",
        "weather new york day after tomorrow",
        "weather today",
        "calc seven times eight",
        "vol_set thirty percent",
        "music jazz",
        "music",
        "alarm seven thirty am",
        "heat twenty one degrees",
        "list milk",
        "name alice",
        "tr_zh good morning",
        "tr_en where toilet",
    ],
)
def test_skills_take_what_the_model_writes(skills, line):
    action = actions.parse(line)
    assert action is not None
    assert said(skills, action.name, **action.arguments)


def test_schemas_are_functions_with_typed_arguments(skills):
    offered = {schema["name"]: schema for schema in skills.schemas()}
    assert "hello" not in offered and "light_on" in offered
    dim = offered["light_dim"]["parameters"]
    assert dim["required"] == ["room", "percent"] and dim["additionalProperties"] is False
    assert dim["properties"]["percent"]["maximum"] == 100
    assert offered["tr_zh"]["parameters"]["properties"]["phrase"]["enum"]


# --- answers ---------------------------------------------------------------------------------


def test_time_and_date(skills):
    assert said(skills, "time") == "three fifteen in the afternoon"
    assert said(skills, "date") == "saturday the twenty first of november"


@pytest.mark.parametrize(
    ("a", "op", "b", "words"),
    [(7, "*", 8, "fifty six"), (3, "-", 10, "minus seven"), (50, "+", 50, "one hundred")],
)
def test_sums_are_right(skills, a, op, b, words):
    assert said(skills, "calc", a=a, op=op, b=b) == words


def test_a_sum_too_large_to_say_is_still_answered(skills):
    assert said(skills, "calc", a=9999, op="*", b=9999) == "a very large number"


def test_weather_is_honest_about_being_offline(skills):
    assert "offline" in said(skills, "weather", city="tokyo")
    assert "new york" in said(skills, "weather")


def test_chance_follows_its_seed():
    answers = [
        [SkillSet(seed=seed).run(name, {}).output for name in ("joke", "coin", "dice")]
        for seed in (3, 3)
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] in JOKES


def test_dice_and_coin_show_all_their_sides():
    skills = SkillSet(seed=1)
    assert len({said(skills, "dice") for _ in range(100)}) == 6
    assert len({said(skills, "coin") for _ in range(50)}) == 2


def test_repeat_says_the_last_answer_again(skills):
    assert said(skills, "repeat") == "i have not said anything yet"
    skills.remember_said(" it is noon ")
    skills.remember_said("")
    assert said(skills, "repeat") == "it is noon"


def test_phrases_both_ways(skills):
    assert said(skills, "tr_zh", phrase="thanks") == "xie xie"
    assert said(skills, "tr_en", phrase="thanks") == "thank you"
    assert said(skills, "tr_en", phrase="wombat") == "not in my phrase book"


# --- state -----------------------------------------------------------------------------------


def test_the_house_is_shared_and_the_name_is_not():
    house = House()
    one, other = SkillSet(house=house), SkillSet(house=house)
    said(one, "light_dim", room="kitchen", percent=40)
    said(other, "light_on", room="office")
    said(one, "light_off", room="office")
    said(one, "name", name="alice")
    said(one, "heat", degrees=22)
    said(one, "list", item="milk")
    said(one, "list", item="milk")
    assert house.lights == {"kitchen": 40, "office": 0}
    assert (house.heat_degrees, house.shopping) == (22, ["milk"])
    assert (one.context.user_name, other.context.user_name) == ("alice", None)


def test_volume_stays_in_range_and_tells_the_loudspeaker():
    house, heard = House(volume_percent=95), []
    house.on_volume.append(heard.append)
    skills = SkillSet(house=house)
    said(skills, "vol_up")
    said(skills, "vol_set", percent=5)
    said(skills, "vol_down")
    assert heard == [100, 5, 0]


def test_music_is_remembered_and_admits_that_nothing_plays(skills):
    assert "no player" in said(skills, "music", genre="jazz")
    assert skills.context.house.music == "jazz"
    said(skills, "music_stop")
    assert skills.context.house.music is None


# --- timers and alarms -----------------------------------------------------------------------


def test_a_timer_counts_down_and_rings_once(skills, later, rung):
    assert said(skills, "timer_query") == "there is no timer running"
    said(skills, "timer_set", duration_s=250)
    later.pass_seconds(0.5)
    assert said(skills, "timer_query") == "you have four minutes and ten seconds left"
    later.pass_seconds(249)
    assert rung == []
    later.pass_seconds(10)
    assert rung == ["your timer for four minutes and ten seconds is done"]
    assert said(skills, "timer_query") == "there is no timer running"


def test_a_cancelled_timer_does_not_ring(skills, later, rung):
    said(skills, "timer_set", duration_s=60)
    said(skills, "timer_set", duration_s=90)
    assert said(skills, "timer_cancel") == "timer cancelled"
    later.pass_seconds(100)
    assert rung == []


def test_an_alarm_rings_at_its_next_time(skills, later, rung):
    said(skills, "alarm", time="15:15")  # now: so tomorrow
    said(skills, "alarm", time="16:00")
    later.pass_seconds(45 * 60)
    assert rung == ["it is four in the afternoon this is your alarm"]
    later.pass_seconds(24 * 3600)
    assert len(rung) == 2


def test_closing_a_conversation_calls_its_timers_off(skills, later, rung):
    said(skills, "timer_set", duration_s=60)
    said(skills, "alarm", time="16:00")
    skills.close()
    later.pass_seconds(86400)
    assert rung == [] and later.calls == []


async def test_timers_run_on_the_event_loop(rung):
    import asyncio

    rang = asyncio.Event()
    skills = SkillSet(ring=lambda words: rang.set())
    skills._context.schedule = lambda s, call: asyncio.get_running_loop().call_later(s / 1000, call)
    said(skills, "timer_set", duration_s=1)
    await asyncio.wait_for(rang.wait(), 30)


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("timer_set", {}),
        ("timer_set", {"duration_s": 0}),
        ("timer_set", {"duration_s": "soon"}),
        ("alarm", {"time": "25:00"}),
        ("calc", {"a": 1, "op": "/", "b": 2}),
        ("light_on", {"room": "kitchen", "colour": "red"}),
        ("light_dim", {"room": "kitchen", "percent": 101}),
    ],
)
def test_wrong_arguments_are_an_apology_and_change_nothing(skills, name, arguments):
    result = skills.run(name, arguments)
    assert result.output == "sorry i did not get that"
    assert result.error
    assert skills.context.timers == [] and skills.context.house.lights == {}


def test_an_unknown_or_disabled_skill_is_declined():
    skills = SkillSet(disabled=["coin"])
    assert "coin" not in skills and not skills.needs_result("coin")
    for name in ("coin", "fly"):
        assert skills.run(name, {}).output == "sorry i can not do that"
    assert "coin" not in {schema["name"] for schema in skills.schemas()}


def test_a_crash_is_an_apology_and_the_log_has_the_trace(monkeypatch, caplog):
    def crash(arguments, context):
        raise RuntimeError("out of clocks")

    broken = {**ALL_SKILLS, "time": replace(ALL_SKILLS["time"], run=crash)}
    monkeypatch.setattr(registry, "ALL_SKILLS", broken)
    skills = SkillSet()
    with caplog.at_level(logging.ERROR):
        result = skills.run("time", {})
    assert result.output == "sorry that did not work"
    assert "out of clocks" in caplog.text
    assert skills.run("date", {}).error is None
