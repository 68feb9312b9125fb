from __future__ import annotations

import pytest

from vivavoce.assistant.questions import is_question


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
    ],
)
def test_questions_are_known(text):
    assert is_question(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the kitchen light is on",
        "i can set timers and alarms play music and answer questions",
        "Is that so? I set the timer.",
        "i am viva your voice assistant",
        "灯开了。",
        "How you do it is up to you. I am done.",
        "why did the clock go to school because it wanted to learn the time",
    ],
)
def test_statements_are_not(text):
    assert not is_question(text)
