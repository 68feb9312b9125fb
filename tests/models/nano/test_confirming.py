"""The questions nano asks before it acts."""

from __future__ import annotations

import pytest

from vivavoce.assistant.skills.wording import words_in
from vivavoce.models.nano.actions import Action, parse
from vivavoce.models.nano.confirming import _NAMES, ASKED_FOR, asked_of, question
from vivavoce.models.nano.domain import INTENT_SLOTS
from vivavoce.models.nano.text import Text

CALLS = {
    "room": "kitchen",
    "percent": 40,
    "duration_s": 5405,
    "genre": "jazz",
    "time": "14:30",
    "degrees": 20,
    "item": "tea",
}


@pytest.mark.parametrize(
    ("line", "english", "mandarin", "cantonese"),
    [
        (
            "light_on living room",
            "shall i turn on the living room light",
            "要打开客厅的灯吗",
            "要唔要開客廳嘅燈",
        ),
        ("music", "shall i play some music", "要播放音乐吗", "要唔要播音樂"),
        ("music light", "shall i play some light music", "要播放轻音乐吗", "要唔要播輕音樂"),
        (
            "timer_set two hours five minutes",
            "shall i set a timer for two hours five minutes",
            "要计时两小时五分钟吗",
            "要唔要計時兩小時五分鐘",
        ),
        (
            "alarm two oh five pm",
            "shall i set an alarm for two oh five pm",
            "要设下午两点零五分的闹钟吗",
            "要唔要較下晝兩點零五分嘅鬧鐘",
        ),
    ],
)
def test_a_question_names_what_would_be_done(line, english, mandarin, cantonese):
    action = parse(line)
    assert action is not None
    assert [question(action, code) for code in ("en", "cmn", "yue")] == [
        english,
        mandarin,
        cantonese,
    ]


@pytest.mark.parametrize("language", ["en", "cmn", "yue"])
def test_every_question_can_be_said(language):
    text = Text.shipped()
    for name in ASKED_FOR:
        arguments = {slot: CALLS[slot] for slot in INTENT_SLOTS[name]}
        asked = question(Action(name, arguments), language)
        assert "{" not in asked and "  " not in asked
        assert text.decode(text.encode(asked)).replace(" ", "") == asked.replace(" ", "")


@pytest.mark.parametrize(("language", "at"), [("cmn", 0), ("yue", 1)])
def test_its_names_and_numbers_are_those_of_the_skills(language, at):
    words = words_in(language)
    for slot, names in _NAMES.items():
        assert {value: both[at] for value, both in names.items()} == words.names[slot]
    for percent in range(101):
        asked = question(Action("vol_set", {"percent": percent}), language)
        assert f"百分之{words.number(percent)}" in asked
    for minute in (0, 5, 30, 59):
        asked = question(Action("alarm", {"time": f"00:{minute:02d}"}), language)
        assert words.time(0, minute) in asked
    for seconds in (1, 90, 7200, 3661):
        asked = question(Action("timer_set", {"duration_s": seconds}), language)
        assert words.duration(seconds) in asked


def test_only_lines_that_are_asked_for_say_so():
    assert asked_of("confirm light_on kitchen") == "light_on kitchen"
    assert asked_of("light_on kitchen") is None
    with pytest.raises(KeyError):
        question(Action("joke"), "en")
