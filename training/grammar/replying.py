"""The reply to an action line, in any of the languages."""

from __future__ import annotations

from vivavoce.models.nano.actions import parse
from vivavoce.models.nano.confirming import asked_of, question

from . import chinese_replies, replies

# To whom has said their name.
GREETINGS = {
    "en": "hello {} how can i help you",
    "cmn": "你好{}我能帮你什么",
    "yue": "你好{}有咩可以幫你",
}
NAMED = {"en": "your name is {}", "cmn": "你的名字是{}", "yue": "你個名係{}"}


def reply_in(line: str, language: str) -> str:
    """What nano answers to an action, `<result>` where a tool's words are spoken.

    Raises:
        ValueError: not an action line.
    """
    asked = asked_of(line)
    action = parse(asked or line)
    if action is None:
        raise ValueError(f"not an action line: {line!r}")
    if asked:
        return question(action, language)
    if language == "en":
        return replies.reply(action.name, action.arguments)
    return chinese_replies.reply(action.name, action.arguments, language)
