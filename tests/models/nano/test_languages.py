"""Texts of three languages: which one it is, its words, and how nano says any of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.scripted_nano import trilingual
from vivavoce.models.nano.endings import Endings
from vivavoce.models.nano.hearing import HearingState
from vivavoce.models.nano.languages import language_of, sentence, spaced, split
from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.numbers import to_hanzi
from vivavoce.models.nano.speakable import speakable
from vivavoce.models.nano.text import Text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("turn on the light", "en"),
        ("把灯打开", "cmn"),
        ("打開廚房嘅燈", "yue"),
        ("我要去哪里", "cmn"),
        ("我要去邊度呀", "yue"),
        ("打開 kitchen 嘅燈", "yue"),
        ("放一点 jazz 音乐", "cmn"),
        ("turn on the 燈", "en"),
        ("打開厨房的灯", "cmn"),  # the words say more than the script
        ("12月25号 25°C", "cmn"),
    ],
)
def test_the_language_of_a_text_is_told_by_its_signs(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["三加二", "你好", "一百", ""])
def test_what_both_would_write_alike_is_in_the_usual_one(text: str) -> None:
    assert [language_of(text, usual) for usual in ("cmn", "yue")] == ["cmn", "yue"]
    assert language_of(text) == ("cmn" if text else "en")


SAID = {
    "en": "what time is it, play some jazz, turn off the garage light, i want to go to bed",
    "cmn": "现在几点, 放点音乐, 把车库的灯关了, 明天会下雨吗, 我叫大卫, 你是谁, 定时十分钟",
    "yue": "而家幾點, 播啲音樂, 熄咗車庫盞燈, 聽日會唔會落雨, 我叫大衛, 你係邊個, 計時十分鐘",
}


@pytest.mark.parametrize("usual", SAID)
def test_what_people_say_to_nano_is_told_whatever_was_spoken_before(usual: str) -> None:
    for language, texts in SAID.items():
        assert {language_of(text, usual) for text in texts.split(", ")} == {language}


def test_words_are_split_and_put_together_again() -> None:
    assert split("打開 kitchen 嘅燈 ok") == ["打", "開", "kitchen", "嘅", "燈", "ok"]
    assert sentence(split("打開 kitchen 嘅燈 ok")) == "打開 kitchen 嘅燈 ok"
    assert sentence(["it", "is", "noon"]) == "it is noon"
    assert [spaced("你", None), spaced("好", "你"), spaced("ok", "好")] == ["你", "好", " ok"]


@pytest.mark.parametrize("said", ["it is noon", "你好", "打開 kitchen 嘅燈 ok 好", "好的 ok"])
def test_words_fed_one_by_one_are_the_tokens_of_the_sentence(said: str) -> None:
    text, words = Text.shipped(), split(said)
    befores = [None, *words[:-1]]
    pairs = zip(words, befores, strict=True)
    one_by_one = [token for word, before in pairs for token in text.encode_next(word, before)]
    assert one_by_one == text.encode(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("把音量调到30%。", "把音量调到百分之三十"),
        ("下午3:05開燈，唔該！", "下午三點零五分開燈唔該"),
        ("现在是12:00", "现在是十二点"),
        ("12月25号 25°C", "十二月二十五号二十五度"),
        ("打開 kitchen 嘅燈 2 次", "打開 kitchen 嘅燈二次"),
        ("二零零七年是2007年吗", "二零零七年是二千零七年吗"),
        ("电话是12345，编号007", "电话是一二三四五编号零零七"),
        ("零下-3度", "零下三度"),
        ("-5度嘅天氣", "負五度嘅天氣"),
        ("气温-5°C，明天−12%", "气温负五度明天负百分之十二"),
        ("而家係21.5度，濕度98.06%", "而家係二十一點五度濕度百分之九十八點零六"),
        ("圆周率是3.14", "圆周率是三点一四"),
        ("1,050个人，100，200都行", "一千零五十个人一百二百都行"),
        ("-5 degrees, or 3.25", "minus five degrees or three point two five"),
        ("1,000 people, 10-15 cars", "one thousand people ten fifteen cars"),
        ("１２：３０的闹钟", "十二点三十分的闹钟"),
        ("2+2=4对吗", "二加二等于四对吗"),
        ("2 + 2 = 4", "two plus two equals four"),
        ("Set to 30 %, OK?", "set to thirty percent ok"),
        ("It's ok你好", "it's ok 你好"),
        ("喺邊度㗎", "喺邊度㗎"),
    ],
)
def test_any_text_becomes_words_of_its_language(text: str, said: str) -> None:
    assert speakable(text) == said


def test_mere_figures_are_in_the_usual_language() -> None:
    assert [speakable("25 °C", usual) for usual in ("en", "yue")] == [
        "twenty five degrees",
        "二十五度",
    ]


def test_numbers_as_hanzi() -> None:
    numbers = {0: "零", 10: "十", 15: "十五", 20: "二十", 101: "一百零一", 110: "一百一十"}
    numbers |= {1005: "一千零五", 9999: "九千九百九十九"}
    assert {number: to_hanzi(number) for number in numbers} == numbers
    for number in (-1, 10000):
        with pytest.raises(ValueError, match="no hanzi"):
            to_hanzi(number)


@pytest.mark.parametrize(
    ("whole", "cut"),
    [
        ("打开厨房的灯", "打开厨房的"),
        ("開咗廚房盞燈", "開咗廚房"),
        ("今天天气怎么样", "今天天气怎么"),
    ],
)
def test_a_whole_sentence_sounds_more_finished_than_its_beginning(whole: str, cut: str) -> None:
    endings = Endings.shipped()
    sure, unsure = endings.probability(whole), endings.probability(cut)
    assert sure is not None and unsure is not None and sure > 0.5 > unsure


# --- transcripts -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nano() -> NanoModel:
    return trilingual()


@pytest.mark.parametrize(
    ("words", "hint", "language", "sure"),
    [
        ("turn on the light", "auto", "en", True),
        ("打开厨房的灯", "auto", "cmn", True),
        ("開咗廚房盞燈", "en", "yue", True),
        ("三加二", "yue", "yue", True),
        ("三加二", "cmn", "cmn", True),
        ("打開 kitchen 嘅燈", "auto", "yue", True),
        ("唔", "auto", "yue", False),  # a hum
        ("ame h", "auto", "en", False),
    ],
)
def test_a_transcript_tells_its_language(
    nano: NanoModel,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    hint: str,
    language: str,
    sure: bool,
) -> None:
    tokens = tuple(nano.text.encode(words))
    read = nano.ear.initial()
    read = HearingState(read.samples, read.encoder, tokens, confidence=0.9 * len(tokens))
    monkeypatch.setattr(nano.ear, "close", lambda state, thinker: ([], read))
    transcript = nano.transcribe(np.zeros(1600, np.float32), hint)
    assert (transcript.text, transcript.language) == (words, language)
    assert transcript.sure is sure


def test_a_model_of_one_language_writes_down_no_other(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nano, "languages", ("en",))
    assert nano.transcribe(np.zeros(1600, np.float32)).language == "en"
    assert nano.known("yue") == "en"
