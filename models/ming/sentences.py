"""A reply in pieces that can be spoken: cut where the thinker has written far enough.

`cut` takes text deltas of any size and gives a piece as soon as one is complete; how soon that
is, a `Pace` says. `cut_text` cuts a whole text the way the reference does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .english import spelled
from .normalizer import MARKS, normalize

BREAKS = "，。！？；：、,.!?;:\n"
HANZI = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
MAX_LENGTH = 50
NUMBER_REACH = 8  # a number may still be read together with so many characters after it


@dataclass(frozen=True)
class Pace:
    """How much is collected before a piece is cut, in items: hanzi and marks, or Latin words.

    Args:
        first: items before a mark at which the first piece may end.
        later: the same of every further piece.
        longest_first: items after which the first piece ends even without a mark, between words.
        longest: the same of every further piece.
        english: whether text without hanzi is made ready as English (english.py) and not as the
            reference does.
    """

    first: int = 12
    later: int = 8
    longest_first: int | None = None
    longest: int | None = None
    english: bool = False


REFERENCE = Pace()
EAGER = Pace(first=1, longest_first=8, longest=24, english=True)


@dataclass(frozen=True)
class Piece:
    """What is spoken in one go: `raw` as the thinker wrote it, `spoken` as the talker reads it."""

    raw: str
    spoken: str


@dataclass(frozen=True)
class Cutting:
    """What was written and not yet cut.

    Args:
        n_pieces: pieces given that say something.
        mid: whether the last piece ended without a mark.
        pace: of the last `cut`.
    """

    waiting: str = ""
    n_pieces: int = 0
    mid: bool = False
    pace: Pace = REFERENCE


def cut_text(text: str, max_length: int = MAX_LENGTH) -> list[str]:
    """Spoken pieces of a whole text, each of about `max_length` characters at most.

    A piece ends at a comma or full stop, which may be its character max_length + 1; where there
    is none it ends after max_length. Text that is not mostly hanzi stays whole: its letters are
    no measure of how long it takes to say.
    """
    text = normalize(text)
    if len(text) <= max_length:
        return [text] if text else []
    text = _closed(text)
    if not _mostly_hanzi(text):
        return [text]
    pieces = []
    while len(text) > max_length:
        window = text[: max_length + 1]
        end = max(window.rfind("，"), window.rfind("。")) + 1 or max_length
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text] if text else pieces


def cut(delta: str, state: Cutting, pace: Pace = REFERENCE) -> tuple[list[Piece], Cutting]:
    """Take the next written characters; gives the pieces they complete, and the new state.

    The pieces depend on the text only, never on how it came in deltas; their `raw` texts and
    what waits, one after the other, are the text.
    """
    state = replace(state, waiting=state.waiting + delta, pace=pace)
    pieces = []
    while end := _end(state.waiting, state.n_pieces, pace):
        at, mid = end
        piece = _piece(state.waiting[:at], state.mid, mid, pace)
        pieces.append(piece)
        mid = mid if piece.spoken else state.mid
        state = Cutting(state.waiting[at:], state.n_pieces + bool(piece.spoken), mid, pace)
    return pieces, state


def finish(state: Cutting) -> list[Piece]:
    """What is left when the reply is complete: one piece or none."""
    return [_piece(state.waiting, state.mid, False, state.pace)] if state.waiting else []


def spoken_pieces(text: str, pace: Pace = EAGER) -> list[str]:
    """What is spoken of a whole text, piece by piece; English text too, which `cut_text` leaves
    in one."""
    pieces, state = cut(text, Cutting(), pace)
    return [piece.spoken for piece in [*pieces, *finish(state)] if piece.spoken.strip()]


def _end(text: str, n_before: int, pace: Pace) -> tuple[int, bool] | None:
    """Where the first piece of `text` ends, and whether that is amid a sentence."""
    enough = pace.later if n_before else pace.first
    longest = pace.longest if n_before else pace.longest_first
    start = len(text) - len(text.lstrip())
    for at in range(start, len(text)):
        n_items = _items(text[start:at])
        if text[at] in BREAKS and n_items >= enough:
            ends = _ends_here(text, at)
            if ends is None:
                return None
            if ends:
                return at + 1, False
        if longest is not None and n_items >= longest and _between_words(text, at):
            return at, True
    return None


def _items(text: str) -> int:
    """Characters where there are hanzi, else words."""
    return len(text) if HANZI.search(text) else len(text.split())


def _ends_here(text: str, at: int) -> bool | None:
    """Whether the mark ends a phrase; None where only the next character tells."""
    mark = text[at]
    if mark not in ".,:：" or (mark != "." and not text[at - 1 : at].isdigit()):
        return True
    if at + 1 == len(text):
        return None
    after = text[at + 1]
    return after.isspace() or bool(HANZI.match(after)) if mark == "." else not after.isdigit()


def _between_words(text: str, at: int) -> bool:
    """Whether text[:at] reads the same whatever follows, and no word is torn at `at`."""
    if at + 1 >= len(text) or text[at] in BREAKS:
        return False
    if text[at].isspace():
        return text[at + 1] not in "+×÷=-~～" and not text[at + 1].isspace()
    near = text[max(0, at - NUMBER_REACH) : at]
    return bool(HANZI.match(text[at - 1])) and not any(c.isdigit() for c in near)


def _piece(raw: str, after_mid: bool, mid: bool, pace: Pace) -> Piece:
    """The piece as it is spoken after another that did or did not end with a mark."""
    text = raw.lstrip().replace("\n", "，")
    if pace.english and not HANZI.search(text):
        text = spelled(text)
    spoken = normalize(text) if mid else "".join(cut_text(text))
    if not after_mid:
        return Piece(raw, spoken.lstrip(MARKS + " "))
    space = " " if raw[:1].isspace() and spoken[:1].isalnum() else ""
    return Piece(raw, space + spoken)


def _closed(text: str) -> str:
    """Phrases without the spaces around their marks; the last one ends with a mark."""
    text = re.sub(r" *([，。]) *", r"\1", text)
    return text if text[-1] in MARKS else f"{text}。"


def _mostly_hanzi(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return 2 * len(HANZI.findall(text)) >= len(letters)
