"""Texts the voice learns from and is tested on, their spelling, and the scorer's language model."""

import re
from itertools import islice

import pytest

from training.bigram import arpa
from training.speech_texts import everyday_texts, is_held_out, reply_texts, voice_texts
from training.voice_pool import respelt
from vivavoce.assistant.skills.wording import JOKES


def test_no_held_out_text_is_trained():
    trained = set(islice(voice_texts(seed=2), 5000))
    held_out = set(islice(reply_texts(seed=7, held_out=True), 200))
    assert len(held_out) == 200
    assert not trained & held_out
    assert not {f"i said {text}" for text in held_out} & trained


def test_replies_that_never_change_are_trained():
    trained = set(islice(reply_texts(seed=2), 5000))
    assert {"hello how can i help you", "sorry i did not get that", *JOKES} <= trained


def test_texts_do_not_repeat_and_the_seed_decides():
    first, again, other = (list(islice(everyday_texts(s), 300)) for s in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 300


@pytest.mark.parametrize("source", [everyday_texts, reply_texts])
def test_texts_are_lower_case_words_as_the_model_writes_them(source):
    for text in islice(source(seed=3), 500):
        assert re.fullmatch(r"[a-z']+( [a-z']+)*", text), text


def test_about_one_text_in_sixteen_is_held_out():
    texts = [f"timer set for {i}" + " minutes ten" for i in range(2000)]
    assert 80 < sum(map(is_held_out, texts)) < 180


@pytest.mark.parametrize("text", ["in xian it is sunny", "hangzhou", "it is seven am"])
def test_respelling_keeps_the_number_of_words(text):
    assert len(respelt(text).split()) == len(text.split())


def test_bigram_probabilities_of_a_history_sum_to_one():
    model = arpa([["a", "b"], ["a", "c"], ["a", "b", "c"]])
    unigrams, pairs = {}, {}
    for line in model.splitlines():
        fields = line.split("\t")
        if len(fields) == 3 and fields[1] in "a b c </s> <s>".split():
            if re.fullmatch(r"-?[\d.]+", fields[2]):
                unigrams[fields[1]] = (10 ** float(fields[0]), 10 ** float(fields[2]))
            else:
                pairs[tuple(fields[1:])] = 10 ** float(fields[0])
    words = ["a", "b", "c", "</s>"]
    assert sum(unigrams[w][0] for w in words) == pytest.approx(1, abs=1e-3)
    for before in ["<s>", "a", "b", "c"]:
        weight = unigrams[before][1]
        total = sum(pairs.get((before, w), weight * unigrams[w][0]) for w in words)
        assert total == pytest.approx(1, abs=1e-3)
