from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import cut, human, noise, silence
from vivavoce.streaming.vad import Vad, VadState, Voicing, make_vad, silero_available
from vivavoce.streaming.vad_pair import WARM_UP_SAMPLES, VadPair

SOUND = np.concatenate([noise(0.7, -60), human(), silence(0.5), human()[:16_000]])


class Counter:
    """A detector of `size` samples a frame, whose answer is the mean of the frame."""

    def __init__(self, kind: str, size: int) -> None:
        self.kind, self.frame_samples = kind, size
        self.reset()

    @property
    def position(self) -> int:
        return self._position

    def feed(self, pcm):
        self._waiting = np.concatenate((self._waiting, pcm))
        answers = []
        while len(self._waiting) >= self.frame_samples:
            frame, self._waiting = np.split(self._waiting, [self.frame_samples])
            end = self._position + self.frame_samples
            answers.append(Voicing(self._position, end, float(frame.mean()), -20.0))
            self._position = end
        return answers

    def snapshot(self):
        return VadState(self.kind, self._position, self._waiting.copy(), None)

    def restore(self, state) -> None:
        self._position, self._waiting = state.position, state.waiting.copy()

    def reset(self) -> None:
        self._position, self._waiting = 0, np.zeros(0, np.float32)


def counters() -> VadPair:
    light: Vad = Counter("light", 160)
    strict: Vad = Counter("strict", 512)
    return VadPair(light, strict)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), min_size=1, max_size=20))
def test_answers_follow_on_each_other_however_often_the_choice_changes(steps) -> None:
    pair, fed = counters(), 0
    answers: list[Voicing] = []
    ramp = np.arange(sum(n for n, _ in steps) + 4000, dtype=np.float32)
    for n, strict in steps:
        pair.choose(strict)
        answers += pair.feed(ramp[fed : fed + n])
        fed += n
        assert fed - pair.position < pair.frame_samples or not answers
    pair.choose(False)
    answers += pair.feed(ramp[fed : fed + 1000])
    ends = [0, *(answer.end for answer in answers)]
    assert [answer.start for answer in answers] == ends[:-1]
    assert fed + 1000 - pair.position < 160
    for answer in answers:
        if answer.end - answer.start in (160, 512):  # whole frames hold the samples they name
            assert answer.probability == pytest.approx((answer.start + answer.end - 1) / 2)


def test_a_pair_that_nobody_asks_to_be_strict_is_its_light_one() -> None:
    pair = counters()
    alone = Counter("light", 160)
    for piece in cut(SOUND, [333, 1, 1000]):
        assert pair.feed(piece) == alone.feed(piece)
    assert pair.kind == "light"


def test_a_state_put_back_goes_on_as_if_it_had_never_left() -> None:
    pair = counters()
    pair.feed(SOUND[:20_000])
    pair.choose(True)
    pair.feed(SOUND[20_000:30_001])
    state = pair.snapshot()

    def rest() -> list[Voicing]:
        answers = pair.feed(SOUND[30_001:40_000])
        pair.choose(False)
        return answers + pair.feed(SOUND[40_000:])

    expected = rest()
    pair.restore(state)
    assert pair.kind == "strict"
    assert rest() == expected
    pair.reset()
    assert (pair.kind, pair.position) == ("light", 0)
    with pytest.raises(ValueError, match="light state"):
        pair.restore(Counter("light", 160).snapshot())


@pytest.mark.skipif(not silero_available(), reason="the extra [silero] is not installed")
def test_the_strict_one_is_warm_when_it_takes_over() -> None:
    """In mid-speech its first answers are those of one that has listened all along."""
    at = 160 * 190  # 1.9 s: the man is speaking
    pair, alone = VadPair(make_vad("webrtc"), make_vad("silero")), make_vad("silero")
    before = at % 512
    alone.feed(SOUND[before:at])
    expected = [v.probability for v in alone.feed(SOUND[at : at + 5120])]
    pair.feed(SOUND[:at])
    pair.choose(True)
    got = [v.probability for v in pair.feed(SOUND[at : at + 5120])]
    assert len(got) == len(expected) == 10
    assert WARM_UP_SAMPLES % 512 == 0
    assert np.abs(np.array(got) - expected).max() < 0.1
