from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.streaming.endpoint import LONGEST_SILENCE_MS, SHORTEST_SILENCE_MS, EndpointSettings
from vivavoce.streaming.patience import AFTER_QUESTION, BOUNDS, Patience
from vivavoce.streaming.pauses import Pauses

SEMANTIC = Patience("semantic")
PROBABILITY = st.none() | st.floats(0, 1)
PAUSES = st.lists(st.integers(0, 5000), min_size=20, max_size=20).map(lambda x: Pauses(tuple(x)))
EAGERNESS = st.sampled_from(["low", "medium", "high", "auto"])


def test_by_silence_nothing_else_counts() -> None:
    by_silence = Patience("silence", "low")
    hesitant = Pauses((2000,) * 20)
    assert by_silence.silence_ms(700, complete=0.99, pauses=hesitant, asked=True) == 700


def test_what_sounds_finished_ends_early_and_what_does_not_ends_late() -> None:
    bounds = BOUNDS["medium"]
    assert SEMANTIC.silence_ms(500, complete=1.0) == bounds.early
    assert SEMANTIC.silence_ms(500, complete=0.0) == bounds.late
    assert SEMANTIC.silence_ms(500) == bounds.usual
    assert bounds.early <= 350
    assert bounds.late >= 1200


def test_after_a_question_it_waits_longer() -> None:
    for complete in (None, 0.0):
        asked = SEMANTIC.silence_ms(500, complete, asked=True)
        assert asked == pytest.approx(AFTER_QUESTION * SEMANTIC.silence_ms(500, complete), abs=1)
    assert SEMANTIC.silence_ms(500, 0.6, asked=True) > SEMANTIC.silence_ms(500, 0.6)
    assert SEMANTIC.silence_ms(500, 1.0, asked=True) == BOUNDS["auto"].early


def test_learnt_pauses_can_be_switched_off() -> None:
    hesitant = Pauses((1000,) * 20)
    assert SEMANTIC.silence_ms(500, pauses=hesitant) > BOUNDS["auto"].usual
    deaf = Patience("semantic", learn_pauses=False)
    assert deaf.silence_ms(500, pauses=hesitant) == BOUNDS["auto"].usual


def test_the_eager_wait_less_whatever_was_said() -> None:
    for complete in (None, 0.0, 0.3, 0.5, 0.8, 1.0):
        waits = [
            Patience("semantic", eagerness).silence_ms(500, complete)
            for eagerness in ("high", "medium", "low")
        ]
        assert waits == sorted(waits)
        assert waits[0] < waits[2]


@given(PROBABILITY, PAUSES, st.booleans(), EAGERNESS, st.booleans())
def test_the_silence_can_always_be_served(complete, pauses, asked, eagerness, learn) -> None:
    patience = Patience("semantic", eagerness, learn)
    silence_ms = patience.silence_ms(500, complete, pauses, asked)
    assert SHORTEST_SILENCE_MS <= silence_ms <= LONGEST_SILENCE_MS
    EndpointSettings(silence_ms=silence_ms)


@given(st.floats(0, 1), st.floats(0, 1), PAUSES, EAGERNESS)
def test_the_surer_the_model_the_sooner_the_end(one, other, pauses, eagerness) -> None:
    patience = Patience("semantic", eagerness)
    low, high = sorted((one, other))
    assert patience.silence_ms(500, high, pauses) <= patience.silence_ms(500, low, pauses)
