"""What nano's voice learns to say: assistant replies and chains of everyday words.

Words are drawn evenly, so that every number, city and name is heard equally often. A text whose
checksum says so is held out: no stage trains on it, evaluation speaks nothing else.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import count

from vivavoce.assistant.skills.wording import JOKES, MONTHS, SKIES
from vivavoce.models.nano.domain import CITIES, GENRES, ITEMS, NAMES, ROOMS, WEEKDAYS

from . import grammar

REPLY_SHARE = 0.6  # of the voice's texts; the rest are everyday words

ONES = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_GROUPS = {
    "one": ONES,
    "ten": TENS,
    "room": "kitchen|bedroom|living room|bathroom|office|hallway|garage|garden|dining room|basement"
    "|balcony|house",
    "genre": "jazz rock classical pop country blues folk dance light",
    "day": "today|tomorrow|the day after tomorrow|on monday|on tuesday|on wednesday|on thursday"
    "|on friday|on saturday|on sunday|this weekend|tonight|this morning|this evening",
    "city": "london|paris|new york|tokyo|beijing|shanghai|hong kong|berlin|madrid|sydney|toronto"
    "|chicago|boston|singapore|dublin|glasgow|guangzhou|shenzhen|hangzhou|chengdu|nanjing|wuhan"
    "|xian|taipei|chongqing|macau|kowloon|shatin|tsuen wan|yuen long",
    "item": "milk eggs bread apples butter cheese rice coffee tea sugar bananas tomatoes chicken"
    " soap water pasta",
    "name": "alice bob charlie david emma frank grace henry jack kate laura michael nancy oliver"
    " peter rachel sarah thomas victor wendy james lucy anna george",
    "month": "january february march april may june july august september october november"
    " december",
    "sky": "sunny|cloudy|rainy|windy|snowy|foggy|clear|stormy|partly cloudy|dry|warm|cold|hot",
    "ordinal": "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
    " thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
    " thirtieth",
    "unit": "second seconds minute minutes hour hours percent degrees",
    "word": "a about after again all also always am an and any are around as at away back be been"
    " before begin best better between big book both bring but by call can car change children"
    " city clean close come computer could count cup day dear did different do does done door"
    " down each early earth easy eat else end enough even evening every example eye face family"
    " far fast father feel few find fine fire first five food foot for found four friend from"
    " full game gave get girl give glad go good great green ground group grow had half hand happy"
    " hard has have he head hear heard heart help her here high him his hold home hope house how"
    " i idea if important in into is it it's i'm i've i'll don't can't you're that's let's what's"
    " just keep kind king know large last later learn leave left life light like line list"
    " listen little live long look lot love made make man many may me mean measure might mind"
    " money month moon more morning most mother mountain move much music must my name near need"
    " never new next nice night no not nothing now number of off often oh okay old on once only"
    " open or order other our out over own page paper part people perhaps person picture place"
    " plan play please point power press problem put question quick quiet quite rain read ready"
    " real red remember rest right river road room round run said same saw say school sea second"
    " see seem sentence set she ship shoe short should show side since sing sit sky sleep slow"
    " small snow so some something song soon sorry sound speak special spring stand star start"
    " state stay still stop story street strong such summer sun sure system table take talk tell"
    " temperature than thank thanks that the their them then there these they thing think this"
    " those thought three through thing time to today together told too took top town travel"
    " treasure tree tried true try turn two under understand until up us use usual vacation"
    " value vegetable very view vision visit voice wait walk want warm was watch water way we"
    " weather week welcome well went were what when where which while white who whole why will"
    " wind window winter wish with without woman word work world would write wrong year yellow"
    " yes yesterday yet you young your youth zero joke coin dice heads tails timer alarm"
    " shopping translate calendar volume louder quieter heating thermostat assistant viva"
    " goodbye pleasure measure garage azure oyster enjoy boy joy choice vowel hour flower",
}
_TEMPLATES = (
    "okay the {room} light is on",
    "the light in the {room} is off now",
    "i set the {room} light to {number} percent",
    "your timer for {number} minutes is running",
    "i set a timer for {number} {unit}",
    "there are {number} minutes and {number} seconds left",
    "the timer is cancelled",
    "there is no timer running",
    "it is {one} {number}",
    "it is {one} o'clock",
    "the time is {one} {ten} {one}",
    "it's half past {one} in the morning",
    "it's a quarter to {one} in the afternoon",
    "today is {day} {month} the {ordinal}",
    "{month} the {ten} {ordinal}",
    "in {city} it will be {sky} {day} with {number} degrees",
    "the weather in {city} {day} is {sky} and {sky}",
    "{city} {city} and {city}",
    "i don't know the weather in {city} {day}",
    "{number} plus {number} is {number}",
    "{number} minus {number} makes {number}",
    "{number} times {number} equals {number}",
    "{number} times {number} is one hundred and {number}",
    "the volume is now at {number} percent",
    "okay i made it louder",
    "now it's quieter",
    "playing some {genre} music",
    "here is {genre} and {genre} music for you",
    "i stopped the music",
    "your alarm is set for {one} {ten} {one}",
    "i will wake you at {number} past {one}",
    "i set the heating to {number} degrees",
    "i put {item} and {item} on the list",
    "{item} {item} {item} and {item} are on your shopping list",
    "nice to meet you {name}",
    "hello {name} how can i help you",
    "{name} {name} and {name} say hello",
    "good morning {name} what can i do for you {day}",
    "i am fine thank you for asking",
    "i am viva your voice assistant",
    "you are welcome goodbye {name}",
    "sorry i did not get that",
    "it is heads",
    "it is tails",
    "you rolled a {one}",
    "i can set timers tell the time and the weather play music and switch the lights",
    "why did the {item} cross the road to get to the {room}",
    "{word} {word} {word} {word} {word}",
    "{word} {word} {word} {word} {word} {word} {word}",
    "{name} {word} {word} {word} {item}",
    "{word} {word} {city} {word} {word} {number}",
    "{word} {word} {word} {word} {word} {word} {word} {word}",
    "{word} {day} {word} {word} {sky} {word}",
)
_WEIGHTS = [4 if "{word} {word}" in template else 1 for template in _TEMPLATES]
_VARYING = {
    *f"{ONES} {TENS} tomorrow weekend".split(),
    *MONTHS,
    *SKIES,
    *WEEKDAYS,
    *(word for group in (CITIES, GENRES, ITEMS, NAMES, ROOMS) for word in group),
}
_SLOT = re.compile(r"{(\w+)}")


def _options(group: str) -> list[str]:
    text = _GROUPS[group]
    return text.split("|") if "|" in text else text.split()


_OPTIONS = {group: _options(group) for group in _GROUPS}


def number(rng: random.Random) -> str:
    """A number word from one to ninety nine; teens as often as tens."""
    if rng.random() < 0.5:
        return rng.choice(_OPTIONS["one"])
    tens = rng.choice(_OPTIONS["ten"])
    return tens if rng.random() < 0.3 else f"{tens} {rng.choice(_OPTIONS['one'][:9])}"


def sentence(rng: random.Random) -> str:
    """One random reply-like text, lower case."""

    def fill(match: re.Match[str]) -> str:
        group = match.group(1)
        return number(rng) if group == "number" else rng.choice(_OPTIONS[group])

    return _SLOT.sub(fill, rng.choices(_TEMPLATES, _WEIGHTS)[0])


def is_held_out(text: str) -> bool:
    """Whether evaluation owns this text: one in sixteen of those that vary.

    Replies that never change are all for training: nothing else could stand for them.
    """
    varies = text not in JOKES and not _VARYING.isdisjoint(text.split())
    return varies and zlib.crc32(text.encode()) % 16 == 0


def everyday_texts(seed: int, held_out: bool = False) -> Iterator[str]:
    """Endless different texts of this file, either all for training or all held out."""
    rng = random.Random(seed)
    return _different((sentence(rng) for _ in count()), held_out)


def reply_texts(seed: int, held_out: bool = False) -> Iterator[str]:
    """Different English replies of the grammar, tool results filled in."""
    rng = random.Random(seed)
    return _different((grammar.reply_sentences(rng) for _ in count()), held_out)


def voice_texts(seed: int) -> Iterator[str]:
    """Endless different texts to train the voice on: replies and everyday texts."""
    replies, everyday = reply_texts(seed), everyday_texts(seed)
    rng = random.Random(seed)
    while True:
        text = next(replies if rng.random() < REPLY_SHARE else everyday, None)
        yield text or next(everyday)


def _different(candidates: Iterable[str], held_out: bool, patience: int = 5000) -> Iterator[str]:
    """Each text once; ends when `patience` candidates in a row were known."""
    seen: set[str] = set()
    n_known = 0
    for text in candidates:
        if is_held_out(text.removeprefix("i said ")) != held_out or not text.isascii():
            continue
        n_known = n_known + 1 if text in seen else 0
        if n_known > patience:
            return
        if n_known == 0:
            seen.add(text)
            yield text
