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
    if kind < 0.4:
        return _filled(rng, split, language)
    if kind < 0.6:
        return small_world.statement(rng) if english else chinese_world.statement(rng, language)
    if kind < 0.72:
        return _salad(rng) if english else chinese_world.salad(rng, language)
    if kind < 0.8:
        return _broken_off(request, language)
    if kind < 0.89:
        return _reported(rng, sentence, language)
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
    return _put_in(rng, words, language)


def _put_in(rng: random.Random, words: list[str], language: str) -> str:
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


_REPORTS = {
    "en": "{person} (told|asked|wanted) (me|him|her|us|them|you) to",
    "cmn": "({person}|他|她|他们)[昨天|刚才|以前|早就](让|叫|要|想让)(我|他|她|你|我们)",
    "yue": "({person}|佢|佢哋)[琴日|頭先|以前|早就](叫|要|想)(我|佢|你|我哋)",
}
_ORDERS = {  # what may be left out before one, and the order itself
    "en": re.compile(
        "(?:(?:can|could|would|will) you |i (?:want|need|would like) you to |just )?"
        "((?:turn|switch|set|play|add|put|make|start|stop|dim|wake|open|tell|give|read|pick) .*)"
    ),
    "cmn": re.compile("(?:帮我|给我|我要|我想|我想要|你)?([开关打播放设加调停取定订唱掷翻算把].*)"),
    "yue": re.compile("(?:幫我|同我|我要|我想|我想要|你)?([開熄閂播放較整停取加唱擲譯計買將].*)"),
}
_ASKED = re.compile("please|吗|呢|你|呀|啊")


@functools.cache
def _report(language: str) -> Choice:
    return compile_template(_REPORTS[language])


def _reported(rng: random.Random, sentence: str, language: str) -> str:
    """An order somebody gave to somebody else: `my mother told me to turn on the light`."""
    order = _ORDERS[language].fullmatch(sentence)
    if order is None or _ASKED.search(order[1]):
        return ""
    words = _put_in(rng, _report(language).draw(rng), language)
    return f"{words} {order[1]}" if language == "en" else words + order[1]


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
