"""What the skills say in each language, and that nano can read and say all of it."""

from __future__ import annotations

import datetime
import re
import string

import pytest

from vivavoce.assistant.skills.registry import ALL_SKILLS, SkillSet
from vivavoce.assistant.skills.wording import WORDINGS, words_in
from vivavoce.models.nano import domain
from vivavoce.models.nano.text import Text

SATURDAY = datetime.datetime(2026, 11, 21, 15, 5)
IDS = {
    "room": domain.ROOMS,
    "genre": domain.GENRES,
    "city": domain.CITIES,
    "item": domain.ITEMS,
    "name": domain.NAMES,
    "phrase": domain.PHRASES,
    "day": domain.DAYS,
}
ARGUMENTS = {
    "timer_set": {"duration_s": 5405},
    "light_on": {"room": "kitchen"},
    "light_off": {"room": "living_room"},
    "light_dim": {"room": "office", "percent": 40},
    "weather": {"city": "tokyo", "day": "monday"},
    "calc": {"a": 12, "op": "*", "b": 12},
    "vol_set": {"percent": 30},
    "music": {"genre": "jazz"},
    "alarm": {"time": "06:30"},
    "heat": {"degrees": 21},
    "list": {"item": "milk"},
    "name": {"name": "alice"},
    "tr_zh": {"phrase": "thanks"},
    "tr_en": {"phrase": "thanks"},
    "chat": {"topic": "age"},
}


def a_schedule(delay_s, call):
    class Handle:
        def cancel(self):
            pass

    return Handle()


@pytest.fixture
def skills():
    return SkillSet(schedule=a_schedule, now=lambda: SATURDAY, seed=1)


def everything(wording):
    """All that a language has words for, fields left empty."""
    yield from wording.jokes
    yield from wording.skies
    for answers in (*wording.chat.values(), *wording.small_talk.values()):
        yield from (answer.replace("{name}", "").strip() for answer in answers)
    for sentence in wording.sentences.values():
        yield " ".join(re.sub(r"\{\w+\}", " ", sentence).split())
    for slot, ids in IDS.items():
        yield from (wording.name(slot, identifier) for identifier in ids)
    yield from (wording.time(hour, minute) for hour in range(24) for minute in (0, 5, 30, 59))
    yield from (wording.duration(seconds) for seconds in (0, 1, 120, 3600, 7325, 45296))
    yield from (wording.number(number) for number in (-9999, -1, 0, 105, 2220, 9999))
    yield from (wording.date(datetime.date(2026, month, 28)) for month in range(1, 13))
    yield from (*wording.in_mandarin.values(), *wording.in_english.values())
    yield wording.weather("tokyo", "today", wording.skies[0], -3)


@pytest.mark.parametrize("language", WORDINGS)
def test_every_word_is_one_nano_can_read_and_say(language):
    text = Text.shipped()
    for words in everything(words_in(language)):
        assert words == words.strip().lower()
        assert words.replace(" ", "").isalpha() or not words, words
        assert text.decode(text.encode(words)).replace(" ", "") == words.replace(" ", ""), words


@pytest.mark.parametrize("language", ["cmn", "yue"])
def test_every_value_nano_knows_has_a_chinese_name(language):
    wording = words_in(language)
    for slot, ids in IDS.items():
        assert set(ids) <= set(wording.names[slot]), slot


@pytest.mark.parametrize("language", ["cmn", "yue"])
def test_each_language_has_the_sentences_of_english_with_the_same_fields(language):
    def fields(sentence):
        return {field for _, field, *_ in string.Formatter().parse(sentence) if field}

    there, english = words_in(language).sentences, words_in("en").sentences
    assert {name: fields(s) for name, s in there.items()} == {
        name: fields(s) for name, s in english.items()
    }


@pytest.mark.parametrize("language", WORDINGS)
def test_there_are_several_answers_to_each_topic_and_greeting(language):
    wording = words_in(language)
    assert set(wording.chat) == set(domain.CHAT_TOPICS)
    for about, answers in (*wording.chat.items(), *wording.small_talk.items()):
        assert len(set(answers)) >= 4, about


@pytest.mark.parametrize("language", ["cmn", "yue"])
def test_every_skill_answers_in_the_language_of_the_turn(skills, language):
    for name in ALL_SKILLS:
        said = skills.run(name, ARGUMENTS.get(name, {}), language)
        assert said.error is None, (name, said)
        # English words stand in a Chinese answer only where English was asked for.
        assert name == "tr_en" or all(sign >= "\u3400" for sign in said.output), (name, said)


@pytest.mark.parametrize(
    ("name", "language", "words"),
    [
        ("time", "en", "three oh five in the afternoon"),
        ("time", "cmn", "下午三点零五分"),
        ("time", "yue", "下晝三點零五分"),
        ("date", "cmn", "十一月二十一号星期六"),
        ("light_dim", "cmn", "办公室的灯调到百分之四十"),
        ("light_off", "yue", "客廳嘅燈熄咗"),
        ("timer_set", "cmn", "计时一小时三十分钟五秒"),
        ("calc", "yue", "一百四十四"),
        ("weather", "yue", "我冇上網唔知東京嘅天氣"),
        ("tr_en", "cmn", "thank you"),
    ],
)
def test_answers(skills, name, language, words):
    assert skills.run(name, ARGUMENTS.get(name, {}), language).output == words


def test_one_conversation_changes_its_language(skills):
    answers = [skills.run("timer_query", {}, language).output for language in ("en", "yue", "cmn")]
    assert answers == ["there is no timer running", "而家冇計時", "现在没有计时"]


def test_a_timer_rings_in_the_language_in_which_it_was_set():
    due, rung = [], []
    skills = SkillSet(
        ring=rung.append,
        schedule=lambda delay_s, call: due.append(call),
        now=lambda: SATURDAY,
    )
    skills.run("timer_set", {"duration_s": 120}, "cmn")
    skills.run("alarm", {"time": "16:00"}, "yue")
    skills.run("timer_set", {"duration_s": 60})
    for ring in due:
        ring()
    assert rung == [
        "两分钟的计时到了",
        "而家係下晝四點鬧鐘響喇",
        "your timer for one minute is done",
    ]


def test_apologies_too():
    skills = SkillSet(disabled=["coin"])
    assert skills.run("coin", {}, "cmn").output == "对不起我不会做这个"
    assert skills.run("light_on", {}, "yue").output == "唔好意思我聽唔明"


def test_an_unknown_language_is_answered_in_english_and_an_unknown_room_by_its_own_words():
    assert words_in("fr") is words_in("en")
    assert words_in("cmn").say("light_on", room=words_in("cmn").name("room", "tree_house"))
    assert words_in("cmn").name("room", "tree_house") == "tree house"


def test_a_number_too_large_is_refused_by_all():
    for wording in WORDINGS.values():
        with pytest.raises(ValueError, match="no words for 10000"):
            wording.number(10000)
