"""What nano answers: one sentence for each intent and its arguments.

`<result>` stands where the tool's words are spoken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.assistant.skills.wording import duration_words, number_words, time_words
from vivavoce.models.nano.domain import OPERATORS, PHRASES, words_of

RESULT = "<result>"
SORRY = "sorry i did not get that"

PHRASE_NAMES = {phrase: words_of(phrase) for phrase in PHRASES} | {
    "thanks": "thank you",
    "how_much": "how much is it",
    "love_you": "i love you",
    "where_toilet": "where is the toilet",
    "help": "help me",
}
_FIXED = {
    "timer_cancel": "okay the timer is off",
    "timer_query": RESULT,
    "time": f"it is {RESULT}",
    "date": f"today is {RESULT}",
    "weather": RESULT,
    "vol_up": "okay a bit louder",
    "vol_down": "okay a bit quieter",
    "stop": "okay",
    "repeat": f"i said {RESULT}",
    "music_stop": "okay the music is off",
    "hello": "hello how can i help you",
    "how": "i am fine thank you",
    "who": "i am viva your voice assistant",
    "can": "i can set timers and alarms play music and answer questions",
    "thanks": "you are welcome",
    "bye": "goodbye see you soon",
    "joke": RESULT,
    "tr_en": f"in english that is {RESULT}",
    "coin": f"it is {RESULT}",
    "dice": f"you rolled {RESULT}",
    "reject": SORRY,
    "chat": RESULT,
}


def reply(intent: str, arguments: Mapping[str, Any]) -> str:
    """The English reply to an action."""
    if intent in _FIXED:
        return _FIXED[intent]
    return _WITH_SLOTS[intent](arguments)


def _room(a: Mapping[str, Any]) -> str:
    return f"okay the {words_of(a['room'])} light is"


def _calc(a: Mapping[str, Any]) -> str:
    word = {op: word for word, op in OPERATORS.items()}[a["op"]]
    return f"{number_words(a['a'])} {word} {number_words(a['b'])} is {RESULT}"


def _alarm(a: Mapping[str, Any]) -> str:
    hour, minute = (int(part) for part in a["time"].split(":"))
    return f"alarm set for {time_words(hour, minute)}"


_WITH_SLOTS = {
    "timer_set": lambda a: f"timer set for {duration_words(a['duration_s'])}",
    "light_on": lambda a: f"{_room(a)} on",
    "light_off": lambda a: f"{_room(a)} off",
    "light_dim": lambda a: f"{_room(a)} at {number_words(a['percent'])} percent",
    "calc": _calc,
    "vol_set": lambda a: f"okay volume at {number_words(a['percent'])} percent",
    "music": lambda a: (
        f"okay here is some {words_of(a['genre']) + ' ' if 'genre' in a else ''}music"
    ),
    "alarm": _alarm,
    "heat": lambda a: f"okay heating to {number_words(a['degrees'])} degrees",
    "list": lambda a: f"{words_of(a['item'])} added to your list",
    "name": lambda a: f"nice to meet you {a['name']}",
    "tr_zh": lambda a: f"in chinese {PHRASE_NAMES[a['phrase']]} is {RESULT}",
}
