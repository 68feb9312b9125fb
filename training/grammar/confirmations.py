"""Requests nano asks back about, and what is answered: yes, no, or what was meant."""

from __future__ import annotations

import random

from vivavoce.models.nano.confirming import ASKED_FOR, CONFIRM

from . import answers, followups
from .replying import reply_in
from .sampling import Turn, arguments_of, fill, make_turn, reject, said_so, sample
from .templates import pattern

WRONG_SHARE = 0.4  # questions about something that was not meant
_TRIES = 300  # to draw words that mean just what was wanted


def is_asked(turn: Turn) -> bool:
    """Whether nano asked in this turn before it did anything."""
    return turn.intent == CONFIRM


def confirmation(rng: random.Random, language: str, split: str) -> list[Turn]:
    """A request nano asks back about, and the answer to its question."""
    wanted = sample(rng, language, split, rng.choice(sorted(ASKED_FOR)))
    asked = _misheard(rng, wanted, split) if rng.random() < WRONG_SHARE else wanted
    line = f"{CONFIRM} {asked.action}"
    question = Turn(
        wanted.user, line, reply_in(line, language), None, CONFIRM, asked.arguments, language
    )
    return [question, _answer(rng, asked, wanted, split)]


def fresh(rng: random.Random, split: str, language: str) -> Turn:
    """A turn that has nothing to do with those before."""
    turn = sample(rng, language, split)
    return turn if turn.intent != "reject" else reject(rng, split, language, alone=False)


def said(rng: random.Random, heading: str, split: str, language: str) -> str:
    """`yes`, `no` or `my name`, as it is spoken."""
    return said_so(rng, answers.draw(rng, heading, split, language), language)


def corrected_turn(
    rng: random.Random, before: Turn, corrected: tuple[list[str], str], language: str
) -> Turn:
    """The action before with one of its slots as the speaker wants it."""
    text, arguments = fill(rng, corrected[0], {}, language)
    arguments = arguments_of(before.intent, before.arguments | arguments)
    return make_turn(rng, said_so(rng, text, language), before.intent, arguments, language)


def _misheard(rng: random.Random, wanted: Turn, split: str) -> Turn:
    """What may be understood instead: mostly another value, sometimes another action."""
    language = wanted.language
    if wanted.arguments and rng.random() < 0.7:
        other = sample(rng, language, split, wanted.intent)
        slot = rng.choice(list(wanted.arguments))
        arguments = wanted.arguments | {slot: other.arguments.get(slot, wanted.arguments[slot])}
        return make_turn(rng, other.user, wanted.intent, arguments, language)
    other = sample(rng, language, split, rng.choice(sorted(ASKED_FOR)))
    if "room" in other.arguments and "room" in wanted.arguments:
        arguments = other.arguments | {"room": wanted.arguments["room"]}
        return make_turn(rng, other.user, other.intent, arguments, language)
    return other


def _answer(rng: random.Random, asked: Turn, wanted: Turn, split: str) -> Turn:
    language, kind = wanted.language, rng.random()
    if kind < 0.08:
        return fresh(rng, split, language)
    if asked.action == wanted.action and kind < 0.85:
        words = said(rng, "yes", split, language)
        return make_turn(rng, words, asked.intent, asked.arguments, language)
    if asked.action != wanted.action and kind < 0.65:
        put_right = _put_right(rng, asked, wanted, split)
        if put_right:
            return put_right
    return make_turn(rng, said(rng, "no", split, language), "stop", {}, language)


def _put_right(rng: random.Random, asked: Turn, wanted: Turn, split: str) -> Turn | None:
    """`no the kitchen`, or `no` and the whole request once more; None: no words were found."""
    language = wanted.language
    for _ in range(_TRIES):
        if asked.intent == wanted.intent:
            corrected = followups.correction(rng, split, asked.intent, language)
            turn = corrected and corrected_turn(rng, asked, corrected, language)
        else:
            again = sample(rng, language, split, wanted.intent)
            user = pattern([said(rng, "no", split, language), again.user], language)
            turn = make_turn(rng, user, again.intent, again.arguments, language)
        if turn is None or turn.action == wanted.action:
            return turn
    return None
