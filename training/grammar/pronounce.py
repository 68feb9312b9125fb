"""How a synthesizer must be told to read words whose spelling misleads an English voice."""

from __future__ import annotations

import re

from vivavoce.models.nano.numbers import from_words

_RESPELT = {
    "ni hao": "nee how",
    "xie xie": "shyeh shyeh",
    "zao shang hao": "dzow shahng how",
    "zai jian": "dzigh jyen",
    "dui bu qi": "dway boo chee",
    "wan an": "wahn ahn",
    "duo shao qian": "dwaw shaow chyen",
    "wo ai ni": "waw eye nee",
    "ce suo zai na li": "tsuh swaw dzigh nah lee",
    "jiu ming": "jyo ming",
    "xian": "shee ahn",
    "guangzhou": "gwahng joe",
    "hangzhou": "hahng joe",
    "chongqing": "chong ching",
    "viva": "veeva",
}
_PATTERN = re.compile(r"\b(" + "|".join(sorted(_RESPELT, key=len, reverse=True)) + r")\b")


def pronounce(text: str) -> str:
    """English text as a synthesizer should get it: `seven am` as `seven a.m.`, `ni hao` respelt."""
    words = text.split()
    for at in range(1, len(words)):
        before = words[at - 1]
        if words[at] in ("am", "pm") and (from_words(before) is not None or before == "o'clock"):
            words[at] = f"{words[at][0]}.m."
    return _PATTERN.sub(lambda match: _RESPELT[match.group()], " ".join(words))
