"""Whether a reply asks the user something: then the answer may take its time."""

from __future__ import annotations

import re

_MARKS = ("?", "\uff1f")
_PARTICLES = ("\u5417", "\u5462", "\u55ce", "\u54a9")  # ma, ne, maa, me: ends of Chinese questions
_CLOSING = " \"'\u201d\u2019)\u300d"
_ASKS = re.compile(r"\b(?:can|could|may|shall|should|would|will|do|did|are|have) (?:i|we|you)\b")
"""How a question reads without punctuation, as nano speaks: `hello how can i help you`. Not
every `why` asks: nano's jokes answer it themselves."""
_WHETHER = re.compile("(.)[\u5514\u4e0d]\\1|\u6709\u51c7|\u6709\u6ca1\u6709|\u4fc2\u54aa")
"""Chinese questions of the form "want not want": 要唔要, 是不是; 有冇, 有没有, 係咪."""
_PUNCTUATION = re.compile(r"[.!,;:\u3002\uff01\uff0c]")


def is_question(text: str) -> bool:
    """Whether the last sentence of a reply is a question."""
    text = text.strip().rstrip(_CLOSING)
    if text.endswith(_MARKS + _PARTICLES):
        return True
    if _PUNCTUATION.search(text):
        return False
    return bool(_ASKS.search(text.lower()) or _WHETHER.search(text))
