"""Draws short conversations: follow-ups, corrections, yes and no, names remembered."""

from __future__ import annotations

import functools
import random
from dataclasses import replace
from pathlib import Path

from vivavoce.models.nano.actions import render
from vivavoce.models.nano.confirming import ASKED_FOR, CONFIRM
from vivavoce.models.nano.domain import ROOMS

from . import followups
from .chinese_words import NAMES_OF
from .expansion import Choice, compile_template
from .replying import GREETINGS, NAMED, reply_in
from .sampling import Turn, arguments_of, fill, make_turn, reject, said_so, sample
from .templates import FOLDERS, pattern

CONFIRM_SHARE = 0.12  # conversations in which nano asks before it acts
SWITCH_SHARE = 0.06  # of a speaker of several languages: turns in another one than the turn before
WRONG_SHARE = 0.35  # questions about something that was not meant
LONGEST = 4
_NO = "no"


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
    return [question, _answer(rng, asked, wanted, split, language)]


def _misheard(rng: random.Random, wanted: Turn, split: str) -> Turn:
    """What may be understood instead: another value, sometimes another action."""
    if wanted.arguments and rng.random() < 0.7:
        intents = [wanted.intent]
    elif "room" in wanted.arguments:
        intents = ["light_on", "light_off"]
    else:
        intents = sorted(ASKED_FOR)
    other = sample(rng, wanted.language, split, rng.choice(intents))
    if "room" in other.arguments and "room" in wanted.arguments and rng.random() < 0.5:
        arguments = other.arguments | {"room": rng.choice(ROOMS)}
        return make_turn(rng, other.user, other.intent, arguments, wanted.language)
    return other


def _answer(rng: random.Random, asked: Turn, wanted: Turn, split: str, language: str) -> Turn:
    kind = rng.random()
    if kind < 0.08:
        return _fresh(rng, split, language)
    if asked.action == wanted.action and kind < 0.75:
        words = _drawn(rng, "yes", split, language)
        return make_turn(rng, words, asked.intent, asked.arguments, language)
    corrected = followups.correction(rng, split, asked.intent, language)
    if kind < 0.5 and corrected:
        return _corrected(rng, asked, corrected, language)
    no = _drawn(rng, _NO, split, language)
    if kind > 0.88:
        again = sample(rng, language, split, wanted.intent)
        user = pattern([no, again.user], language)
        return make_turn(rng, user, again.intent, again.arguments, language)
    return make_turn(rng, no, "stop", {}, language)


def _corrected(
    rng: random.Random, before: Turn, corrected: tuple[list[str], str], language: str
) -> Turn:
    """The action before with one of its slots as the speaker wants it."""
    text, arguments = fill(rng, corrected[0], {}, language)
    arguments = arguments_of(before.intent, before.arguments | arguments)
    return make_turn(rng, said_so(rng, text, language), before.intent, arguments, language)


@functools.cache
def _answers(language: str) -> dict[tuple[str, str], list[Choice]]:
    """The templates of `answers.list` by heading and split."""
    path = Path(__file__).parent / FOLDERS[language] / "answers.list"
    table: dict[tuple[str, str], list[Choice]] = {}
    heading = ""
    for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("=="):
            heading = line[2:].strip()
        elif line and not line.startswith("#"):
            split = "heldout" if line.startswith("~") else "train"
            table.setdefault((heading, split), []).append(compile_template(line.lstrip("~ ")))
    return table


def _drawn(rng: random.Random, heading: str, split: str, language: str) -> str:
    words = rng.choice(_answers(language)[heading, split]).draw(rng)
    return said_so(rng, pattern(words, language), language)


def _next(rng: random.Random, turns: list[Turn], split: str, language: str) -> Turn:
    before = turns[-1]
    named = [turn.arguments["name"] for turn in turns if turn.intent == "name"]
    if named and rng.random() < 0.4:
        return _by_name(rng, named[-1], split, language)
    kind = rng.random()
    if kind < 0.08:
        corrected = followups.correction(rng, split, before.intent, language)
        if corrected:
            return _corrected(rng, before, corrected, language)
    if kind < 0.6 and followups.follows(before.intent, language):
        return _follow_up(rng, before, split, language)
    if kind < 0.75:
        return _anywhere(rng, before, split, language)
    return _fresh(rng, split, language)


def _fresh(rng: random.Random, split: str, language: str) -> Turn:
    """A turn that has nothing to do with those before."""
    turn = sample(rng, language, split)
    return turn if turn.intent != "reject" else reject(rng, split, language, alone=False)


def _follow_up(rng: random.Random, before: Turn, split: str, language: str) -> Turn:
    words, intent, kept = followups.draw(rng, split, before.intent, before.arguments, language)
    text, arguments = fill(rng, words, kept, language)
    return make_turn(rng, said_so(rng, text, language), intent, kept | arguments, language)


def _anywhere(rng: random.Random, before: Turn, split: str, language: str) -> Turn:
    words, intent = followups.draw_anywhere(rng, split, language)
    turn = make_turn(rng, said_so(rng, pattern(words, language), language), intent, {}, language)
    if intent != "repeat":
        return turn
    said = before.spoken_reply
    for lead in ("i said ", "我说", "我話"):
        said = said.removeprefix(lead)
    return replace(turn, result=said)


def _by_name(rng: random.Random, name: str, split: str, language: str) -> Turn:
    """A greeting answered by name, or the question for the name, once it was said."""
    called = name if language == "en" else NAMES_OF["name"][language][name]
    if rng.random() < 0.4:
        words = _drawn(rng, "my name", split, language)
        line = render("name", {"name": name})
        said = NAMED[language].format(called)
        return Turn(words, line, said, None, "name", {"name": name}, language)
    hello = sample(rng, language, split, "hello")
    return replace(hello, reply=GREETINGS[language].format(called))
