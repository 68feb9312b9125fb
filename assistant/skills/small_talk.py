"""Company: greetings, thanks, and a chat about this and that; answered anew each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from .skill import Arguments, Context, Skill
from .wording import IN_ENGLISH

ABOUT = {
    "how": "Asks how the assistant is.",
    "who": "Asks who the assistant is.",
    "can": "Asks what the assistant can do.",
    "thanks": "Thanks.",
    "bye": "A goodbye.",
}


class Topic(Arguments):
    topic: str = Field(
        description=f"one of {', '.join(IN_ENGLISH.chat)}",
        json_schema_extra={"enum": list(IN_ENGLISH.chat)},
    )


def _hello(_: Arguments, context: Context) -> str:
    return context.choose("hello", context.words.hello(context.user_name))


def _small_talk(name: str) -> Callable[[Arguments, Context], str]:
    return lambda _, context: context.choose(name, context.words.small_talk[name])


def _chat(arguments: Topic, context: Context) -> str:
    answers = context.words.chat.get(arguments.topic)
    if answers is None:
        return context.words.say("sorry_arguments")
    return context.choose(arguments.topic, answers)


def _nothing(_: Arguments, __: Context) -> str:
    return ""


SKILLS: tuple[Skill[Any], ...] = (
    Skill("hello", "A greeting.", Arguments, _hello, pure=True, needs_result=True, offered=False),
    *(
        Skill(
            name, about, Arguments, _small_talk(name), pure=True, needs_result=True, offered=False
        )
        for name, about in ABOUT.items()
    ),
    Skill(
        "chat",
        "Small talk about a topic.",
        Topic,
        _chat,
        pure=True,
        needs_result=True,
        offered=False,
    ),
    Skill(
        "stop",
        "The assistant shall be quiet.",
        Arguments,
        _nothing,
        pure=True,
        offered=False,
    ),
)
