"""Shards of spoken turns: what is written can be read, also as earlier versions wrote it."""

from __future__ import annotations

import ctypes.util
import itertools
import json
import random

import numpy as np
import pytest

from training import loop
from training.phones import phone_classes
from training.speech_pool import endless, make_shard, pool_folder, read_shard
from training.synthesis import EspeakVoice, mixed

needs_espeak = pytest.mark.skipif(
    not (ctypes.util.find_library("espeak-ng") and ctypes.util.find_library("flite")),
    reason="needs the libraries espeak-ng and flite",
)


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv(loop.RUNS_VARIABLE, str(tmp_path))


def written(language, *rows):
    """A shard of a hundred samples a turn, without phones."""
    folder = pool_folder("train", language)
    folder.mkdir(parents=True)
    path = folder / "00000.json"
    shape = {"n": 100, "n_phones": 0, "labelled": True, "history": []}
    path.write_text(json.dumps([shape | row for row in rows]), encoding="utf-8")
    samples = np.repeat(np.arange(len(rows), dtype=np.int16), 100)
    np.save(path.with_suffix(".audio.npy"), samples)
    np.save(path.with_suffix(".phones.npy"), np.zeros((2, 0), np.int32))
    return read_shard(path, language)


def test_rows_without_a_language_are_in_the_folders():
    before = ["抛硬币", "coin", "是<result>"]
    (turn,) = written("cmn", {"turn": ["再来一次", "coin", "是<result>"], "history": [before]})
    assert turn.words == ("再来一次", "coin", "是<result>", "cmn")
    assert turn.history == [[*before, "cmn"]]


def test_earlier_turns_keep_the_language_they_were_in():
    before = ["flip a coin", "coin", "it is <result>", "en"]
    (turn,) = written("cmn", {"turn": ["再来一次", "coin", "是<result>"], "history": [before]})
    assert turn.history == [before]


def test_recordings_that_mean_something_else_by_now_are_left_out():
    old = {"turn": ["i am hungry", "reject", "sorry i did not get that"]}
    new = {"turn": ["i am hungry", "chat hungry", "<result>"]}
    turns = written("en", old, new)
    assert [turn.action for turn in turns] == ["chat hungry"]
    assert set(turns[0].pcm) == {1}, "the sound of the row that was kept"


@needs_espeak
@pytest.mark.parametrize("language", ["en", "yue"])
def test_what_is_written_can_be_read(language):
    make_shard("train", language, 0, size=12, follow_up_share=0.9)
    turns = read_shard(pool_folder("train", language) / "00000.json", language)
    assert len(turns) == 12
    for turn in turns:
        assert len(turn.pcm) > 1600 and turn.user
        assert all(len(earlier) == 4 for earlier in turn.history)


@needs_espeak
def test_english_words_in_a_chinese_sentence_have_english_phones():
    pcm, phones = mixed.speak("打開 kitchen 嘅燈", EspeakVoice("sit/yue+f3"), "yue")
    languages = [of for _, _, of in phones]
    first, last = languages.index("en"), len(languages) - languages[::-1].index("en")
    assert set(languages[:first]) == set(languages[last:]) == {"yue"}
    assert set(languages[first:last]) == {"en"}
    named = [f"{of}:{name}" for _, name, of in phones if of == "en" and name.strip("_:")]
    assert "en:tS" in named and set(named) <= set(phone_classes())
    starts = [start for start, _, _ in phones]
    assert starts == sorted(starts) and starts[-1] <= len(pcm)
    assert 0.5 * 16_000 < len(pcm) < 3 * 16_000


def test_only_chinese_with_latin_letters_is_mixed():
    assert mixed.is_mixed("打開 kitchen 嘅燈", "yue")
    assert not mixed.is_mixed("打開廚房嘅燈", "yue")
    assert not mixed.is_mixed("turn on the light", "en")


@needs_espeak
def test_every_block_of_shards_has_every_language():
    for language, n in (("en", 3), ("cmn", 1)):
        for index in range(n):
            make_shard("train", language, index, size=2)
    blocks = endless("train", ["en", "cmn"], random.Random(0), blocks=3)
    for block in itertools.islice(blocks, 6):
        assert {turn.language for turn in block} == {"en", "cmn"}
        assert len(block) == 6
