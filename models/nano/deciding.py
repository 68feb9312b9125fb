"""Deciding on an action, and how sure of it nano is.

    confidence = P(intent) · the least P of the tokens after it · mean P of the transcript's tokens

P(intent) is among the intents, the others are among all tokens; a line is as sure as its most
doubtful word, its end among them ("ten" or "ten thirty"). What was typed is heard for certain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .actions import Action, parse
from .text import ACT, REP, Text
from .thinker import Thinker

MAX_ACTION_TOKENS = 24

Feed = Callable[[list[int]], Tensor]
"""Appends tokens to the thinker's memory and gives the last hidden vector [D]."""


@dataclass(frozen=True)
class Decision:
    """An action, its line as the thinker wrote it, and how sure of it nano is, 0 to 1."""

    action: Action
    line: str
    confidence: float
    n_tokens: int


def decide(thinker: Thinker, text: Text, feed: Feed, least: float, heard: float) -> Decision | None:
    """Have the thinker write an action line; None where it is not sure enough, or is no action.

    Args:
        thinker: decodes greedily.
        text: the tokenizer.
        feed: leaves what was written in the thinker's memory, also where None is given.
        least: confidence below which no action is taken.
        heard: how sure the transcript is; 1 for what was typed.
    """
    chances = thinker.logits(feed([ACT]))[text.intents].softmax(-1)
    probability, best = chances.max(-1)
    if float(probability) * heard < least:  # the rest can only lower it
        return None
    intent = text.intents.start + int(best)
    tokens, surest = _slots(thinker, feed, intent)
    line = f"{text.intent_name(intent)} {text.decode(tokens)}".rstrip()
    action = parse(line)
    confidence = float(probability) * surest * heard
    if action is None or confidence < least:
        return None
    return Decision(action, line, confidence, 1 + len(tokens))


def _slots(thinker: Thinker, feed: Feed, intent: int) -> tuple[list[int], float]:
    """The tokens after an intent, and the least of their probabilities."""
    hidden, tokens, least = feed([intent]), [], 1.0
    while len(tokens) < MAX_ACTION_TOKENS:
        probability, token = thinker.logits(hidden).softmax(-1).max(-1)
        least = min(least, float(probability))
        if int(token) == REP:
            break
        tokens.append(int(token))
        hidden = feed([int(token)])
    return tokens, least
