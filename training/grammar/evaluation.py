"""Fixed sets of turns to measure on: every intent equally often, the same for the same seed."""

from __future__ import annotations

import random

from .sampling import Turn, sample
from .templates import by_intent


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
