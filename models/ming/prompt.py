"""The prompt in pieces, so that a dialogue can be prefilled while it happens.

    opening          <role>HUMAN</role> [SYSTEM: …\n]
    sound_opening    <audio>
    placeholders     <audioPatch>×n               as positions become final
    sound_closing    </audio>
    reply_opening    <role>ASSISTANT</role>
    reply_closing    <role>HUMAN</role>            after the reply's words

Pieces one after the other are the whole template of chat_template.py. Marks are told from words:
what a person wrote never becomes a mark, even if it looks like one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .chat_template import PATCH, Kind


@dataclass(frozen=True)
class Words:
    """Plain text; no mark is read in it."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Mark:
    """n times one special token, by its name."""

    name: str
    n: int = 1

    def __str__(self) -> str:
        return self.name * self.n


Part = Words | Mark
Parts = tuple[Part, ...]


def as_text(parts: Iterable[Part]) -> str:
    """What the template would have written."""
    return "".join(str(part) for part in parts)


def words(text: str) -> Parts:
    """What a person or the assistant said in words; nothing for an empty text."""
    return (Words(text),) if text else ()


def _role(name: str) -> Parts:
    return (Mark("<role>"), Words(name), Mark("</role>"))


HUMAN, ASSISTANT, SYSTEM = _role("HUMAN"), _role("ASSISTANT"), _role("SYSTEM")


def opening(instructions: str = "", system_role: bool = False) -> Parts:
    """The start of a dialogue; the human's turn is open after it.

    Instructions stand as `SYSTEM: …` before the first human words, as the makers' own tools
    write them, or under a role of their own.
    """
    if not instructions:
        return HUMAN
    if system_role:
        return (*SYSTEM, Words(instructions), *HUMAN)
    return (*HUMAN, Words(f"SYSTEM: {instructions}\n"))


def sound_opening() -> Parts:
    """Before the positions of a sound."""
    return (Mark("<audio>"),)


def placeholders(kind: Kind, n: int) -> Parts:
    """The n positions of a sound, picture or video, whose vectors take their place."""
    return (Mark(PATCH[kind], n),) if n else ()


def sound_closing() -> Parts:
    """After the positions of a sound."""
    return (Mark("</audio>"),)


def picture(kind: Literal["image", "video"], n: int) -> Parts:
    """A picture or video of n positions."""
    return (Mark(f"<{kind}>"), *placeholders(kind, n), Mark(f"</{kind}>"), Words("\n"))


def reply_opening() -> Parts:
    """Closes the human's turn: what follows is the assistant's."""
    return ASSISTANT


def reply_closing() -> Parts:
    """Closes the assistant's turn, which no token ends: the human's turn is open after it."""
    return HUMAN


def reply(text: str) -> Parts:
    """A past turn of the assistant, with its opening and closing."""
    return (*reply_opening(), *words(text), *reply_closing())
