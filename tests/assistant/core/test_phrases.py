"""What words amount to during a reply."""

from __future__ import annotations

import pytest

from vivavoce.assistant.core.phrases import BACKCHANNELS, STOP_PHRASES, Said, judge


def judged(text: str, sure: bool = True) -> Said:
    return judge(text, sure, BACKCHANNELS, STOP_PHRASES)


MURMURS = ["mhm", "Mm-hmm.", "okay, yeah", "I see!", "嗯嗯", "好好好", "係呀", "對,對。"]
MURMURS += ["对对", "是的是的", "好的好的", "知道了", "係係", "得得得", "明白", "好呀"]
MURMURS += ["唔", "唔唔", "係唔"]
STOPS = [
    *("Stop!", "stop stop", "no, stop it please", "okay be quiet now", "That\u2019s enough."),
    *("停", "停啊", "唔該收聲", "请安静"),
    # as nano writes them: no spaces, no punctuation, Mandarin simplified, Cantonese traditional
    *(
        "够了不要讲了",
        "先停一下吧",
        "不要再说了",
        "好了停",
        "夠喇唔好講嘢",
        "停一停先",
        "靜一陣先啦",
    ),
]
WORDS = ["stop the music", "okay turn it off", "停下音乐", "好唔好呀今日", "yes please do that"]
WORDS += ["停止播放", "好的把灯关了", "係廚房嘅燈", "暂停音乐", "唔使講笑話"]
WORDS += ["唔好", "唔係呀", "唔得", "唔明白"]  # 唔 is a hum where it stands alone


@pytest.mark.parametrize("text", MURMURS)
def test_backchannels_are_murmurs_in_any_spelling(text: str) -> None:
    assert judged(text) == judged(text, sure=False) == "murmur"


@pytest.mark.parametrize("text", STOPS)
def test_a_stop_phrase_may_be_polite(text: str) -> None:
    assert judged(text) == judged(text, sure=False) == "stop"


@pytest.mark.parametrize("text", WORDS)
def test_whatever_else_is_said_counts(text: str) -> None:
    assert judged(text) == "words"
    assert judged(text, sure=False) == "unsure"


@pytest.mark.parametrize("text", ["no", "why", "不是", "點解", "唔係"])
def test_an_objection_counts_however_unsure(text: str) -> None:
    assert judged(text, sure=False) == "words"


@pytest.mark.parametrize("text", ["", " ", "...", "。"])
def test_punctuation_is_nothing(text: str) -> None:
    assert judged(text) == "nothing"


def test_what_is_unsure_and_mostly_murmured_is_a_murmur() -> None:
    assert judged("okay y", sure=False) == "murmur"
    assert judged("okay y ame h", sure=False) == "unsure"
    assert judged("please", sure=False) == "unsure"


@pytest.mark.parametrize("text", ["yes", "Yeah, okay.", "oh yes", "好的", "係呀", "嗯 对"])
def test_an_assent_answers_a_question(text: str) -> None:
    assert judge(text, True, BACKCHANNELS, STOP_PHRASES, to_question=True) == "words"


@pytest.mark.parametrize("text", ["mhm", "oh", "I see", "嗯", "知道了"])
def test_a_hum_answers_nothing(text: str) -> None:
    assert judge(text, True, BACKCHANNELS, STOP_PHRASES, to_question=True) == "murmur"


def test_the_lists_can_be_replaced() -> None:
    assert judge("genau", True, ("genau",), ("halt",)) == "murmur"
    assert judge("halt bitte", True, (), ("halt", "halt bitte")) == "stop"
    assert judge("stop", True, ("genau",), ("halt",)) == "words"
    assert judge("okay", True, (), ()) == "words"
