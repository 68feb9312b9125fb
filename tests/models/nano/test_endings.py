from __future__ import annotations

import pytest

from vivavoce.models.nano.endings import FILE, Endings, words_of


@pytest.mark.parametrize(
    "said",
    [
        "turn on the",
        "turn on the light in the",
        "set a timer for",
        "set a timer for ten",
        "what is seven plus",
        "and",
        "add milk and",
        "what's the weather in",
        "把暖气开到",
        "请设一个",
    ],
)
def test_what_is_broken_off_is_not_done(said):
    assert Endings.shipped().probability(said) < 0.25


@pytest.mark.parametrize(
    "said",
    [
        "turn on the light",
        "turn on the light in the kitchen",
        "set a timer for ten minutes",
        "thank you",
        "tell me a joke",
        "will it rain in paris",
        "倒计时三小时",
        "把暖气开到二十一度",
    ],
)
def test_a_whole_request_is_done(said):
    assert Endings.shipped().probability(said) > 0.6


def test_one_word_that_may_be_all_is_not_taken_for_a_beginning():
    for word in ("stop", "hello", "thanks"):
        probability = Endings.shipped().probability(word)
        assert probability is None or probability >= 0.45


def test_of_words_it_does_not_know_it_says_nothing():
    assert Endings.shipped().probability("xylophone quartet") is None
    assert Endings.shipped().probability("") is None


def test_the_longest_ending_counts():
    table = Endings({("the",): 0.025, ("in", "the"): 0.525, ("^", "in", "the"): 0.925})
    assert table.probability("on the") == 0.025
    assert table.probability("now in the") == 0.525
    assert table.probability("in the") == 0.925


def test_numbers_and_hanzi_are_words():
    assert words_of("set it to twenty five") == ["^", "set", "it", "to", "#", "#"]
    assert words_of("two hundred") == ["^", "#", "#"]
    assert words_of("请开灯") == ["^", "请", "开", "灯"]


def test_a_table_is_the_same_when_read_back():
    shipped = Endings.shipped()
    assert Endings.read(shipped.text()).text() == shipped.text()
    assert len(shipped) > 500
    assert FILE.stat().st_size < 40_000


def test_a_broken_file_is_told():
    with pytest.raises(ValueError, match="not a line of endings"):
        Endings.read("99 the")
