"""What people wrap around a request: please, could you, thanks, um.

The kind of a template says what may stand around it:
    command   starts with a verb: `could you ... for me`
    question  `excuse me ...`
    ask       the second half of an indirect question: `do you know ...`
    say       anything else: only hesitations and please
"""

from __future__ import annotations

import random

KINDS = ("command", "question", "ask", "say")

_FILLER = ["um", "uh", "well", "so", "okay", "hey", "oh", "alright", "now", "hi", "hello", "and"]
_BEFORE = {
    "command": [
        *["please"] * 5,
        *["can you", "could you"] * 5,
        *["can you please", "could you please", "would you please", "please could you"] * 2,
        *["would you", "will you", "hey can you", "hey could you", "okay please"] * 2,
        *["i would like you to", "i want you to", "i need you to"] * 2,
        "would you kindly",
        "can you just",
        "just",
        "go ahead and",
        "you can",
        "you should",
        "would you be able to",
        "is it possible to",
        "i was wondering if you could",
        "do me a favor and",
        "be so kind and",
        "are you able to",
        "i would be happy if you could",
        "if you could please",
        "let us",
        "could you maybe",
        "may i ask you to",
        "now please",
        "excuse me could you",
        "help me",
        "you need to",
        "quickly",
    ],
    "question": ["excuse me", "sorry", "please tell me", "tell me", "one question", "by the way"],
    "ask": [
        *["tell me", "can you tell me", "could you tell me", "do you know"] * 4,
        *["i want to know", "i would like to know", "please tell me", "let me know"] * 2,
        *["would you tell me", "i need to know", "can you please tell me"] * 2,
        "i wonder",
        "i was wondering",
        "do you happen to know",
        "would you mind telling me",
        "any idea",
        "can you check",
        "can you find out",
        "may i know",
        "may i ask",
        "can i ask",
        "hey tell me",
        "just tell me",
        "check",
        "can you say",
        "i am curious",
    ],
    "say": ["please", "excuse me"],
}
_AFTER = {
    "command": [
        *["please"] * 8,
        *["for me", "now", "thanks", "thank you", "right now"] * 3,
        *["for me please", "would you", "will you", "if you can"],
        *["immediately", "quickly", "okay", "at once", "if you do not mind", "again please"],
    ],
    "question": ["please", "please", "do you know", "by the way", "can you tell me", "right"],
    "ask": ["please", "please", "thanks"],
    "say": ["please", "please", "please", "thanks", "thank you"],
}
_BEFORE_RATE = {"command": 0.5, "question": 0.08, "ask": 1.0, "say": 0.06}
_AFTER_RATE = {"command": 0.3, "question": 0.1, "ask": 0.1, "say": 0.15}
_GERUND_LEADS = ("would you mind", "do you mind", "how about", "i would appreciate you")
_POLITE = {"please", "thanks", "now", "kindly"}


def wrap(rng: random.Random, kind: str, sentence: str) -> str:
    """The sentence with what a speaker may put around it."""
    before = after = ""
    if rng.random() < _BEFORE_RATE[kind]:
        before = rng.choice(_BEFORE[kind])
        if kind == "command" and rng.random() < 0.06:
            before, sentence = rng.choice(_GERUND_LEADS), _with_gerund(sentence)
    if rng.random() < _AFTER_RATE[kind]:
        after = rng.choice(_AFTER[kind])
    if after.split() and _POLITE & set(after.split()) & set(f"{before} {sentence}".split()):
        after = ""
    if (
        kind in ("question", "say")
        and before
        and _POLITE & set(before.split()) & set(sentence.split())
    ):
        before = ""
    words = f"{before} {sentence} {after}"
    if rng.random() < 0.07:
        words = f"{rng.choice(_FILLER)} {words}"
    return " ".join(words.split())


def _with_gerund(sentence: str) -> str:
    first, _, rest = sentence.partition(" ")
    return f"{gerund(first)} {rest}".strip()


def gerund(verb: str) -> str:
    """`set` as `setting`, `make` as `making`."""
    if verb.endswith("e") and not verb.endswith("ee") and verb != "be":
        return verb[:-1] + "ing"
    closed = len(verb) > 2 and verb[-1] in "bdgmnpt" and verb[-2] in "aeiou"
    if closed and verb[-3] not in "aeiou" and verb not in ("open", "deactivat", "lower", "remind"):
        return verb + verb[-1] + "ing"
    return verb + "ing"
