"""The talker as a stream of words in and codes out."""

import random

import pytest
import torch

from vivavoce.models.dialogue import Sampling
from vivavoce.models.nano.talker import Talker, TalkerConfig, make_word

CONFIG = TalkerConfig(
    vocabulary=30, n_codes=16, dim=16, n_heads=2, n_layers=2, hidden=24, window=12, max_word_codes=9
)
LIVELY = Sampling(temperature=1.0, top_k=10)


@pytest.fixture
def talker():
    torch.manual_seed(3)
    return Talker(CONFIG).eval().requires_grad_(False)


def reply(n, seed=0):
    rng = random.Random(seed)
    lengths = [rng.randint(1, 3) for _ in range(n)]
    return [make_word([rng.randrange(1, 30) for _ in range(k)], 2, CONFIG) for k in lengths]


def speak(talker, words, seed=0, patience=0):
    """All codes of a reply; each word comes when wanted, or `patience` words early."""
    state, said, words = talker.initial(seed), [], list(words)
    while not state.finished:
        while words and (state.wants_word or len(state.words) < state.word + patience):
            state = talker.add_word(words.pop(0), state)
        if not words and not state.ended:
            state = talker.end(state)
        spoken, state = talker.step(state, LIVELY)
        if spoken:
            said.append(spoken)
    return said


def test_speech_does_not_depend_on_when_words_arrive(talker):
    words = reply(6)
    late, early, at_once = (speak(talker, words, patience=p) for p in (0, 3, 100))
    assert late == early == at_once


def test_every_word_is_spoken_once_and_in_order(talker):
    said = speak(talker, reply(6))
    numbers = [spoken.word for spoken in said]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(6))


def test_no_word_is_longer_than_its_cap(talker):
    said = speak(talker, reply(8, seed=2))
    for word in range(8):
        assert 1 <= sum(spoken.word == word for spoken in said) <= CONFIG.max_word_codes


def test_speech_starts_with_the_second_word_or_the_end(talker):
    first, second = reply(2)
    state = talker.add_word(first, talker.initial())
    assert talker.step(state, LIVELY)[0] is None
    assert talker.step(talker.add_word(second, state), LIVELY)[0] is not None
    assert talker.step(talker.end(state), LIVELY)[0] is not None


def test_an_empty_reply_is_finished_at_once(talker):
    state = talker.end(talker.initial())
    assert state.finished
    assert talker.step(state) == (None, state)


def test_a_kept_state_can_be_returned_to(talker):
    words = reply(5)
    state = talker.initial()
    for word in words:
        state = talker.add_word(word, state)
    for _ in range(7):
        _, state = talker.step(state, LIVELY)
    kept = talker.end(state)

    def rest(state):
        codes = []
        while not state.finished:
            spoken, state = talker.step(state, LIVELY)
            codes.append(spoken)
        return codes

    first = rest(kept)
    other = talker.step(talker.add_word(words[0], state), LIVELY)[1]
    for _ in range(20):
        other = talker.step(other, LIVELY)[1]
    assert rest(kept) == first


def test_a_fresh_state_knows_nothing_of_an_earlier_reply(talker):
    before = speak(talker, reply(4))
    speak(talker, reply(5, seed=9))
    assert speak(talker, reply(4)) == before


def test_the_seed_decides(talker):
    runs = [speak(talker, reply(6), seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_no_word_can_follow_the_end(talker):
    with pytest.raises(ValueError, match="ended"):
        talker.add_word(reply(1)[0], talker.end(talker.initial()))
