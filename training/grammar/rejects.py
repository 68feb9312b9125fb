"""Speech outside the domain, and speech broken off: everything that must not become an action."""

from __future__ import annotations

import functools
import random
import re
from pathlib import Path

from vivavoce.models.nano.numbers import to_words

from .expansion import Choice, compile_template
from .small_world import PEOPLE, PLACES, THINGS, statement
from .templates import load, pattern

_ROUGH = re.compile(
    "fuck|shit|cunt|nigg|porn|bitch|rape|slut|whore|fag|penis|vagina|dick|sex|nazi|cock$|pussy"
)


@functools.cache
def common_words(count: int = 10000) -> tuple[str, ...]:
    """The most frequent English words, letters and apostrophes only, rough ones left out."""
    from wordfreq import top_n_list

    words = top_n_list("en", count)
    return tuple(w for w in words if re.fullmatch(r"[a-z]+('[a-z]+)?", w) and not _ROUGH.search(w))


@functools.cache
def templates(split: str) -> tuple[Choice, ...]:
    """Out-of-domain sentences with `{word}`, `{thing}`, `{person}`, `{number}` to fill."""
    lines = (Path(__file__).parent / "english" / "reject.list").read_text().splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    kept = [line for line in lines if line.startswith("~") == (split == "heldout")]
    return tuple(compile_template(line.lstrip("~ ")) for line in kept)


def draw(rng: random.Random, split: str, request: list[str], sentence: str, follow_up: str) -> str:
    """One utterance to decline.

    Args:
        rng: where chance comes from.
        split: `train` or `heldout`.
        request: a request of the domain with its slots open, to break off.
        sentence: the same with its slots filled, to mix with other words.
        follow_up: one that means nothing without the turn before.
    """
    while True:
        text = _any(rng, split, request, sentence, follow_up)
        if text and not _is_request(text):
            return text


def _any(rng: random.Random, split: str, request: list[str], sentence: str, follow_up: str) -> str:
    kind = rng.random()
    if kind < 0.42:
        return _filled(rng, split)
    if kind < 0.62:
        return statement(rng)
    if kind < 0.75:
        return _salad(rng)
    if kind < 0.85:
        return _broken_off(request)
    return _infected(rng, sentence) if kind < 0.94 else follow_up


@functools.cache
def _whole_requests() -> frozenset[str]:
    """Everything the English templates say without a slot."""
    found = {pattern(words, "en") for t in load("en") for words in t.choice.all()}
    return frozenset(text for text in found if "{" not in text)


def _is_request(text: str) -> bool:
    """Whether the text is a request after all, politeness aside."""
    words = text.split()
    kept = [word for word in words if word not in ("please", "okay", "um", "uh", "hey", "now")]
    return " ".join(words) in _whole_requests() or " ".join(kept) in _whole_requests()


def _filled(rng: random.Random, split: str) -> str:
    words = rng.choice(templates(split)).draw(rng)
    return " ".join(_FILL[word](rng) if word in _FILL else word for word in words)


def _salad(rng: random.Random) -> str:
    """Common words in a row, the more frequent ones more often."""
    words = common_words()
    count = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9))
    tops = (200, 1000, 5000, len(words))
    return " ".join(words[rng.randrange(min(rng.choice(tops), len(words)))] for _ in range(count))


def _broken_off(request: list[str]) -> str:
    """The beginning of a request that stops before its slot: `set a`, `turn on the`."""
    slots = [word for word in request if word.startswith("{")]
    if not slots or slots[0] in ("{day}", "{days}", "{when}"):
        return ""
    start = request[: request.index(slots[0])]
    return " ".join(start) if len(start) > 1 else ""


def _infected(rng: random.Random, sentence: str) -> str:
    """A sentence of the domain so full of other words that it means nothing."""
    words = sentence.split()
    common = common_words()
    kept = [word if rng.random() < 0.3 else common[rng.randrange(3000)] for word in words]
    return " ".join(kept[: rng.randint(2, 8)])


def _number(rng: random.Random) -> str:
    return to_words(rng.choice((rng.randint(1, 12), rng.randint(1, 100), rng.randint(100, 2100))))


_FILL = {
    "{thing}": lambda rng: rng.choice(THINGS),
    "{person}": lambda rng: rng.choice(PEOPLE),
    "{place}": lambda rng: rng.choice(PLACES),
    "{word}": lambda rng: common_words()[rng.randrange(6000)],
    "{number}": _number,
}
