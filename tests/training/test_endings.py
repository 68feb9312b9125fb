"""How the table of endings is counted, on a language of four sentences."""

from __future__ import annotations

import pytest

from training.grammar.endings import count, score, sentences, separation, table_of
from vivavoce.models.nano.endings import Endings

SAID = ["turn on the light", "turn on the light now", "stop", "stop the light"] * 20


def test_ends_and_places_within_weigh_the_same():
    counts = count(SAID)
    assert counts[("light",)] == pytest.approx((40, 40 + 20 / 4))
    assert counts[("^", "stop")] == pytest.approx((20, 20 + 20 / 2))
    assert counts[("the",)][0] == 0


def test_only_endings_that_say_something_else_are_kept():
    table = table_of(count(SAID))
    assert table.probability("on the") < 0.1
    assert table.probability("the light") > 0.8
    assert len(table) < len(count(SAID)) / 2


def test_separation_is_the_share_of_pairs_in_order():
    assert separation([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert separation([0.5], [0.5]) == 0.5
    assert separation([0.1, 0.9], [0.5]) == 0.5


@pytest.mark.parametrize(("split", "least"), [("train", 0.92), ("heldout", 0.90)])
def test_the_shipped_table_tells_whole_from_broken_off(split, least):
    """docs/nano.md says 0.95 and 0.93 of 4000 sentences; 600 scatter by 0.015."""
    assert score(Endings.shipped(), sentences(600, "en", split, 3)) >= least
