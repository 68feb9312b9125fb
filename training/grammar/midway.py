"""Corrections within one sentence: `turn on the bedroom no the kitchen light`."""

from __future__ import annotations

import random

SHARE = 0.03  # of the sentences that have something to correct
_SLOTS = frozenset(
    "{room} {genre} {city} {item} {name} {percent} {degrees} {duration} {time}".split()
)
_WORDS = {
    ("en", "train"): ["no", "no", "sorry", "i mean", "no wait", "actually", "no no", "no i mean"],
    ("en", "heldout"): ["no sorry", "wait i mean"],
    ("cmn", "train"): ["不是", "不对", "不对是", "应该是", "我是说"],
    ("cmn", "heldout"): ["不对应该是", "不是我是说"],
    ("yue", "train"): ["唔係", "唔啱", "唔係呀係", "唔啱係", "應該係", "我係話"],
    ("yue", "heldout"): ["唔啱應該係", "唔係我係話"],
}


def corrected(rng: random.Random, words: list[str], split: str, language: str) -> list[str]:
    """The template with one of its slots twice, a word of correction between; the second counts.

    It stays as it is where it has no slot that can be said wrong.
    """
    places = [i for i, word in enumerate(words) if word in _SLOTS]
    if not places:
        return words
    at = rng.choice(places)
    again = rng.choice(_WORDS[language, split]).split()
    if at and words[at - 1] in ("the", "in", "for", "at", "to"):
        again.append(words[at - 1])
    return [*words[: at + 1], *again, *words[at:]]
