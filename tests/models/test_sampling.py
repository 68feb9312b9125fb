"""Choosing tokens: greedy, top-k, top-p, no phrase twice, where to stop."""

from __future__ import annotations

from collections import Counter

import torch
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.models.dialogue import Sampling
from vivavoce.models.layers.sampling import TextDecoding, choose, without_repeats

LOGITS = torch.tensor([0.50, 0.25, 0.15, 0.10]).log()


def drawn(sampling: Sampling, n: int = 400) -> Counter[int]:
    return Counter(choose(LOGITS, sampling, draw) for draw in range(n))


def test_without_temperature_the_best_is_chosen() -> None:
    assert drawn(Sampling(temperature=0), 5) == {0: 5}


def test_top_k_keeps_the_k_best() -> None:
    assert set(drawn(Sampling(temperature=1, top_k=2))) == {0, 1}


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    assert set(drawn(Sampling(temperature=1, top_p=0.74))) == {0, 1}
    assert set(drawn(Sampling(temperature=1, top_p=0.76))) == {0, 1, 2}
    assert set(drawn(Sampling(temperature=1, top_p=1e-6), 20)) == {0}


def test_tokens_come_as_often_as_their_chances_say() -> None:
    counts = drawn(Sampling(temperature=1), 4000)
    for token, chance in enumerate(LOGITS.exp().tolist()):
        assert abs(counts[token] / 4000 - chance) < 0.04  # five standard deviations
    cold = drawn(Sampling(temperature=0.5), 4000)  # chances squared and renormalised
    assert abs(cold[0] / 4000 - 0.25 / 0.345) < 0.04


def test_seed_and_draw_decide_the_choice() -> None:
    first, other = Sampling(temperature=1, seed=1), Sampling(temperature=1, seed=2)
    runs = [[choose(LOGITS, s, draw) for draw in range(50)] for s in (first, first, other)]
    assert runs[0] == runs[1] != runs[2]


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_what_is_forbidden_is_exactly_what_would_repeat(before: list[int], n: int) -> None:
    left = without_repeats(LOGITS, before, n)
    said = {tuple(before[i : i + n]) for i in range(len(before) - n + 1)}
    for token in range(4):
        longer = [*before, token]
        repeats = len(longer) >= n and tuple(longer[-n:]) in said
        assert bool(torch.isinf(left[token])) == repeats


def test_a_text_says_no_phrase_twice_and_ends_at_a_stop_token() -> None:
    decoding = TextDecoding(stop_ids=frozenset({3}), no_repeat_ngram=2)
    text: list[int] = []
    while (token := decoding.next_token(LOGITS, text)) is not None:
        text.append(token)
    assert text == [0, 0, 1, 0, 2, 0]  # every pair once, the best first, until only 3 was left
    pairs = list(zip(text, text[1:], strict=False))
    assert len(pairs) == len(set(pairs))
