"""Names of languages and dialects, as people and clients write them.

A model has its own names ("en", or "english"); here every usual name of a language finds the
model's. A dialect is a language of its own here: what a person speaks is one of these. Where a
model has no Sichuanese its Mandarin will do; Shanghainese and Minnan are too far from anything
else, so a model either has them or not.
"""

from __future__ import annotations

from collections.abc import Sequence

AUTO = "auto"
_CODES = {
    "mandarin": "zh",
    "cantonese": "yue",
    "sichuanese": "zh-sichuan",
    "shanghainese": "wuu",
    "minnan": "nan",
    "english": "en",
}
_NAMES = {
    "mandarin": "zh zh-cn zh-tw cmn chinese putonghua 普通话 普通話 国语 國語 汉语 漢語 中文",
    "cantonese": "yue zh-hk zh-mo zh-hant-hk zh-hant-mo zh-yue 粤语 粵語 广东话 廣東話",
    "sichuanese": "sichuan szechuanese zh-sichuan 四川话 四川話",
    "shanghainese": "wuu shanghai zh-wuu 上海话 上海話",
    "minnan": "nan hokkien taiwanese zh-min-nan 闽南话 閩南話 闽南语 閩南語",
    "english": "en en-us en-gb en-au en-in 英语 英語 英文",
}
_NEAREST = {"sichuanese": "mandarin"}
_KNOWN_AS = {alias: name for name, aliases in _NAMES.items() for alias in (name, *aliases.split())}


def known_language(wanted: str, languages: Sequence[str]) -> str | None:
    """The model's own name of a language, AUTO for that, None for one it does not have.

    A dialect may be taken for the language it belongs to.

    Args:
        wanted: a name as people write it.
        languages: the model's names.
    """
    plain = _plain(wanted)
    if plain == AUTO:
        return AUTO
    own = {_plain(name): name for name in reversed(languages)}
    return own.get(plain) or own.get(_NEAREST.get(plain, plain))


def language_code(name: str) -> str | None:
    """The usual code of a model's language, itself where there is none; None for AUTO."""
    return None if name in (AUTO, "") else _CODES.get(_plain(name), name)


def _plain(name: str) -> str:
    """One name for all of a language; of a region that has none of its own, the language's."""
    folded = name.strip().casefold().replace("_", "-")
    base = folded.partition("-")[0]
    return _KNOWN_AS.get(folded) or _KNOWN_AS.get(base, base)
