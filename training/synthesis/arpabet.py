"""The phones of flite and festival in the names of espeak-ng's American English.

What espeak-ng has as one phone is one here too: a vowel and the r that colours it.
"""

from __future__ import annotations

from collections.abc import Sequence

_NAMES = {
    "aa": "0",
    "ae": "a",
    "ah": "V",
    "ao": "O",
    "aw": "aU",
    "ax": "@",
    "axr": "3",
    "ay": "aI",
    "ch": "tS",
    "dh": "D",
    "dx": "t#",
    "eh": "E",
    "el": "@L",
    "em": "m",
    "en": "n-",
    "er": "3",
    "ey": "eI",
    "hh": "h",
    "hv": "h",
    "ih": "I",
    "iy": "i",
    "jh": "dZ",
    "ng": "N",
    "nx": "n",
    "ow": "oU",
    "oy": "OI",
    "sh": "S",
    "th": "T",
    "uh": "U",
    "uw": "u",
    "y": "j",
    "zh": "Z",
}
_BEFORE_R = {"aa": "A@", "ao": "O@", "eh": "e@", "ih": "i@3", "iy": "i@3", "uh": "U@"}
_PAUSES = ("pau", "h#", "brth", "sil", "ssil")
_VOWELS = frozenset("aa ae ah ao aw ax axr ay eh el em en er ey ih iy ow oy uh uw".split())


def as_espeak(phones: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """(start sample, phone) of every phone; pauses are "_"."""
    named = []
    after = [name for _, name in phones[1:]] + ["pau", "pau"]
    coloured = False
    for i, (start, name) in enumerate(phones):
        if coloured:
            coloured = False
            continue
        coloured = name in _BEFORE_R and after[i] == "r" and after[i + 1] not in _VOWELS
        plain = "_" if name in _PAUSES else _NAMES.get(name, name)
        named.append((start, _BEFORE_R[name] if coloured else plain))
    return named
