"""Texts the voice learns from and is tested on, their spelling, and the scorer's language model."""

import re
from collections import Counter
from itertools import islice

import pytest
import torch

from training.bigram import arpa
from training.chinese_texts import alphabet, chains, chinese_texts, is_chinese, replies
from training.hanzi_start import parts, start_hanzi
from training.speech_texts import everyday_texts, is_held_out, reply_texts, voice_texts
from training.synthesis import is_reserved
from training.voice_pool import recordings, respelt
from training.voices import OWN_VOICES, trained_together, voices_of
from vivavoce.assistant.skills.wording import JOKES
from vivavoce.models.nano.text import Text


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


@pytest.mark.parametrize("language", ["cmn", "yue"])
def test_no_held_out_chinese_reply_is_trained(language):
    trained = set(islice(chinese_texts(seed=2, language=language), 3000))
    held_out = set(islice(replies(seed=7, language=language, held_out=True), 60))
    assert len(held_out) == 60
    assert not trained & held_out
    assert all(is_chinese(text) for text in trained | held_out)


def test_chains_hold_every_hanzi_equally_often():
    counts = Counter("".join(islice(chains(seed=1), 1200)))
    assert set(alphabet()) == set(counts)
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("voice", OWN_VOICES[1:], ids=lambda voice: voice.name)
def test_every_hanzi_of_a_recording_has_its_time(voice):
    texts = list(islice(chinese_texts(seed=4, language=voice.language), 20))
    texts += ["而家係下晝三點零五分", "好廚房嘅燈開咗", "唔好意思"]
    found = list(recordings(texts, len(texts), voice))
    assert len(found) == len(texts)  # espeak-ng's word events alone miss some
    for words, utterance, spans in found:
        assert all(start < end <= len(utterance.pcm) for start, end in spans)
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
        lengths_s = [(end - start) / 16_000 for start, end in spans]
        assert max(lengths_s) < 0.7, words


def test_homophones_begin_alike_in_the_language_where_they_are():
    text, rows = Text.shipped(), torch.zeros(Text.shipped().vocabulary, 64)
    start_hanzi(rows, text)
    first, second, other = (rows[text.encode_word(hanzi)[0]] for hanzi in "是事好")
    assert parts("X'Au214_|") == ("X", "Au", "214")
    assert torch.equal(first[:32], second[:32])  # shi4 and shi4
    assert torch.equal(first[32:], second[32:])  # si6 and si6
    assert not torch.equal(first, other)


def test_voices_are_found_by_language():
    assert [voice.name for voice in voices_of(["yue", "cmn"])] == ["ling", "mei"]
    with pytest.raises(ValueError, match="no voice for fr: en, cmn, yue"):
        voices_of(["en", "fr"])
    with pytest.raises(ValueError, match="en, yue are trained apart"):
        voices_of(["en", "yue"])
    assert trained_together("talker", ["en", "cmn", "yue"]) == [["en"], ["cmn", "yue"]]
    assert trained_together("joint", ["en", "cmn"]) == [["en", "cmn"]]
    assert not any(is_reserved(voice.recorded) for voice in OWN_VOICES)
