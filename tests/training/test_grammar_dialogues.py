"""Conversations: follow-ups, corrections, yes and no, names, languages that change."""

from __future__ import annotations

import random
import re
from itertools import chain

import pytest

from training.grammar import answers, dialogue, followups, is_asked, midway, sample
from training.grammar.confirmations import confirmation, corrected_turn
from training.grammar.dialogues import by_name
from training.grammar.evaluation import sets
from training.grammar.replying import reply_in
from training.grammar.sampling import corrected_midway, make_turn
from training.grammar.templates import pattern
from training.speech_pool import random_turn
from vivavoce.models.nano.actions import parse
from vivavoce.models.nano.confirming import ASKED_FOR
from vivavoce.models.nano.domain import ROOMS
from vivavoce.models.nano.text import Text

LANGUAGES = ("en", "cmn", "yue")
TEXT = Text.shipped()


def test_conversations_have_up_to_four_turns():
    rng = random.Random(4)
    assert {len(dialogue(rng)) for _ in range(100)} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ("weather", "and in {city}", "weather"),
        ("timer_set", "make it {duration}", "timer_set"),
        ("light_on", "and in the {room}", "light_on"),
        ("light_on", "turn it off", "light_off"),
        ("joke", "another one", "joke"),
    ],
)
def test_what_needs_the_turn_before_can_follow_it(before, said, after):
    rows = followups.load("en", "train")[before]
    assert after in {row.intent for row in rows if tuple(said.split()) in row.choice.all()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_turn_of_a_conversation_is_consistent(language):
    rng = random.Random(4)
    for turn in chain.from_iterable(dialogue(rng, language) for _ in range(200)):
        asked = is_asked(turn)
        action = parse(turn.action.removeprefix("confirm ") if asked else turn.action)
        assert action is not None
        assert action.arguments == turn.arguments
        assert asked or action.name == turn.intent
        line = TEXT.decode(TEXT.encode(turn.user))
        assert line.replace(" ", "") == turn.user.replace(" ", "")


def test_a_follow_up_takes_over_what_it_does_not_say():
    rng = random.Random(1)
    seen = set()
    for _ in range(300):
        words, intent, kept = followups.draw(
            rng, "train", "weather", {"city": "paris", "day": "monday"}
        )
        assert (intent, kept) == ("weather", {"city": "paris", "day": "monday"})
        seen |= {word for word in words if word.startswith("{")}
    assert seen == {"{city}", "{day}"}


def test_repeat_in_a_conversation_repeats_what_was_said():
    rng = random.Random(8)
    found = 0
    for _ in range(800):
        spoken = dialogue(rng)
        for before, turn in zip(spoken, spoken[1:], strict=False):
            if turn.user in ("what did you say", "say that again", "repeat that"):
                assert turn.result == before.spoken_reply.removeprefix("i said ")
                found += 1
    assert found > 10


# --- the three languages --------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_can_follow_is_held_out_too(language):
    train, heldout = followups.load(language, "train"), followups.load(language, "heldout")
    assert set(train) == set(heldout)
    said = {
        split: {
            (row.before, pattern(words, language))
            for row in chain.from_iterable(table.values())
            for words in row.choice.all()
        }
        for split, table in (("train", train), ("heldout", heldout))
    }
    assert not said["train"] & said["heldout"]


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "no the {room}"), ("cmn", "不是是{room}"), ("yue", "唔係係{room}")],
)
def test_a_correction_changes_what_it_names_and_nothing_else(language, said):
    ways = (row.choice.all() for row in followups.load(language, "train")["{room}"])
    assert said in {pattern(words, language) for words in chain.from_iterable(ways)}
    rng, rooms = random.Random(1), set()
    before = make_turn(rng, "", "light_dim", {"room": "bedroom", "percent": 40}, language)
    for _ in range(200):
        corrected = followups.correction(rng, "train", "light_dim", language)
        assert corrected is not None
        turn = corrected_turn(rng, before, corrected, language)
        (other,) = {"room", "percent"} - {corrected[1]}
        assert turn.arguments[other] == before.arguments[other]
        rooms.add(turn.arguments["room"])
    assert rooms == set(ROOMS)


def test_nothing_can_be_corrected_where_nothing_was_named():
    assert followups.correction(random.Random(0), "train", "joke", "en") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_slip_of_the_tongue_the_second_word_counts(language):
    words = midway.corrected(random.Random(0), ["in", "{room}"], "train", language)
    assert [word for word in words if word == "{room}"] == ["{room}", "{room}"]
    assert midway.corrected(random.Random(0), ["stop"], "train", language) == ["stop"]
    turn = corrected_midway(random.Random(3), language, "train")
    assert turn.action != "reject"


def test_a_correction_in_a_sentence_repeats_the_article():
    rng = random.Random(0)
    words = [midway.corrected(rng, ["on", "the", "{room}", "light"], "train", "en")]
    assert words[0][:3] == ["on", "the", "{room}"]
    assert words[0][-3:] == ["the", "{room}", "light"]


# --- yes and no -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_yes_does_what_was_asked_and_no_does_not(language):
    rng = random.Random(2)
    ways = {
        word: {
            pattern(words, language)
            for choice in answers.load(language)[word, "train"]
            for words in choice.all()
        }
        for word in ("yes", "no")
    }
    seen = {"yes": 0, "no": 0, "corrected": 0}
    for _ in range(300):
        question, answer = confirmation(rng, language, "train")
        assert is_asked(question) and question.action.startswith("confirm ")
        asked = question.action.removeprefix("confirm ")
        assert asked.split()[0] in ASKED_FOR
        assert question.reply == reply_in(question.action, language)
        if answer.user in ways["yes"]:
            assert answer.action == asked
            seen["yes"] += 1
        elif answer.user in ways["no"]:
            assert answer.action == "stop"
            seen["no"] += 1
        elif answer.intent in ASKED_FOR and answer.action != asked:
            seen["corrected"] += 1
    assert min(seen.values()) > 15, seen


def test_a_line_that_is_asked_for_begins_with_its_own_token():
    tokens = TEXT.encode_action("confirm light_on kitchen")
    assert tokens == [
        TEXT.encode_action("confirm stop")[0],
        *TEXT.encode_action("light_on kitchen"),
    ]
    assert tokens[0] not in range(TEXT.intents.start, TEXT.intents.stop)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_spoken_turn_ends_with_a_question_of_nanos(language):
    rng = random.Random(7)
    others = [name for name in LANGUAGES if name != language]
    drawn = [random_turn(rng, language, "train", 1.0, others) for _ in range(600)]
    assert all(not is_asked(turns[-1]) and turns[-1].language == language for turns in drawn)
    assert any(is_asked(turns[-2]) for turns in drawn if len(turns) > 1)
    assert any(turns[0].language != language for turns in drawn)


# --- names and mixed sentences --------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "called"), [("en", "henry"), ("cmn", "亨利"), ("yue", "亨利")]
)
def test_who_has_said_their_name_is_called_by_it(language, called):
    rng = random.Random(3)
    turns = [by_name(rng, "henry", "train", language) for _ in range(40)]
    assert {turn.action for turn in turns} == {"hello", "name henry"}
    assert all(called in turn.reply for turn in turns)


@pytest.mark.parametrize("language", ["cmn", "yue"])
def test_english_words_stand_apart_in_chinese_sentences(language):
    rng = random.Random(5)
    mixed = [
        t.user for t in (sample(rng, language) for _ in range(600)) if t.user.isascii() is False
    ]
    mixed = [user for user in mixed if re.search("[a-z]", user)]
    assert len(mixed) > 30
    for user in mixed:
        assert not re.search(r"[a-z][\u3400-\u9fff]|[\u3400-\u9fff][a-z]|  |^ | $", user), user


# --- fixed sets -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fixed_sets_are_the_same_for_the_same_seed(language):
    first, again = sets(language, 5, seed=1), sets(language, 5, seed=1)
    assert first == again != sets(language, 5, seed=2)
    assert ("code_switch" in first) == (language != "en")
    for name, conversations in first.items():
        assert len(conversations) == 5
        assert all(turns[-1].language == language for turns in conversations)
        assert all(len(turns) == (2 if name in _NEED_ANOTHER else 1) for turns in conversations)


_NEED_ANOTHER = ("follow_up", "correction", "confirmation", "by_name", "switched")
