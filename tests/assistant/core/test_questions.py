from __future__ import annotations

import pytest

from vivavoce.assistant.core.questions import is_question
from vivavoce.models.nano.actions import Action
from vivavoce.models.nano.confirming import question


@pytest.mark.parametrize(
    "text",
    [
        "Which room do you mean?",
        "The light is on. Anything else?",
        "Do you mean “Paris”?”",
        "你想去哪里？",
        "你要关灯吗",
        "hello how can i help you",
        "should i turn it off",
        "what time shall i set it for",
        "要唔要我熄燈",
        "食啲意粉好唔好",
        "你有没有时间",
        "廚房有冇麵包同芝士",
        "係咪熄燈",
        "你好我能帮你什么",
        "你好有咩可以幫你",
        "来点意面怎么样",
    ],
)
def test_questions_are_known(text):
    assert is_question(text)


@pytest.mark.parametrize("language", ["en", "cmn", "yue"])
def test_what_nano_asks_in_doubt_is_a_question(language):
    assert is_question(question(Action("light_on", {"room": "kitchen"}), language))
    assert is_question(question(Action("vol_up"), language))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the kitchen light is on",
        "i can set timers and alarms play music and answer questions",
        "Is that so? I set the timer.",
        "i am viva your voice assistant",
        "灯开了。",
        "厨房的灯开了",
        "我冇上網唔知天氣",
        "没什么",
        "今天没有什么",
        "How you do it is up to you. I am done.",
        "why did the clock go to school because it wanted to learn the time",
    ],
)
def test_statements_are_not(text):
    assert not is_question(text)
