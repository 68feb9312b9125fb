"""How the benchmark of turn ends counts, on sounds whose ends are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.endpoint.measuring import ModelOpinions, hold, opinions_of
from benchmarks.endpoint.turns import RATE_HZ, Habit, PausedTurn, paused_turns
from tests.streaming.sounds import silence, vowel
from vivavoce.models.dialogue import Heard
from vivavoce.streaming.endpoint import EndpointSettings
from vivavoce.streaming.patience import BOUNDS, Patience

PAUSE_S = 0.45


def turn() -> PausedTurn:
    """A sound, a pause, another sound, and silence."""
    pcm = np.concatenate([silence(0.6), vowel(0.8), silence(PAUSE_S), vowel(0.8), silence(3.0)])
    at, n = round(1.4 * RATE_HZ), round(PAUSE_S * RATE_HZ)
    return PausedTurn(pcm, "a and b", at + n + round(0.8 * RATE_HZ), ((at, n, "a"),))


def by_silence(silence_ms: int):
    settings = EndpointSettings(silence_ms=silence_ms)
    return hold([turn(), turn()], Patience("silence"), settings, "webrtc", lambda turn, at: None)


def test_a_silence_shorter_than_the_pause_cuts_and_a_longer_one_waits():
    short, long = by_silence(250), by_silence(700)
    assert (short.n, short.cut, short.cuts_per_100) == (2, ["a and b"] * 2, 100.0)
    assert (long.cut, long.missed) == ([], 0)
    assert 700 <= long.delay_ms(50) <= 850


def test_a_turn_without_an_end_is_counted_as_such():
    endless = hold(
        [turn()],
        Patience("silence"),
        EndpointSettings(silence_ms=4000),
        "webrtc",
        lambda turn, at: None,
    )
    assert (endless.missed, endless.cuts_per_100) == (1, 0.0)
    assert np.isnan(endless.delay_ms(50))


def test_the_right_opinion_spares_the_cut_and_shortens_the_wait():
    def right(turn: PausedTurn, at: int) -> float:
        return 1.0 if at >= turn.end else 0.0

    settings, patience = EndpointSettings(), Patience("semantic", learn_pauses=False)
    told = hold([turn()], patience, settings, "webrtc", right)
    wrong = hold([turn()], patience, settings, "webrtc", lambda turn, at: 1 - right(turn, at))
    assert told.cut == []
    assert told.delay_ms(50) == pytest.approx(BOUNDS["auto"].early, abs=120)
    assert wrong.cut == ["a and b"]


def test_opinions_are_asked_once_at_every_soft_end():
    asked: list[int] = []

    class Model:
        def open(self):
            return self

        def listen(self, pcm):
            asked.append(len(pcm))

        def reply(self):
            yield Heard("a", "en", 0.7 if asked[-1] > turn_.end else None)

    turn_ = turn()
    opinions = ModelOpinions(Model())  # type: ignore[arg-type]
    assert opinions_of([turn_], opinions) == ([0.7], [0.5])
    assert opinions_of([turn_], opinions) == ([0.7], [0.5])
    assert asked == [turn_.end + RATE_HZ // 5, turn_.pauses[0][0] + RATE_HZ // 5]


def test_pauses_stand_between_words_and_are_silent():
    for spoken in paused_turns(3, Habit(noise_db=80.0), 1):
        words = spoken.text.split()
        assert len(spoken.pcm) - spoken.end == 3 * RATE_HZ
        for at, n, before in spoken.pauses:
            assert 100 <= 1000 * n / RATE_HZ <= 400
            assert before.split()[0] == words[0]
            assert at + n < spoken.end
            assert np.abs(spoken.pcm[at : at + n]).max() < 0.001
            assert np.abs(spoken.pcm[at - 2400 : at]).max() > 0.01
