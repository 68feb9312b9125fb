"""The grammar: nothing lost in the tokenizer, held-out sentences held out, every value said."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from training.grammar import reject, rejects, reply_sentences, sample, sampling
from training.grammar.evaluation import eval_turns
from training.grammar.expansion import compile_template
from training.grammar.pronounce import pronounce
from training.grammar.sampling import Turn
from training.grammar.templates import by_intent, load, pattern, reserved
from training.grammar.tokenizer import N_TOKENS, PATH, SPECIALS, hanzi, refill
from vivavoce.models.nano import domain
from vivavoce.models.nano.actions import intent_token, parse, render, with_intent_token

LANGUAGES = ("en", "cmn", "yue")
ENGLISH = re.compile(r"[a-z']+( [a-z']+)*")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(PATH))


def turns(language: str, split: str, count: int) -> list[Turn]:
    rng = random.Random(f"{language} {split}")
    return [sample(rng, language, split) for _ in range(count)]


# --- the notation ---------------------------------------------------------------------------


def test_the_notation_expands_choices_and_options():
    choice = compile_template("[please] (turn|switch [it]) on {room}")
    said = {" ".join(words) for words in choice.all()}
    assert said == {
        f"{please}{verb} on {{room}}"
        for please in ("", "please ")
        for verb in ("turn", "switch", "switch it")
    }
    assert choice.count() == len(said)
    drawn = {" ".join(choice.draw(random.Random(seed))) for seed in range(100)}
    assert drawn == said


@pytest.mark.parametrize("text", ["(a|b", "a)", "[a", "a]b", "{room"])
def test_unbalanced_templates_are_refused(text):
    with pytest.raises(ValueError, match="bracket|unmatched|missing|cannot read"):
        compile_template(text)


# --- turns ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", ["train", "heldout"])
def test_every_turn_is_consistent(language, split):
    for turn in turns(language, split, 800):
        action = parse(turn.action)
        assert action is not None, turn
        assert (action.name, action.arguments) == (turn.intent, turn.arguments)
        assert render(turn.intent, turn.arguments) == turn.action
        assert (turn.result is not None) == (turn.intent in domain.NEEDS_RESULT), turn
        assert ("<result>" in turn.reply) == (turn.intent in domain.NEEDS_RESULT), turn
        if language == "en":
            for text in (turn.user, turn.spoken_reply):
                assert ENGLISH.fullmatch(text), turn
        assert "{" not in turn.user + turn.reply


def test_a_reply_depends_on_the_action_alone():
    replies: dict[str, str] = {}
    for turn in turns("en", "train", 3000):
        assert replies.setdefault(turn.action, turn.reply) == turn.reply


def test_the_same_seed_gives_the_same_turns():
    assert turns("en", "train", 50) == turns("en", "train", 50)
    assert eval_turns("heldout", 70, seed=3) == eval_turns("heldout", 70, seed=3)
    assert eval_turns("heldout", 70, seed=3) != eval_turns("heldout", 70, seed=4)


def test_evaluation_sets_hold_every_intent_equally_often():
    chosen = [turn.intent for turn in eval_turns("heldout", 5 * len(domain.INTENTS))]
    assert {chosen.count(intent) for intent in domain.INTENTS} == {5}


SORRY = {"en": "sorry i did not get that", "cmn": "对不起我没听懂", "yue": "唔好意思我聽唔明"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_declined_turn_never_carries_an_action(language):
    rng = random.Random(2)
    for _ in range(300):
        turn = reject(rng, rng.choice(("train", "heldout")), language)
        assert (turn.action, turn.arguments, turn.language) == ("reject", {}, language)
        assert turn.reply == SORRY[language]
        assert turn.user


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_declined_is_not_also_a_plain_request(language):
    plain = {t.user: t.action for s in ("train", "heldout") for t in turns(language, s, 2500)}
    plain = {user: action for user, action in plain.items() if action != "reject"}
    rng = random.Random(5)
    both = [t.user for t in (reject(rng, "train", language) for _ in range(800)) if t.user in plain]
    assert len(both) <= 2, both


@pytest.mark.parametrize("language", LANGUAGES)
def test_training_never_declines_a_held_out_sentence(language):
    plain = {sentence for sentence in rejects.reserved(language) if "{" not in sentence}
    rng = random.Random(6)
    assert plain
    assert not plain & {reject(rng, "train", language).user for _ in range(500)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_means_two_things(language):
    meanings: dict[str, set[tuple[str, str]]] = {}
    for template in load(language):
        meaning = (template.intent, template.fixed.get("topic", ""))
        for words in template.choice.all():
            meanings.setdefault(pattern(words, language), set()).add(meaning)
    assert {text: found for text, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", ["train", "heldout"])
def test_every_topic_of_small_talk_is_said_in_several_ways(language, split):
    counts = Counter(t.fixed["topic"] for t in by_intent(language, split)["chat"])
    assert set(counts) == set(domain.CHAT_TOPICS)
    assert split == "heldout" or min(counts.values()) >= 3


# --- held-out sentences ---------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_training_never_says_a_held_out_sentence(language):
    train = {t.text for t in load(language) if t.split == "train"}
    heldout = {t.text for t in load(language) if t.split == "heldout"}
    assert not train & heldout
    kept_back = {sentence for sentence in reserved(language) if "{" not in sentence}
    said = {turn.user for turn in turns(language, "train", 3000)}
    assert kept_back
    assert not said & kept_back


@pytest.mark.parametrize("language", LANGUAGES)
def test_training_says_no_held_out_sentence_politely_either(language, monkeypatch):
    please = "please" if language == "en" else "请"
    monkeypatch.setattr(sampling, "_wrap", lambda rng, kind, words, language: [please, *words])
    rng = random.Random(8)
    for intent in by_intent(language, "train"):
        for _ in range(60):
            _, (_, *words) = sampling._draw(rng, language, "train", intent)
            assert pattern(words, language) not in reserved(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_sentences_use_trained_words(language):
    def units(split: str) -> set[str]:
        words = chain.from_iterable(t.choice.words() for t in load(language) if t.split == split)
        return set(words) if language == "en" else set("".join(words))

    assert units("heldout") <= units("train")


def test_about_a_seventh_of_the_templates_is_held_out():
    templates = load("en")
    share = sum(t.split == "heldout" for t in templates) / len(templates)
    assert 0.12 <= share <= 0.18
    for intent in by_intent("en", "train"):
        assert len(by_intent("en", "heldout")[intent]) >= 4


@pytest.mark.parametrize(("language", "least"), [("en", 12), ("cmn", 14), ("yue", 14)])
def test_every_intent_has_many_templates(language, least):
    intents = set(domain.INTENTS) - {"reject"}
    table = by_intent(language, "train")
    held = by_intent(language, "heldout")
    assert set(table) == set(held) == intents
    assert {i: len(table[i]) for i in intents if len(table[i]) + len(held[i]) < least} == {}


# --- slots ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_public_value_is_said(language):
    rng = random.Random(3)
    wanted = {
        "light_on": ("room", set(domain.ROOMS)),
        "music": ("genre", set(domain.GENRES)),
        "weather": ("city", set(domain.CITIES)),
        "list": ("item", set(domain.ITEMS)),
        "name": ("name", set(domain.NAMES)),
        "tr_zh": ("phrase", set(domain.PHRASES)),
        "tr_en": ("phrase", set(domain.PHRASES)),
        "light_dim": ("percent", set(range(5, 101))),
        "vol_set": ("percent", set(range(5, 101))),
        "heat": ("degrees", set(range(10, 31))),
        "timer_set": (
            "duration_s",
            {n * size for n in range(1, 61) for size in (1, 60)} | {n * 3600 for n in range(1, 13)},
        ),
    }
    for intent, (slot, values) in wanted.items():
        missing = set(values)
        for _ in range(40000):
            missing -= {sample(rng, language, "train", intent).arguments.get(slot)}
            if not missing:
                break
        assert not missing, (intent, missing)


def test_every_day_and_hour_and_sum_is_said():
    rng = random.Random(3)
    weather = [sample(rng, intent="weather").arguments for _ in range(1500)]
    assert {a["day"] for a in weather} == set(domain.DAYS)
    alarms = [sample(rng, intent="alarm").arguments["time"] for _ in range(6000)]
    assert {int(time[:2]) for time in alarms} == set(range(24))
    assert {int(time[3:]) for time in alarms} == set(range(60))
    sums = [sample(rng, intent="calc").arguments for _ in range(6000)]
    for op, a, b in (("+", 51, 51), ("-", 51, 51), ("*", 13, 13)):
        low = 2 if op == "*" else 1
        assert set(range(low, a)) <= {s["a"] for s in sums if s["op"] == op}
        assert set(range(low, b)) <= {s["b"] for s in sums if s["op"] == op}


# --- the tokenizer --------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", ["train", "heldout"])
def test_no_sentence_loses_a_character(tokenizer, language, split):
    for turn in turns(language, split, 1000):
        for text in (turn.user, turn.reply.replace("<result>", ""), turn.result or ""):
            back = tokenizer.decode(tokenizer.encode(text).ids)
            assert back.replace(" ", "") == text.replace(" ", ""), text
        line = with_intent_token(turn.action)
        back = tokenizer.decode(tokenizer.encode(line).ids, skip_special_tokens=False)
        assert parse(back) == parse(turn.action), line


def test_english_comes_back_with_its_spaces(tokenizer):
    rng = random.Random(6)
    for text in [t.user for t in turns("en", "train", 500)] + [
        reply_sentences(rng) for _ in range(500)
    ]:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_special_tokens_stand_where_the_weights_expect_them(tokenizer):
    names = [*SPECIALS, *(intent_token(name) for name in domain.INTENTS)]
    assert [tokenizer.token_to_id(name) for name in names] == list(range(len(names)))
    assert tokenizer.get_vocab_size() == N_TOKENS == 2048
    assert tokenizer.encode("it is <result>").tokens[-1].strip() == "<result>"
    assert tokenizer.encode("it is <result>").ids[-1] == SPECIALS.index("<result>")


def test_every_letter_and_hanzi_is_a_token(tokenizer):
    vocabulary = tokenizer.get_vocab()
    assert set("abcdefghijklmnopqrstuvwxyz'") | set(hanzi()) <= set(vocabulary)
    word = "zqxjkvbp'wgyfmh"
    assert tokenizer.decode(tokenizer.encode(word).ids) == word


def test_hanzi_can_be_exchanged_without_moving_a_number(tokenizer, tmp_path, monkeypatch):
    copy = tmp_path / "tokenizer.json"
    copy.write_bytes(Path(PATH).read_bytes())
    wanted = ["鑫", *hanzi()[1:]]
    monkeypatch.setattr("training.grammar.tokenizer.hanzi", lambda: wanted)
    assert refill(copy) == [(hanzi()[0], "鑫")]
    changed = Tokenizer.from_file(str(copy)).get_vocab()
    before = tokenizer.get_vocab()
    assert changed.pop("鑫") == before.pop(hanzi()[0])
    assert changed == before


# --- what the talker reads ------------------------------------------------------------------


def test_the_talker_reads_every_word_it_may_have_to_say():
    rng = random.Random(7)
    read = set(" ".join(reply_sentences(rng) for _ in range(12000)).split())
    for turn in turns("en", "train", 1500):
        assert set(turn.spoken_reply.split()) <= read, turn.spoken_reply


def test_an_english_voice_is_told_how_to_read_traps():
    assert pronounce("wake me at seven am") == "wake me at seven a.m."
    assert pronounce("at eight o'clock pm please") == "at eight o'clock p.m. please"
    assert pronounce("i am seven") == "i am seven"
    assert pronounce("in chinese hello is ni hao").endswith("is nee how")
