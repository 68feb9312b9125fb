"""What every language must have words for."""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

LARGEST_SAYABLE = 9999


class Wording(ABC):
    """The words of the skills in one language: sayable by a small voice, no digits, no punctuation.

    Attributes:
        language: its code, `en`, `cmn` or `yue`.
        names: how the values of a slot are called, `names["room"]["living_room"]`.
        sentences: what a skill says, with `{fields}` for words that are filled in.
        small_talk: several answers to a greeting, thanks and the like; those of `hello_name` hold a
            `{name}`.
        chat: several answers to each topic of a chat.
        jokes: whole jokes.
        skies: what the weather can be like.
        in_mandarin, in_english: the phrase book, a phrase's id and how it is said there.
    """

    language: str
    names: Mapping[str, Mapping[str, str]]
    sentences: Mapping[str, str]
    small_talk: Mapping[str, Sequence[str]]
    chat: Mapping[str, Sequence[str]]
    jokes: Sequence[str]
    skies: Sequence[str]
    in_mandarin: Mapping[str, str]
    in_english: Mapping[str, str]

    def say(self, sentence: str, **words: str) -> str:
        """A sentence by its name, with these words in it."""
        return " ".join(self.sentences[sentence].format(**words).split())

    def name(self, slot: str, identifier: str) -> str:
        """What a value of a slot is called; an unknown one by its id's own words."""
        known = self.names.get(slot, {}).get(identifier)
        return identifier.replace("_", " ") if known is None else known

    @abstractmethod
    def number(self, number: int) -> str:
        """`144` in words. Raises ValueError beyond -9999..9999."""

    @abstractmethod
    def time(self, hour: int, minute: int) -> str:
        """A clock time of 24 hours, with its part of the day."""

    @abstractmethod
    def date(self, date: datetime.date) -> str:
        """Weekday, day and month."""

    @abstractmethod
    def duration(self, seconds: int) -> str:
        """Hours, minutes and seconds, as many of them as are needed."""

    @abstractmethod
    def weather(self, city: str, day: str, sky: str, degrees: int) -> str:
        """A whole sentence; city and day are ids, an empty city is here, sky is one of `skies`."""

    @abstractmethod
    def dice(self, pips: int) -> str:
        """What a die shows."""

    def hello(self, name: str | None) -> Sequence[str]:
        """Greetings, for somebody whose name is known or not."""
        if name is None:
            return self.small_talk["hello"]
        named = self.name("name", name)
        return [greeting.format(name=named) for greeting in self.small_talk["hello_name"]]

    def coin(self, heads: bool) -> str:
        """The side a coin fell on."""
        return self.say("heads" if heads else "tails")

    def timer(self, seconds_left: int | None) -> str:
        """What a timer query answers; None when no timer runs."""
        if seconds_left is None:
            return self.say("timer_none")
        return self.say("timer_left", duration=self.duration(seconds_left))

    def no_weather(self, city: str) -> str:
        """What is said where nobody can be asked for the weather; an empty city is here."""
        if not city:
            return self.say("weather_offline")
        return self.say("weather_offline_in", city=self.name("city", city))
