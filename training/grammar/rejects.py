"""Speech outside the domain, and speech broken off: everything that must not become an action."""

from __future__ import annotations

import functools
import random
import re
from pathlib import Path

from vivavoce.models.nano.numbers import to_words

from . import chinese_world, small_world
from .expansion import Choice, compile_template
from .small_world import PEOPLE, PLACES, THINGS
from .templates import FOLDERS, load, pattern

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
def templates(split: str, language: str = "en") -> tuple[Choice, ...]:
    """Out-of-domain sentences with `{word}`, `{thing}`, `{person}`, `{number}` to fill."""
    path = Path(__file__).parent / FOLDERS[language] / "reject.list"
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    kept = [line for line in lines if line.startswith("~") == (split == "heldout")]
    return tuple(compile_template(line.lstrip("~ ")) for line in kept)


@functools.cache
def reserved(language: str) -> frozenset[str]:
    """Every held-out way to say something out of the domain, slots still open."""
    held = templates("heldout", language)
    return frozenset(pattern(words, language) for choice in held for words in choice.all())


def draw(
    rng: random.Random,
    split: str,
    request: list[str],
    sentence: str,
    follow_up: str,
    language: str = "en",
) -> str:
    """One utterance to decline.

    Args:
        rng: where chance comes from.
        split: `train` or `heldout`.
        request: a request of the domain with its slots open, to break off.
        sentence: the same with its slots filled, to mix with other words.
        follow_up: one that means nothing without the turn before.
        language: the language spoken.
    """
    while True:
        text = _any(rng, split, request, sentence, follow_up, language)
        if not text or is_request(text, language):
            continue
        if split == "heldout" or text not in reserved(language):
            return text


def _any(
    rng: random.Random,
    split: str,
    request: list[str],
    sentence: str,
    follow_up: str,
    language: str,
) -> str:
    english = language == "en"
    kind = rng.random()
    if kind < 0.42:
        return _filled(rng, split, language)
    if kind < 0.62:
        return small_world.statement(rng) if english else chinese_world.statement(rng, language)
    if kind < 0.75:
        return _salad(rng) if english else chinese_world.salad(rng, language)
    if kind < 0.85:
        return _broken_off(request, language)
    if kind >= 0.94:
        return follow_up
    return _infected(rng, sentence) if english else _infected_chinese(rng, sentence, language)


@functools.cache
def _whole_requests(language: str) -> frozenset[str]:
    """Everything the templates of a language say without a slot."""
    found = {pattern(words, language) for t in load(language) for words in t.choice.all()}
    return frozenset(text for text in found if "{" not in text)


_POLITE = {
    "cmn": re.compile("请问|请你?|帮我|谢谢|好吗|吧|嗯|呢|啊|了$|呀"),
    "yue": re.compile("請問|唔該|幫我|多謝|好嗎|啦|喇|呀|呢"),
}


def is_request(text: str, language: str) -> bool:
    """Whether the text is a request after all, politeness aside."""
    whole = _whole_requests(language)
    if language != "en":
        return text in whole or _POLITE[language].sub("", text) in whole
    words = text.split()
    kept = [word for word in words if word not in ("please", "okay", "um", "uh", "hey", "now")]
    return " ".join(words) in whole or " ".join(kept) in whole


def _filled(rng: random.Random, split: str, language: str) -> str:
    words = rng.choice(templates(split, language)).draw(rng)
    if split == "train" and pattern(words, language) in reserved(language):
        return ""
    if language == "en":
        return " ".join(_FILL[word](rng) if word in _FILL else word for word in words)
    filled = (chinese_world.fill(rng, w, language) if w.startswith("{") else w for w in words)
    return "".join(filled)


def _salad(rng: random.Random) -> str:
    """Common words in a row, the more frequent ones more often."""
    words = common_words()
    count = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9))
    tops = (200, 1000, 5000, len(words))
    return " ".join(words[rng.randrange(min(rng.choice(tops), len(words)))] for _ in range(count))


def _broken_off(request: list[str], language: str) -> str:
    """The beginning of a request that stops before its slot: `set a`, `turn on the`."""
    slots = [word for word in request if word.startswith("{")]
    if not slots or slots[0] in ("{day}", "{days}", "{when}"):
        return ""
    start = pattern(request[: request.index(slots[0])], language)
    return start if len(start.split() if language == "en" else start) > 1 else ""


def _infected(rng: random.Random, sentence: str) -> str:
    """A sentence of the domain so full of other words that it means nothing."""
    words = sentence.split()
    common = common_words()
    kept = [word if rng.random() < 0.3 else common[rng.randrange(3000)] for word in words]
    return " ".join(kept[: rng.randint(2, 8)])


def _infected_chinese(rng: random.Random, sentence: str, language: str) -> str:
    """The same in Chinese: pieces of one to three signs between common words."""
    common = chinese_world.common_words(language)
    units = re.findall(r" ?[a-z' ]+|.", sentence)
    pieces, at = [], 0
    while at < len(units):
        size = rng.randint(1, 3)
        kept = rng.random() < 0.3
        pieces.append("".join(units[at : at + size]) if kept else common[rng.randrange(2000)])
        at += size
    return "".join(pieces[: rng.randint(2, 6)])


def _number(rng: random.Random) -> str:
    return to_words(rng.choice((rng.randint(1, 12), rng.randint(1, 100), rng.randint(100, 2100))))


_FILL = {
    "{thing}": lambda rng: rng.choice(THINGS),
    "{person}": lambda rng: rng.choice(PEOPLE),
    "{place}": lambda rng: rng.choice(PLACES),
    "{word}": lambda rng: common_words()[rng.randrange(6000)],
    "{number}": _number,
}
