"""English: the words of the skills."""

from __future__ import annotations

import datetime

from .english_chat import CHAT, SMALL_TALK
from .wording import LARGEST_SAYABLE, Wording

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
    "twenty": "twentieth",
    "thirty": "thirtieth",
}
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
MONTHS = (
    "january february march april may june july august september october november december"
).split()
JOKES = (
    "why did the clock go to school because it wanted to learn the time",
    "what do you call cheese that is not yours nacho cheese",
    "why did the tomato turn red because it saw the salad dressing",
    "what did the wall say to the other wall i will meet you at the corner",
    "why was the music teacher locked out because she left her keys on the piano",
    "what has four legs and can not walk a table",
)
SKIES = ("sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "clear", "stormy")


def number_words(number: int) -> str:
    """`-3` as `minus three`, `144` as `one hundred forty four`.

    Raises:
        ValueError: beyond -9999..9999.
    """
    if abs(number) > LARGEST_SAYABLE:
        raise ValueError(f"no words for {number}")
    if number < 0:
        return "minus " + number_words(-number)
    words = []
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            words += [_SMALL[number // size], name]
            number %= size
    if number >= 20:
        words.append(_TENS[number // 10])
        number %= 10
    if number or not words:
        words.append(_SMALL[number])
    return " ".join(words)


def ordinal_words(number: int) -> str:
    """`21` as `twenty first`, for 1 to 99."""
    head, _, last = number_words(number).rpartition(" ")
    return f"{head} {_ORDINALS.get(last, last + 'th')}".strip()


def time_words(hour: int, minute: int) -> str:
    """A clock time: `three fifteen in the afternoon`, `nine oh five at night`, `noon`."""
    if minute == 0 and hour in (0, 12):
        return "noon" if hour else "midnight"
    words = number_words((hour - 1) % 12 + 1)
    if minute:
        words += (" oh " if minute < 10 else " ") + number_words(minute)
    return f"{words} {part_of_day(hour)}"


def part_of_day(hour: int) -> str:
    """How people name the part of the day an hour lies in."""
    if 1 <= hour < 12:
        return "in the morning"
    if 12 <= hour < 17:
        return "in the afternoon"
    return "in the evening" if 17 <= hour < 21 else "at night"


def date_words(date: datetime.date) -> str:
    """`saturday the twenty first of november`."""
    month = MONTHS[date.month - 1]
    return f"{WEEKDAYS[date.weekday()]} the {ordinal_words(date.day)} of {month}"


def duration_words(seconds: int) -> str:
    """`four minutes and ten seconds`; a whole duration, largest unit first."""
    parts = []
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{number_words(count)} {unit}{'s' if count > 1 else ''}")
    return " and ".join(parts) or "zero seconds"


def weather_words(city: str, day: str, sky: str, degrees: int) -> str:
    """A whole sentence: `tomorrow in new york it will be sunny with twenty degrees`."""
    when = f"on {day}" if day in WEEKDAYS else day.replace("_", " ")
    when = {"weekend": "on the weekend", "day after tomorrow": "the day after tomorrow"}.get(
        when, when
    )
    be = "is" if day == "today" else "will be"
    unit = "degree" if abs(degrees) == 1 else "degrees"
    place = f" in {city.replace('_', ' ')}" if city else ""
    return f"{when}{place} it {be} {sky} with {number_words(degrees)} {unit}"


def dice_words(pips: int) -> str:
    """`a five`, `an eight`."""
    return f"{'an' if pips in (8, 11, 18) else 'a'} {number_words(pips)}"


# The ten phrases in Mandarin, in pinyin without tones; training/grammar/pronounce.py says how an
# English voice reads them.
CHINESE = {
    "hello": "ni hao",
    "thanks": "xie xie",
    "good_morning": "zao shang hao",
    "goodbye": "zai jian",
    "sorry": "dui bu qi",
    "good_night": "wan an",
    "how_much": "duo shao qian",
    "love_you": "wo ai ni",
    "where_toilet": "ce suo zai na li",
    "help": "jiu ming",
}
ENGLISH = {
    "hello": "hello",
    "thanks": "thank you",
    "good_morning": "good morning",
    "goodbye": "goodbye",
    "sorry": "i am sorry",
    "good_night": "good night",
    "how_much": "how much is it",
    "love_you": "i love you",
    "where_toilet": "where is the toilet",
    "help": "help me",
}
SENTENCES = {
    "sorry_unknown": "sorry i can not do that",
    "sorry_arguments": "sorry i did not get that",
    "sorry_crashed": "sorry that did not work",
    "light_on": "{room} light on",
    "light_off": "{room} light off",
    "light_dim": "{room} light at {percent} percent",
    "heat": "heating set to {degrees} degrees",
    "volume": "volume at {percent} percent",
    "music": "{genre} music is noted but there is no player connected",
    "any_music": "",
    "music_stop": "music stopped",
    "timer_set": "timer set for {duration}",
    "timer_cancel": "timer cancelled",
    "timer_none": "there is no timer running",
    "timer_left": "you have {duration} left",
    "timer_rings": "your timer for {duration} is done",
    "alarm_set": "alarm set for {time}",
    "alarm_rings": "it is {time} this is your alarm",
    "name": "nice to meet you {name}",
    "list": "{item} is on the list",
    "nothing_said": "i have not said anything yet",
    "too_large": "a very large number",
    "no_phrase": "not in my phrase book",
    "weather_offline": "i do not know the weather because i am offline",
    "weather_offline_in": "i do not know the weather in {city} because i am offline",
    "heads": "heads",
    "tails": "tails",
}


class English(Wording):
    """See `Wording`; an id's own words are its name."""

    language = "en"
    names = {}
    sentences = SENTENCES
    jokes = JOKES
    skies = SKIES
    in_mandarin = CHINESE
    in_english = ENGLISH
    small_talk = SMALL_TALK
    chat = CHAT

    def number(self, number: int) -> str:
        return number_words(number)

    def time(self, hour: int, minute: int) -> str:
        return time_words(hour, minute)

    def date(self, date: datetime.date) -> str:
        return date_words(date)

    def duration(self, seconds: int) -> str:
        return duration_words(seconds)

    def weather(self, city: str, day: str, sky: str, degrees: int) -> str:
        return weather_words(city, day, sky, degrees)

    def dice(self, pips: int) -> str:
        return dice_words(pips)


IN_ENGLISH = English()


def timer_words(seconds_left: int | None) -> str:
    """See `Wording.timer`."""
    return IN_ENGLISH.timer(seconds_left)


def no_weather_words(city: str) -> str:
    """See `Wording.no_weather`."""
    return IN_ENGLISH.no_weather(city)


def coin_words(heads: bool) -> str:
    """See `Wording.coin`."""
    return IN_ENGLISH.coin(heads)
