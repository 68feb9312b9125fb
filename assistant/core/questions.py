"""Whether a reply asks the user something: the answer may take its time, and "yes" is one."""

from __future__ import annotations

import re

_MARKS = ("?", "\uff1f")
_PARTICLES = ("\u5417", "\u5462", "\u55ce", "\u54a9")  # ma, ne, maa, me: ends of Chinese questions
_CLOSING = " \"'\u201d\u2019)\u300d"
_ASKS = re.compile(r"\b(?:can|could|may|shall|should|would|will|do|did|are|have) (?:i|we|you)\b")
"""How a question reads without punctuation, as nano speaks: `hello how can i help you`. Not
every `why` asks: nano's jokes answer it themselves."""
_ASKS_IN_CHINESE = re.compile(
    r"(.)[唔不]\1|有冇|有没有|係咪|有咩|(?<!没)(?<!没有)什么$|怎么样$|點樣$"
)
"""Questions without a particle: "want not want" as 要唔要, 是不是, 有冇; what, how at the end."""
_PUNCTUATION = re.compile(r"[.!,;:\u3002\uff01\uff0c]")


def is_question(text: str) -> bool:
    """Whether the last sentence of a reply is a question."""
    text = text.strip().rstrip(_CLOSING)
    if text.endswith(_MARKS + _PARTICLES):
        return True
    if _PUNCTUATION.search(text):
        return False
    return bool(_ASKS.search(text.lower()) or _ASKS_IN_CHINESE.search(text))
