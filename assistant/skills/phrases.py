"""A small phrase book, English to Mandarin and back."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from .skill import Arguments, Context, Skill
from .wording import CHINESE, ENGLISH


class Phrase(Arguments):
    phrase: str = Field(
        description=f"one of {', '.join(CHINESE)}", json_schema_extra={"enum": list(CHINESE)}
    )


def _chinese(arguments: Phrase, _: Context) -> str:
    return _look_up(arguments.phrase, CHINESE)


def _english(arguments: Phrase, _: Context) -> str:
    return _look_up(arguments.phrase, ENGLISH)


def _look_up(phrase: str, book: Mapping[str, str]) -> str:
    return book.get(phrase, "not in my phrase book")


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
