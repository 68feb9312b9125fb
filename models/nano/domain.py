"""What nano understands: its intents, their slots and the values a slot can take.

Ids are words joined by underscores; the same words, spaced, stand in action lines.
"""

from __future__ import annotations

INTENT_SLOTS: dict[str, tuple[str, ...]] = {
    "timer_set": ("duration_s",),
    "timer_cancel": (),
    "timer_query": (),
    "light_on": ("room",),
    "light_off": ("room",),
    "light_dim": ("room", "percent"),
    "time": (),
    "date": (),
    "weather": ("city", "day"),
    "calc": ("a", "op", "b"),
    "vol_up": (),
    "vol_down": (),
    "vol_set": ("percent",),
    "stop": (),
    "repeat": (),
    "music": ("genre",),
    "music_stop": (),
    "alarm": ("time",),
    "heat": ("degrees",),
    "list": ("item",),
    "name": ("name",),
    "hello": (),
    "how": (),
    "who": (),
    "can": (),
    "thanks": (),
    "bye": (),
    "joke": (),
    "tr_zh": ("phrase",),
    "tr_en": ("phrase",),
    "coin": (),
    "dice": (),
    "reject": (),
    "chat": ("topic",),
}
INTENTS = tuple(INTENT_SLOTS)

# Intents whose answer is the tool's: the reply waits for its words.
NEEDS_RESULT = frozenset(
    "time date weather calc timer_query repeat joke coin dice tr_zh tr_en chat".split()
)

ROOMS = tuple(
    "kitchen bedroom living_room bathroom office hallway garage garden dining_room basement "
    "balcony".split()
)
GENRES = tuple("jazz rock classical pop country blues folk dance light".split())
WEEKDAYS = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
DAYS = ("today", "tomorrow", "day_after_tomorrow", *WEEKDAYS, "weekend")
CITIES = tuple(
    "london paris new_york tokyo beijing shanghai hong_kong berlin madrid sydney toronto chicago "
    "boston singapore dublin glasgow guangzhou shenzhen hangzhou chengdu nanjing wuhan xian taipei "
    "chongqing macau kowloon shatin tsuen_wan yuen_long".split()
)
ITEMS = tuple(
    "milk eggs bread apples butter cheese rice coffee tea sugar bananas tomatoes chicken soap "
    "water pasta".split()
)
NAMES = tuple(
    "alice bob charlie david emma frank grace henry jack kate laura michael nancy oliver peter "
    "rachel sarah thomas victor wendy james lucy anna george".split()
)
PHRASES = tuple(
    "hello thanks good_morning goodbye sorry good_night how_much love_you where_toilet help".split()
)
CHAT_TOPICS = tuple(
    "robot age home maker colour food music_taste feelings love bored tired sad happy hungry story "
    "fact song birthday good_night good_morning compliment insult apology okay".split()
)
OPERATORS = {"plus": "+", "minus": "-", "times": "*"}


def words_of(identifier: str) -> str:
    """`living_room` as the words of an action line: `living room`."""
    return identifier.replace("_", " ")
