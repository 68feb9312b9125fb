"""Intents the model answers by itself: they are known, change nothing and have no words to add."""

from __future__ import annotations

from .skill import Arguments, Context, Skill

ABOUT = {
    "hello": "A greeting.",
    "how": "Asks how the assistant is.",
    "who": "Asks who the assistant is.",
    "can": "Asks what the assistant can do.",
    "thanks": "Thanks.",
    "bye": "A goodbye.",
    "stop": "The assistant shall be quiet.",
}


def _nothing(_: Arguments, __: Context) -> str:
    return ""


SKILLS = tuple(
    Skill(name, about, Arguments, _nothing, pure=True, offered=False)
    for name, about in ABOUT.items()
)
