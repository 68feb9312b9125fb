"""Draws short conversations: follow-ups, corrections, yes and no, names remembered."""

from __future__ import annotations

import random
from dataclasses import replace

from vivavoce.models.nano.actions import render

from . import followups
from .chinese_words import NAMES_OF
from .confirmations import confirmation, corrected_turn, fresh, said
from .replying import GREETINGS, NAMED
from .sampling import Turn, fill, make_turn, said_so, sample
from .templates import pattern

CONFIRM_SHARE = 0.12  # conversations in which nano asks before it acts
SWITCH_SHARE = 0.06  # of a speaker of several languages: turns in another one than the turn before
LONGEST = 4


def dialogue(
    rng: random.Random,
    language: str = "en",
    split: str = "train",
    others: tuple[str, ...] = (),
) -> list[Turn]:
    """One to four turns, each of which may need the one before; the last is in `language`.

    Args:
        rng: where chance comes from.
        language: what is spoken.
        split: `train` or `heldout`.
        others: languages in which earlier turns may be spoken too.
    """
    if rng.random() < CONFIRM_SHARE:
        turns = confirmation(rng, language, split)
    else:
        turns = [sample(rng, language, split)]
    while len(turns) < LONGEST and rng.random() < 0.6:
        turns.append(_next(rng, turns, split, language))
    if others and rng.random() < SWITCH_SHARE:
        first = sample(rng, rng.choice(others), split)
        turns = [first, *turns][:LONGEST]
    return turns


def _next(rng: random.Random, turns: list[Turn], split: str, language: str) -> Turn:
    before = turns[-1]
    named = [turn.arguments["name"] for turn in turns if turn.intent == "name"]
    if named and rng.random() < 0.4:
        return by_name(rng, named[-1], split, language)
    kind = rng.random()
    if kind < 0.08:
        corrected = followups.correction(rng, split, before.intent, language)
        if corrected:
            return corrected_turn(rng, before, corrected, language)
    if kind < 0.6 and followups.follows(before.intent, language):
        return follow_up(rng, before, split, language)
    if kind < 0.75:
        return _anywhere(rng, before, split, language)
    return fresh(rng, split, language)


def follow_up(rng: random.Random, before: Turn, split: str, language: str) -> Turn:
    """A second turn that needs this one before."""
    words, intent, kept = followups.draw(rng, split, before.intent, before.arguments, language)
    text, arguments = fill(rng, words, kept, language)
    return make_turn(rng, said_so(rng, text, language), intent, kept | arguments, language)


def _anywhere(rng: random.Random, before: Turn, split: str, language: str) -> Turn:
    words, intent = followups.draw_anywhere(rng, split, language)
    turn = make_turn(rng, said_so(rng, pattern(words, language), language), intent, {}, language)
    if intent != "repeat":
        return turn
    result = before.spoken_reply
    for lead in ("i said ", "我说", "我話"):
        result = result.removeprefix(lead)
    return replace(turn, result=result)


def by_name(rng: random.Random, name: str, split: str, language: str) -> Turn:
    """A greeting answered by name, or the question for the name, once it was said."""
    called = name if language == "en" else NAMES_OF["name"][language][name]
    if rng.random() < 0.4:
        words = said(rng, "my name", split, language)
        line = render("name", {"name": name})
        answer = NAMED[language].format(called)
        return Turn(words, line, answer, None, "name", {"name": name}, language)
    hello = sample(rng, language, split, "hello")
    return replace(hello, reply=GREETINGS[language].format(called))
