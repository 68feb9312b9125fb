"""Small talk: several answers, never the same twice running, and greetings by name."""

from __future__ import annotations

import pytest

from vivavoce.assistant.skills.registry import SkillSet
from vivavoce.assistant.skills.wording import WORDINGS, words_in


def test_no_answer_comes_twice_running_and_all_of_them_come():
    skills = SkillSet(seed=5)
    answers = [skills.run("chat", {"topic": "robot"}).output for _ in range(60)]
    assert all(a != b for a, b in zip(answers, answers[1:], strict=False))
    assert set(answers) == set(words_in("en").chat["robot"])


@pytest.mark.parametrize("name", ["hello", "how", "who", "can", "thanks", "bye", "joke"])
def test_small_talk_varies(name):
    skills = SkillSet(seed=5)
    answers = [skills.run(name, {}).output for _ in range(20)]
    assert len(set(answers)) >= 4
    assert all(a != b for a, b in zip(answers, answers[1:], strict=False))


@pytest.mark.parametrize("language", ["cmn", "yue"])
def test_a_chinese_joke_is_another_one_the_second_time(language):
    skills = SkillSet(seed=5)
    first, second = (skills.run("joke", {}, language).output for _ in range(2))
    assert {first, second} <= set(words_in(language).jokes) and first != second


def test_talking_of_something_else_does_not_make_it_forget_what_it_said():
    skills = SkillSet(seed=5)
    for _ in range(20):
        first = skills.run("chat", {"topic": "age"}).output
        skills.run("chat", {"topic": "food"})
        assert skills.run("chat", {"topic": "age"}).output != first


@pytest.mark.parametrize(
    ("language", "name"), [("en", "alice"), ("cmn", "爱丽丝"), ("yue", "愛麗絲")]
)
def test_who_has_told_a_name_is_greeted_by_it(language, name):
    skills = SkillSet(seed=5)
    assert skills.run("hello", {}, language).output in words_in(language).small_talk["hello"]
    skills.run("name", {"name": "alice"}, language)
    assert all(name in skills.run("hello", {}, language).output for _ in range(8))


def test_an_unknown_topic_is_an_apology():
    for language in WORDINGS:
        skills = SkillSet(seed=5)
        sorry = words_in(language).say("sorry_arguments")
        assert skills.run("chat", {"topic": "wombats"}, language).output == sorry
