"""Cutting a reply as it is written: chunkings, snapshots, numbers that arrive in halves."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.models.ming.english import spelled
from vivavoce.models.ming.normalizer import normalize
from vivavoce.models.ming.sentences import (
    EAGER,
    REFERENCE,
    Cutting,
    Pace,
    cut,
    cut_text,
    finish,
    spoken_pieces,
)

REPLIES = [
    "今天是2025年8月5日，气温23.5℃。明天9:30有会，电话13812345678。",
    "杭州的天气今天非常好，适合出门散步，也适合去西湖边喝茶。\n明天可能会下雨，请记得带伞！",
    "Hello there, my name is Luna. It costs $3.14, or 2,500 yen at 10:45. Is that fine?",
    "我用Python写了3个程序……一共1,234行！\n\n- 第一\n- 第二",
    "没有标点的一段很长的话它一直写下去直到没有人知道它在说什么为止",
    "words without any mark that go on and on and on until nobody knows what they are about",
]
PACES = [REFERENCE, EAGER, Pace(first=3, later=6, longest_first=12, longest=20)]


def spoken_as(chunks, pace):
    pieces, state = [], Cutting()
    for chunk in chunks:
        more, state = cut(chunk, state, pace)
        pieces += more
    return [*pieces, *finish(state)]


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("reply", REPLIES)
def test_any_chunking_gives_the_same_pieces(reply, pace):
    whole = spoken_as([reply], pace)
    assert "".join(piece.raw for piece in whole) == reply
    for seed in range(5):
        rng = random.Random(seed)
        cuts = sorted(rng.sample(range(1, len(reply)), 6))
        chunks = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
        assert spoken_as(chunks, pace) == whole
    assert spoken_as(reply, pace) == whole


@given(st.text(alphabet="一天个年3.5:-,，。! \nab¥%…", max_size=40), st.data())
def test_any_text_in_any_two_halves(text, data):
    half = data.draw(st.integers(0, len(text)))
    for pace in PACES:
        whole = spoken_as([text], pace)
        assert "".join(piece.raw for piece in whole) == text
        assert spoken_as([text[:half], text[half:]], pace) == whole


@pytest.mark.parametrize("reply", REPLIES)
def test_eager_pieces_together_say_what_the_whole_says(reply):
    def letters(text):
        return [c for c in text if c.isalnum()]

    pieces = spoken_as(reply, replace(EAGER, english=False))
    assert letters("".join(p.spoken for p in pieces)) == letters(normalize(reply))


def test_words_cut_apart_keep_their_space():
    pieces = spoken_as(REPLIES[5], Pace(longest_first=3, longest=3))
    assert "".join(piece.spoken for piece in pieces) == REPLIES[5]
    assert all(len(piece.spoken.split()) <= 3 for piece in pieces)


def test_the_first_words_come_before_the_sentence_ends():
    pieces, _ = cut(REPLIES[4][:12], Cutting(), EAGER)
    assert [piece.spoken for piece in pieces] == [REPLIES[4][:8]]


def test_a_number_in_two_deltas_is_one_number():
    pieces, state = cut("圆周率是大约等于三点几的数它是3.", Cutting(), EAGER)
    more, state = cut("14，对", state, EAGER)
    said = "".join(p.spoken for p in [*pieces, *more, *finish(state)])
    assert said.endswith("它是三点一四，对")


def test_going_back_to_an_earlier_state_changes_nothing():
    _, before = cut("你好，我是", Cutting(), EAGER)
    one, _ = cut("百灵。", before, EAGER)
    cut("别的话，不要。", before, EAGER)
    assert cut("百灵。", before, EAGER)[0] == one


def test_a_piece_of_marks_alone_says_nothing():
    assert {p.spoken for p in spoken_as("……\n\n", EAGER)} == {""}
    assert cut_text("  ") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2~3个", "二到三个"),
        ("9:05到10:00", "九点零五分到十点"),
        ("9:00-10:30", "九点至十点半"),
        ("2025-08-05", "二零二五年八月五日"),
        ("1,234,567元", "一百二十三万四千五百六十七元"),
        ("100000001", "幺零零零零零零零幺"),
        ("100010个", "十万零一十个"),
        ("5-10℃", "五到十度"),
        ("-3.50", "负三点五"),
        ("010-12345678", "零幺零，幺二三四五六七八"),
        ("€20", "二十欧元"),
        ("ＡＢ１２", "AB十二"),
        ("**好**😀", "好"),
        ("1+1=2", "一加一等于二"),
    ],
)
def test_numbers_are_said_as_people_say_them(text, said):
    assert normalize(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It costs $3.14", "It costs three dollars and fourteen cents"),
        ("$1 or $2.5 million", "one dollar or two point five million dollars"),
        ("at 9:30 or 10:05 or 8:00", "at nine thirty or ten oh five or eight"),
        ("1,234,567 x", "one million two hundred thirty four thousand five hundred sixty seven x"),
        ("1999, 2005 and 1900", "nineteen ninety nine, two thousand five and nineteen hundred"),
        ("the 21st and 12th and 30th", "the twenty first and twelfth and thirtieth"),
        ("50% at -5°C", "fifty percent at minus five degrees Celsius"),
        ("call 13812345678", "call one three eight one two three four five six seven eight"),
        ("5-10 minutes, 3.50 each", "five to ten minutes, three point five zero each"),
        ("100km in 0 steps", "one hundred km in zero steps"),
        ("Dr. J. Luna is in. Go.", "Dr. J. Luna is in。 Go。"),
    ],
)  # fmt: skip
def test_numbers_in_english_are_said_in_english(text, said):
    assert spelled(text) == said


def test_numbers_are_said_in_the_language_around_them():
    assert finish(Cutting("I have 3", pace=EAGER))[0].spoken == "I have three"
    assert finish(Cutting("我有3个 apples", pace=EAGER))[0].spoken == "我有三个 apples"
    assert finish(Cutting("I have 3", pace=REFERENCE))[0].spoken == "I have 三"


def test_a_whole_text_is_read_piece_by_piece():
    assert spoken_pieces(REPLIES[2]) == [
        "Hello there，",
        "my name is Luna。It costs three dollars and fourteen cents，"
        "or two thousand five hundred yen at ten forty five。",
        "Is that fine？",
    ]
    assert spoken_pieces("……\n") == []
