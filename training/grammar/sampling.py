"""Draws single turns from the grammar; conversations are made in dialogues.py."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.models.nano.actions import parse, render
from vivavoce.models.nano.domain import INTENT_SLOTS, ROOMS, words_of

from . import (
    answers,
    chinese_politeness,
    chinese_slots,
    followups,
    midway,
    rejects,
    results,
)
from .politeness import wrap
from .replies import RESULT
from .replying import reply_in
from .slots import SLOTS
from .templates import Template, by_intent, pattern, reserved

# How often an intent is drawn, against 1 for the others.
WEIGHTS = {
    "timer_set": 4,
    "light_on": 3,
    "light_off": 3,
    "light_dim": 3,
    "weather": 5,
    "calc": 5,
    "alarm": 4,
    "list": 3,
    "music": 3,
    "time": 2,
    "date": 2,
    "vol_up": 1.5,
    "vol_down": 1.5,
    "vol_set": 2,
    "stop": 2,
    "heat": 1.5,
    "name": 1.5,
    "tr_zh": 1.5,
    "reject": 5,
    "chat": 8,
}


@dataclass(frozen=True)
class Turn:
    """One exchange.

    user: what is said: lower-case words, numbers as words, apostrophes, no other punctuation.
    action: the action line of models/nano/actions.py, `reject` where none is meant.
    reply: the answer, with `<result>` where a tool's words are spoken.
    result: an example of those words; None where no tool answers.
    arguments: the action's normalised arguments.
    """

    user: str
    action: str
    reply: str
    result: str | None
    intent: str
    arguments: dict[str, Any]
    language: str

    @property
    def spoken_reply(self) -> str:
        """The reply with the result in its place."""
        return self.reply.replace(RESULT, self.result or "")


def sample(
    rng: random.Random, language: str = "en", split: str = "train", intent: str | None = None
) -> Turn:
    """One turn that stands alone, of `intent` or of any."""
    if intent is None:
        table = [*by_intent(language, split), "reject"]
        intent = rng.choices(table, [WEIGHTS.get(name, 1) for name in table])[0]
    if intent == "reject":
        return reject(rng, split, language)
    template, drawn = _draw(rng, language, split, intent)
    if rng.random() < midway.SHARE:
        drawn = midway.corrected(rng, drawn, split, language)
    return _turn(rng, template, drawn, language)


def corrected_midway(rng: random.Random, language: str, split: str) -> Turn:
    """A turn whose speaker says something wrong and puts it right: `turn on the bedroom no ...`."""
    while True:
        intent = rng.choice(list(by_intent(language, split)))
        template, drawn = _draw(rng, language, split, intent)
        corrected = midway.corrected(rng, drawn, split, language)
        if corrected != drawn:
            return _turn(rng, template, corrected, language)


def _turn(rng: random.Random, template: Template, drawn: list[str], language: str) -> Turn:
    words, arguments = fill(rng, drawn, template.fixed, language)
    user = said_so(rng, _hurried(rng, words) if language == "en" else words, language)
    return make_turn(rng, user, template.intent, arguments, language)


def _draw(
    rng: random.Random, language: str, split: str, intent: str, polite: bool = True
) -> tuple[Template, list[str]]:
    """A template and one way to say it, slots open; never a held-out way for training, with polite
    words around it neither."""
    while True:
        template = rng.choice(by_intent(language, split)[intent])
        bare = template.choice.draw(rng)
        words = _wrap(rng, template.kind, bare, language) if polite else bare
        said = {pattern(bare, language), pattern(words, language)}
        if split == "heldout" or not said & reserved(language):
            return template, words


def _wrap(rng: random.Random, kind: str, words: list[str], language: str) -> list[str]:
    if language == "en":
        return wrap(rng, kind, " ".join(words)).split()
    return chinese_politeness.wrap(rng, kind, words, language)


def reject(
    rng: random.Random, split: str = "train", language: str = "en", alone: bool = True
) -> Turn:
    """Something that must not be acted on; if `alone`, a follow-up without what it follows too."""
    intent = rng.choice([name for name in by_intent(language, split)])
    template, drawn = _draw(rng, language, split, intent, polite=False)
    sentence = fill(rng, drawn, template.fixed, language)[0]
    loose = _loose_follow_up(rng, split, language) if alone else ""
    user = rejects.draw(rng, split, drawn, sentence, loose, language)
    said = said_so(rng, user, language)
    return Turn(said, "reject", reply_in("reject", language), None, "reject", {}, language)


def _loose_follow_up(rng: random.Random, split: str, language: str) -> str:
    """Words that mean nothing without a turn before; "" where they would, by chance."""
    opener = rng.choice(("light_on", "weather", "alarm"))
    kind = rng.random()
    if kind < 0.3:
        return answers.draw(rng, rng.choice(answers.HEADINGS), split, language)
    corrected = followups.correction(rng, split, opener, language)
    if corrected and kind < 0.5:
        words = corrected[0]
    else:
        words, _, _ = followups.draw(rng, split, opener, {}, language)
    text = fill(rng, words, {}, language)[0]
    return "" if "灯" in text or "燈" in text else text


_MEASURED_TWICE = re.compile("一?[个個些啲](?=[一两兩三几幾][个個包打根支])")


def said_so(rng: random.Random, words: str, language: str) -> str:
    """Words as they are spoken: English ones contracted, Chinese without doubled measure words."""
    if language == "en":
        return tidy(rng, words)
    return " ".join(_MEASURED_TWICE.sub("", words).split())


def fill(
    rng: random.Random, words: list[str], fixed: Mapping[str, Any], language: str = "en"
) -> tuple[str, dict[str, Any]]:
    """Put slot values into a drawn template; gives the sentence and all arguments."""
    slots = SLOTS if language == "en" else chinese_slots.SLOTS[language]
    spoken, arguments = [], dict(fixed)
    for word in words:
        if word.startswith("{"):
            said, values = slots[word[1:-1]](rng, fixed)
            spoken.append(said)
            arguments.update(values)
        else:
            spoken.append(word)
    return pattern(spoken, language), arguments


def make_turn(
    rng: random.Random,
    user: str,
    intent: str,
    arguments: Mapping[str, Any],
    language: str = "en",
) -> Turn:
    """A turn with its action line, reply and an example result."""
    action = render(intent, arguments_of(intent, arguments))
    parsed = parse(action)
    assert parsed is not None
    given = dict(parsed.arguments)
    result = results.example(rng, intent, given, language)
    return Turn(user, action, reply_in(action, language), result, intent, given, language)


def arguments_of(intent: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that belong to the intent."""
    return {slot: arguments[slot] for slot in INTENT_SLOTS[intent] if slot in arguments}


_ARTICLE = re.compile(
    r"(?<!wan )\b(?:the|a|an) (?!(?:minute|hour|second|half|quarter|couple|hundred)\b)"
)


def _hurried(rng: random.Random, text: str) -> str:
    """Now and then without articles, `set timer for ten minutes`, or with `my` for `the`."""
    kind = rng.random()
    if kind < 0.07:
        return _ARTICLE.sub("", text)
    if kind < 0.12:
        mine = rng.choice(("my ", "our "))
        return re.sub(rf"\bthe (?=(?:{_OWNED})\b)", mine, text)
    return text


_OWNED = "|".join(words_of(room) for room in ROOMS) + "|light|lights|lamp|volume|heating"
_CONTRACTIONS = [
    (re.compile(rf"\b{long}\b(?= \w)"), short)
    for long, short in (
        ("what is", "what's"),
        ("how is", "how's"),
        ("who is", "who's"),
        ("where is", "where's"),
        ("when is", "when's"),
        ("that is", "that's"),
        ("it is", "it's"),
        ("there is", "there's"),
        ("here is", "here's"),
        ("i am", "i'm"),
        ("you are", "you're"),
        ("we are", "we're"),
        ("they are", "they're"),
        ("i would", "i'd"),
        ("i will", "i'll"),
        ("it will", "it'll"),
        ("that will", "that'll"),
        ("i have got", "i've got"),
        ("have not", "haven't"),
        ("do not", "don't"),
        ("does not", "doesn't"),
        ("did not", "didn't"),
        ("is not", "isn't"),
        ("could not", "couldn't"),
        ("can not", "can't"),
        ("let us", "let's"),
        ("name is", "name's"),
    )
]
_CASUAL = (
    ("going to", "gonna"),
    ("want to", "wanna"),
    ("have got to", "gotta"),
    ("give me", "gimme"),
    ("let me", "lemme"),
)
_AN = re.compile(r"(?<!wan )\b(a|an) (?=(\w+))")
_VOWEL = re.compile(r"(?!one|uni|use|euro)[aeiou]|hour|honest")
_OFTEN_SHORT = {"don't", "can't", "didn't", "let's", "doesn't", "couldn't", "isn't"}


def tidy(rng: random.Random, text: str) -> str:
    """Contract as people do, put a or an right, drop doubled words."""
    for long, short in _CASUAL:
        if rng.random() < 0.06:
            text = re.sub(rf"\b{long}\b", short, text)
    for spelled, short in _CONTRACTIONS:
        if rng.random() < (0.8 if short in _OFTEN_SHORT else 0.5):
            text = spelled.sub(short, text)
    text = text.replace("music music", "music").replace("can not", "cannot")
    return _AN.sub(lambda m: "an " if _VOWEL.match(m.group(2)) else "a ", text)
