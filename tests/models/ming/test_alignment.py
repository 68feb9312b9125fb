"""Which word is heard: lengths of text, tempo, and the division of a finished utterance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.models.ming.alignment import Alignment, Tempo, syllables
from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.voice import WordAudio

EVEN = Tempo(n_codes=100, n_syllables=10)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("你好", 2),
        ("你好。", 3.5),
        ("cat", 1),
        ("cat, dog", 2.5),
        ("12", 2),
        ("<>  ", 0),
        ("\ufffd", 0.5),
    ],
)
def test_text_has_a_length_in_syllables(text, length):
    assert syllables(text) == pytest.approx(length)


def test_while_it_is_made_words_follow_at_the_voices_tempo():
    alignment = Alignment(EVEN).add([1, 2, 1])
    assert [alignment.token_at(code) for code in (0, 9, 10, 29, 30, 500)] == [0, 0, 1, 1, 2, 2]
    assert [alignment.heard(n) for n in (0, 9, 10, 29, 30, 500)] == [0, 0, 1, 1, 2, 2]


def test_a_finished_utterance_is_divided_over_its_text():
    alignment = Alignment(EVEN).add([1, 2, 1]).finish(80)
    assert [alignment.token_at(code) for code in (0, 19, 20, 59, 60, 79)] == [0, 0, 1, 1, 2, 2]
    assert [alignment.heard(n) for n in (19, 20, 60, 79, 80)] == [0, 1, 2, 2, 3]


def test_the_last_word_is_not_heard_before_the_end():
    alignment = Alignment(EVEN).add([1])
    assert alignment.heard(1000) == 0
    assert alignment.finish(1000).heard(1000) == 1


def test_marks_without_length_are_heard_with_the_word_before():
    alignment = Alignment(EVEN).add([1, 0, 1]).finish(20)
    assert alignment.heard(10) == 2


def test_a_finished_utterance_teaches_the_tempo():
    slow = Alignment(EVEN).add([5, 5]).finish(300)
    assert slow.learned() == Tempo(400, 20)
    assert Alignment(EVEN).add([5]).learned() == EVEN


def test_a_tempo_stays_within_what_a_voice_can_do():
    assert Tempo(1, 100).codes_a_syllable == 4
    assert Tempo(1000, 1).codes_a_syllable == 30


def test_no_text_is_no_trouble():
    alignment = Alignment(EVEN)
    assert (alignment.token_at(5), alignment.heard(5), alignment.finish(0).heard(0)) == (0, 0, 0)


@given(
    st.lists(st.floats(0, 5), max_size=12), st.integers(0, 400), st.one_of(st.none(), st.just(300))
)
def test_time_only_goes_forward(lengths, code, total):
    alignment = Alignment(EVEN, n_codes=total).add(lengths)
    assert alignment.token_at(code) <= alignment.token_at(code + 1)
    assert alignment.heard(code) <= alignment.heard(code + 1) <= len(lengths)
    if lengths:
        assert alignment.heard(code) <= alignment.token_at(code) + 1


SENTENCES = [
    "the lamp in the kitchen is on now",
    "the temperature in the living room is twenty one degrees",
    "i could not find that device please say it again",
    "tomorrow will be sunny with a high of eighteen degrees",
]


def word_ends_s(voice, words):
    """Where a voice that knows it ends each word, in seconds."""
    ends, n_samples = {}, 0
    for part in voice.speak(iter(words), seed=1):
        if isinstance(part, WordAudio):
            n_samples += len(part.pcm)
            ends[part.index] = n_samples / voice.rate_hz
    return [ends[i] for i in range(len(words))]


def test_it_is_close_for_a_voice_whose_word_ends_are_known():
    voice, errors = NanoModel.load().voice, []
    for sentence in SENTENCES:
        words = sentence.split()
        true = word_ends_s(voice, words)
        n_codes = round(true[-1] * 50)
        alignment = Alignment(EVEN).add(syllables(word) for word in words).finish(n_codes)
        heard = [alignment.heard(n) for n in range(n_codes + 1)]
        ours = [heard.index(i + 1) / 50 for i in range(len(words))]
        errors += [abs(a - b) for a, b in zip(ours[:-1], true[:-1], strict=True)]
    assert np.median(errors) < 0.2
    assert np.quantile(errors, 0.9) < 0.8
