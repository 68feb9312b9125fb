"""Speech outside the domain, and speech broken off: everything that must not become an action."""

from __future__ import annotations

import functools
import random
import re
from pathlib import Path

from .expansion import Choice, compile_template

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


def draw(rng: random.Random, split: str, sentence: str, follow_up: str) -> str:
    """One utterance to decline.

    Args:
        rng: where chance comes from.
        split: `train` or `heldout`.
        sentence: a proper sentence of the domain, which may be broken off or shuffled.
        follow_up: one that means nothing without the turn before.
    """
    kind = rng.random()
    if kind < 0.5:
        return _filled(rng, split)
    if kind < 0.68:
        return _salad(rng)
    if kind < 0.83:
        return _broken_off(rng, sentence) or _filled(rng, split)
    if kind < 0.93:
        return _infected(rng, sentence)
    return follow_up


def _filled(rng: random.Random, split: str) -> str:
    words = rng.choice(templates(split)).draw(rng)
    return " ".join(_FILL[word](rng) if word in _FILL else word for word in words)


def _salad(rng: random.Random) -> str:
    """Common words in a row, the more frequent ones more often."""
    words = common_words()
    count = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9))
    tops = (200, 1000, 5000, len(words))
    return " ".join(words[rng.randrange(min(rng.choice(tops), len(words)))] for _ in range(count))


# A sentence is broken off only where a slot is still open: these words ask for more.
_OPEN_END = set(
    "a an the for to in at of and with by from on plus minus times add my set is how what turn "
    "switch put play wake me translate remind dim make between than up some weather".split()
)
_COMPLETE = {"how", "what", "is", "on", "up", "play", "some", "weather", "times", "in", "me"}


def _broken_off(rng: random.Random, sentence: str) -> str:
    """The beginning of a request that stops before it says anything: `set a`, `turn on the`."""
    words = sentence.split()
    ends = [
        n
        for n in range(2, len(words))
        if words[n - 1] in _OPEN_END - _COMPLETE and not _says_enough(words[:n])
    ]
    return " ".join(words[: rng.choice(ends)]) if ends else ""


_SLOT_WORDS = set(
    "timer alarm light lights lamp weather music volume sound forecast temperature joke coin dice "
    "time date thanks thank stop hello name louder quieter repeat again sorry".split()
)


def _says_enough(words: list[str]) -> bool:
    """Whether the beginning could already be meant as a whole request."""
    return bool(_SLOT_WORDS & set(words)) and words[-1] not in ("a", "an", "the", "for", "to", "at")


def _infected(rng: random.Random, sentence: str) -> str:
    """A sentence of the domain so full of other words that it means nothing."""
    words = sentence.split()
    common = common_words()
    kept = [word if rng.random() < 0.3 else common[rng.randrange(3000)] for word in words]
    return " ".join(kept[: rng.randint(2, 8)])


_THINGS = (
    "shoes laptop phone guitar bicycle camera sofa car ticket dress painting printer battery "
    "dragon horse puppy elephant robot rocket planet moon ocean mountain river castle bridge "
    "doctor teacher dentist lawyer neighbor boss president king queen king actor singer writer "
    "novel movie film poem story website password email message letter photo picture video game "
    "football tennis baseball soccer chess match score team player pizza soup salad steak burger "
    "sandwich salmon curry noodles pancakes cake cookies wine beer juice recipe restaurant hotel "
    "flight train bus taxi airport station hospital school library museum theater bank market "
    "insurance mortgage salary bitcoin stocks dollars euros economy election war peace history "
    "physics math chemistry biology language religion philosophy window door table chair bed "
    "vacuum washer dishwasher oven fridge television curtains fan blinds microwave shower"
).split()
_PEOPLE = (
    "napoleon einstein shakespeare mozart obama lincoln cleopatra newton picasso beethoven madonna "
    "elvis gandhi darwin columbus caesar galileo tesla marie churchill mandela mom dad mother "
    "father brother sister uncle aunt grandma grandpa daughter son wife husband doctor"
).split()
_PLACES = (
    "france germany italy spain brazil africa america canada mexico india japan china russia egypt "
    "australia rome vienna moscow california texas florida europe asia england ireland greece "
    "sweden norway"
).split()


def _number(rng: random.Random) -> str:
    from vivavoce.models.nano.numbers import to_words

    return to_words(rng.choice((rng.randint(1, 12), rng.randint(1, 100), rng.randint(100, 2100))))


_FILL = {
    "{thing}": lambda rng: rng.choice(_THINGS),
    "{person}": lambda rng: rng.choice(_PEOPLE),
    "{place}": lambda rng: rng.choice(_PLACES),
    "{word}": lambda rng: common_words()[rng.randrange(6000)],
    "{number}": _number,
}
