"""A small phrase book, English to Mandarin and back."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from .skill import Arguments, Context, Skill
from .wording import ENGLISH


class Phrase(Arguments):
    phrase: str = Field(
        description=f"one of {', '.join(ENGLISH)}", json_schema_extra={"enum": list(ENGLISH)}
    )


def _chinese(arguments: Phrase, context: Context) -> str:
    return _look_up(arguments.phrase, context.words.in_mandarin, context)


def _english(arguments: Phrase, context: Context) -> str:
    return _look_up(arguments.phrase, context.words.in_english, context)


def _look_up(phrase: str, book: Mapping[str, str], context: Context) -> str:
    return book[phrase] if phrase in book else context.words.say("no_phrase")


SKILLS = (
    Skill(
        "tr_zh",
        "How to say a phrase in Mandarin.",
        Phrase,
        _chinese,
        pure=True,
        needs_result=True,
    ),
    Skill(
        "tr_en",
        "What a Mandarin phrase means in English.",
        Phrase,
        _english,
        pure=True,
        needs_result=True,
    ),
)
