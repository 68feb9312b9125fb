"""Fixed sets to measure on: the same for the same seed, from held-out sentences.

`eval_turns` are turns that stand alone, every intent equally often. `sets` are conversations; the
last turn of each is what is judged, those before it are what it needs.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from ..languages import LANGUAGES
from . import dialogues, followups
from .confirmations import confirmation, corrected_turn
from .sampling import Turn, corrected_midway, reject, sample
from .templates import by_intent

Conversation = list[Turn]


def eval_turns(split: str, n: int, seed: int = 0, language: str = "en") -> list[Turn]:
    """`n` turns, intents in rotation and shuffled; no sentence twice where it can be avoided."""
    rng = random.Random(f"{seed}/{split}/{language}")
    intents = sorted([*by_intent(language, split), "reject"])
    turns: list[Turn] = []
    seen: set[str] = set()
    for number in range(n):
        for _ in range(20):
            turn = sample(rng, language, split, intents[number % len(intents)])
            if turn.user not in seen:
                break
        seen.add(turn.user)
        turns.append(turn)
    rng.shuffle(turns)
    return turns


def sets(
    language: str, n: int, seed: int = 0, split: str = "heldout"
) -> dict[str, list[Conversation]]:
    """`n` conversations of each kind that there is in a language.

    out_of_domain: a turn to decline. small_talk: a chat. follow_up: a turn that needs the one
    before. correction: one that puts the turn before right. midway: a correction within the
    sentence. confirmation: the answer to a question, whose turn has an action that begins with
    `confirm`. by_name: a greeting or a question once the name was said. switched: a turn after one
    in another language. code_switch: English words in a Chinese sentence.
    """
    makers = dict(_MAKERS)
    if language == "en":
        del makers["code_switch"]
    found = {}
    for name, make in makers.items():
        rng = random.Random(f"{seed}/{split}/{language}/{name}")
        found[name] = [make(rng, language, split) for _ in range(n)]
    return found


def _out_of_domain(rng: random.Random, language: str, split: str) -> Conversation:
    return [reject(rng, split, language)]


def _small_talk(rng: random.Random, language: str, split: str) -> Conversation:
    return [sample(rng, language, split, "chat")]


def _follow_up(rng: random.Random, language: str, split: str) -> Conversation:
    intents = [name for name in by_intent(language, split) if followups.follows(name, language)]
    first = sample(rng, language, split, rng.choice(intents))
    return [first, dialogues.follow_up(rng, first, split, language)]


def _correction(rng: random.Random, language: str, split: str) -> Conversation:
    while True:
        first = sample(rng, language, split)
        corrected = followups.correction(rng, split, first.intent, language)
        if corrected:
            return [first, corrected_turn(rng, first, corrected, language)]


def _midway(rng: random.Random, language: str, split: str) -> Conversation:
    return [corrected_midway(rng, language, split)]


def _confirmation(rng: random.Random, language: str, split: str) -> Conversation:
    return confirmation(rng, language, split)


def _by_name(rng: random.Random, language: str, split: str) -> Conversation:
    first = sample(rng, language, split, "name")
    return [first, dialogues.by_name(rng, first.arguments["name"], split, language)]


def _switched(rng: random.Random, language: str, split: str) -> Conversation:
    other = rng.choice([name for name in LANGUAGES if name != language])
    return [sample(rng, other, split), sample(rng, language, split)]


def _code_switch(rng: random.Random, language: str, split: str) -> Conversation:
    while True:
        turn = sample(rng, language, split)
        if turn.intent not in ("reject", "tr_zh") and re.search("[a-z]", turn.user):
            return [turn]


_MAKERS: dict[str, Callable[[random.Random, str, str], Conversation]] = {
    "out_of_domain": _out_of_domain,
    "small_talk": _small_talk,
    "follow_up": _follow_up,
    "correction": _correction,
    "midway": _midway,
    "confirmation": _confirmation,
    "by_name": _by_name,
    "switched": _switched,
    "code_switch": _code_switch,
}
