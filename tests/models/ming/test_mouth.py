"""Talker and audio decoder as one stream: pieces, units of text, what was heard."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
import pytest

from vivavoce.models.ming.mouth import Mouth, read_aloud
from vivavoce.models.ming.timeline import Timeline

from .tiny_talker import LIVELY, encode, make_prompt, make_speaker

PIECES = ["the lamp is on,", "and the door is shut.", "nothing else to say"]
FRAME = 480
CHUNK = 6


@dataclass(frozen=True)
class FakeState:
    waiting: tuple[int, ...] = ()
    timeline: Timeline = Timeline()


class FakeDecoder:
    """A code sounds as 480 samples of its own number, six codes at a time."""

    rate_hz = 24_000

    def open(self, voice, seed=0, speed=1.0):
        return FakeState()

    def push(self, codes, state):
        waiting = (*state.waiting, *codes)
        n = len(waiting) // CHUNK * CHUNK
        return self._sound(waiting[:n], replace(state, waiting=waiting[n:]))

    def flush(self, state):
        return self._sound(state.waiting, replace(state, waiting=()))

    def _sound(self, codes, state):
        pcm = np.repeat(np.array(codes, np.float32), FRAME)
        return pcm, replace(state, timeline=state.timeline.plus(len(codes), len(codes), FRAME))


@pytest.fixture
def mouth():
    return Mouth(make_speaker(max_tokens=200), FakeDecoder())


@pytest.fixture
def ready(mouth):
    return mouth.prepare(make_prompt())


def finish(mouth, state):
    deltas = []
    while not state.idle:
        more, state = mouth.step(state)
        deltas += more
    return deltas, state


def say(mouth, ready, pieces, chance=None):
    """All pieces at once, or letter by letter between steps."""
    state, deltas = mouth.begin(ready, sampling=LIVELY), []
    for piece in pieces:
        for number in encode(piece):
            state = mouth.feed([number], state)
            for _ in range(chance.randint(0, 2) if chance else 0):
                more, state = mouth.step(state)
                deltas += more
        state = mouth.close(state)
    rest, state = finish(mouth, state)
    return deltas + rest, state


def sound(deltas):
    return np.concatenate([delta.pcm for delta in deltas])


def test_sound_does_not_depend_on_when_text_comes(mouth, ready):
    whole, _ = say(mouth, ready, PIECES)
    assert len(sound(whole)) > 20 * FRAME
    for seed in range(3):
        slow, _ = say(mouth, ready, PIECES, random.Random(seed))
        np.testing.assert_array_equal(sound(slow), sound(whole))


def test_all_that_was_said_is_heard(mouth, ready):
    deltas, state = say(mouth, ready, PIECES)
    n_codes = sum(utterance.n_codes for utterance in state.utterances)
    assert len(sound(deltas)) == state.n_samples == n_codes * FRAME
    assert len(state.utterances) == len(PIECES)


def test_sound_comes_before_the_text_is_complete(mouth, ready):
    state, deltas = mouth.begin(ready, sampling=LIVELY), []
    state = mouth.close(mouth.feed(encode(PIECES[0]), state))
    while not deltas:
        deltas, state = mouth.step(state)
    assert not state.idle


def test_units_count_over_the_whole_reply_and_go_forward(mouth, ready):
    deltas, _ = say(mouth, ready, PIECES)
    units = [delta.token_index for delta in deltas]
    assert units == sorted(units)
    n_first = len(PIECES[0])
    assert units[0] < n_first and n_first + len(PIECES[1]) <= units[-1] < len("".join(PIECES))


def test_what_is_heard_grows_to_the_whole_text(mouth, ready):
    _, state = say(mouth, ready, PIECES)
    heard = [mouth.heard(n, state) for n in range(0, state.n_samples + 1, FRAME // 2)]
    assert heard == sorted(heard)
    assert heard[0] == 0
    if all(u.alignment.n_codes is not None for u in state.utterances):
        assert heard[-1] == len("".join(PIECES))
    ends = np.cumsum([u.n_codes for u in state.utterances]) * FRAME
    assert mouth.heard(int(ends[0]), state) == len(PIECES[0])


def test_units_may_be_the_callers_own(mouth, ready):
    state = mouth.feed(encode(PIECES[0]), mouth.begin(ready, sampling=LIVELY), lengths=[3, 0.5])
    _, state = finish(mouth, mouth.close(state))
    assert mouth.heard(state.n_samples, state) in (1, 2)
    assert state.utterances[0].alignment.ends == (3, 3.5)


def test_a_kept_state_can_be_returned_to(mouth, ready):
    state = mouth.begin(ready, sampling=LIVELY)
    for piece in PIECES[:2]:
        state = mouth.close(mouth.feed(encode(piece), state))
    for _ in range(9):
        _, state = mouth.step(state)
    first, _ = finish(mouth, state)
    other = mouth.close(mouth.feed(encode("something else"), state))
    finish(mouth, other)
    np.testing.assert_array_equal(sound(finish(mouth, state)[0]), sound(first))


def test_a_reply_knows_nothing_of_an_earlier_one(mouth, ready):
    before, _ = say(mouth, ready, PIECES)
    say(mouth, ready, ["something else"])
    np.testing.assert_array_equal(sound(say(mouth, ready, PIECES)[0]), sound(before))


def test_utterances_do_not_repeat_each_others_chances(mouth, ready):
    _, state = say(mouth, ready, ["the lamp is on"] * 2)
    first, second = state.utterances
    assert (first.n_codes, first.alignment) != (second.n_codes, second.alignment)


def test_a_piece_of_nothing_is_passed_over(mouth, ready):
    state = mouth.close(mouth.close(mouth.begin(ready, sampling=LIVELY)))
    assert mouth.step(state)[0] == []
    deltas, state = say(mouth, ready, ["", PIECES[0], ""])
    assert len(state.utterances) == 1
    assert deltas


def test_a_starved_reply_can_be_flushed(mouth, ready):
    state, deltas = mouth.begin(ready, sampling=LIVELY), []
    state = mouth.feed(encode("the lamp is on, and the door"), state)
    while not state.wants_text:
        more, state = mouth.step(state)
        deltas += more
    more, state = mouth.flush(state)
    n_codes = state.utterances[0].n_codes
    assert sum(len(d.pcm) for d in deltas + more) == n_codes * FRAME


def test_a_decoder_of_whole_pieces_is_flushed_after_each():
    mouth = Mouth(make_speaker(max_tokens=200), FakeDecoder(), whole_pieces=True)
    state, after = mouth.begin(mouth.prepare(make_prompt()), sampling=LIVELY), []
    for piece in PIECES:
        state = mouth.close(mouth.feed(encode(piece), state))
    while not state.idle:
        n_begun = len(state.utterances)
        _, state = mouth.step(state)
        if n_begun and len(state.utterances) > n_begun:
            after.append(state.n_samples == sum(u.n_codes for u in state.utterances) * FRAME)
    assert after == [True, True]


def test_more_than_was_spoken_cannot_be_heard(mouth, ready):
    _, state = say(mouth, ready, PIECES[:1])
    with pytest.raises(ValueError, match="beyond"):
        mouth.heard(state.n_samples + 1, state)


def test_plain_text_is_read_aloud(mouth, ready):
    deltas = list(read_aloud(mouth, ready, PIECES, LIVELY))
    np.testing.assert_array_equal(sound(deltas), sound(say(mouth, ready, PIECES)[0]))
