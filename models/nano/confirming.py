"""Questions nano asks before it does what it is not sure of: `turn on the bedroom light`.

    <act> <confirm> light_on bedroom <rep> <en> shall i turn on the bedroom light <eos>

An action line that is asked for begins with `confirm`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .actions import Action, render
from .domain import words_of
from .numbers import to_hanzi, to_words

CONFIRM = "confirm"
ASKED_FOR = frozenset(
    "timer_set timer_cancel light_on light_off light_dim vol_up vol_down vol_set music music_stop "
    "alarm heat list".split()
)
"""The actions that change something; to do nothing (`stop`) and to talk needs no question."""

_QUESTIONS = {
    "timer_set": ("set a timer for {duration_s}", "计时{duration_s}", "計時{duration_s}"),
    "timer_cancel": ("cancel the timer", "关掉计时器", "熄咗個計時器"),
    "light_on": ("turn on the {room} light", "打开{room}的灯", "開{room}嘅燈"),
    "light_off": ("turn off the {room} light", "关掉{room}的灯", "熄{room}嘅燈"),
    "light_dim": (
        "set the {room} light to {percent}",
        "把{room}的灯调到{percent}",
        "將{room}嘅燈較到{percent}",
    ),
    "vol_up": ("turn up the volume", "大声一点", "大聲啲"),
    "vol_down": ("turn down the volume", "小声一点", "細聲啲"),
    "vol_set": ("set the volume to {percent}", "把音量调到{percent}", "將音量較到{percent}"),
    "music": ("play some {genre} music", "播放{genre}音乐", "播{genre}音樂"),
    "music_stop": ("stop the music", "停止音乐", "停音樂"),
    "alarm": ("set an alarm for {time}", "设{time}的闹钟", "較{time}嘅鬧鐘"),
    "heat": ("set the heating to {degrees}", "把温度调到{degrees}", "將溫度較到{degrees}"),
    "list": ("put {item} on your list", "把{item}加到清单", "將{item}加落清單"),
}
_AROUND = {"en": "shall i {}", "cmn": "要{}吗", "yue": "要唔要{}"}
_LANGUAGES = tuple(_AROUND)


def asked_of(line: str) -> str | None:
    """The action a line asks for: `light_on kitchen` of `confirm light_on kitchen`."""
    head, _, action = line.partition(" ")
    return action if head == CONFIRM else None


def question(action: Action, language: str) -> str:
    """What nano asks before an action, in `en`, `cmn` or `yue`.

    Raises:
        KeyError: another language, or an action that needs no question.
    """
    asked = _QUESTIONS[action.name][_LANGUAGES.index(language)]
    said = {slot: _said(slot, value, language) for slot, value in action.arguments.items()}
    return _AROUND[language].format(" ".join(asked.format(**{"genre": "", **said}).split()))


def _said(slot: str, value: Any, language: str) -> str:
    if language == "en":
        return _english(slot, value)
    if slot in _NAMES:
        name = _NAMES[slot][value][_LANGUAGES.index(language) - 1]
        return name.removesuffix("音乐" if language == "cmn" else "音樂")  # the question says it
    if slot == "time":
        return _clock(value, language)
    if slot == "duration_s":
        return _duration(value, language)
    return f"百分之{to_hanzi(value)}" if slot == "percent" else f"{to_hanzi(value)}度"


def _english(slot: str, value: Any) -> str:
    """A value as action lines have it, which is as one says it."""
    if slot in ("room", "genre", "item"):
        return words_of(value)
    if slot == "percent":
        return f"{to_words(value)} percent"
    if slot == "degrees":
        return f"{to_words(value)} degrees"
    intent = {"time": "alarm", "duration_s": "timer_set"}[slot]
    return render(intent, {slot: value}).partition(" ")[2]


def _counted(value: int, language: str) -> str:
    """A number before a measure word: a lone two has a word of its own there."""
    return ("两" if language == "cmn" else "兩") if value == 2 else to_hanzi(value)


def _clock(value: str, language: str) -> str:
    hour, minute = (int(part) for part in value.split(":"))
    parts = _PARTS_OF_DAY[language]
    words = next(word for end, word in parts if hour < end)
    words += _counted((hour - 1) % 12 + 1, language) + ("点" if language == "cmn" else "點")
    if minute == 30:
        return words + "半"
    return words + (("零" if minute < 10 else "") + to_hanzi(minute) + "分" if minute else "")


def _duration(seconds: int, language: str) -> str:
    words = ""
    for size, unit in _UNITS[language]:
        count, seconds = divmod(seconds, size)
        words += _counted(count, language) + unit if count else ""
    return words


_UNITS = {
    "cmn": ((3600, "小时"), (60, "分钟"), (1, "秒")),
    "yue": ((3600, "小時"), (60, "分鐘"), (1, "秒")),
}
_PARTS_OF_DAY = {
    "cmn": ((5, "半夜"), (12, "早上"), (13, "中午"), (18, "下午"), (24, "晚上")),
    "yue": ((5, "半夜"), (12, "朝早"), (13, "中午"), (18, "下晝"), (24, "夜晚")),
}
_NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "room": {
        "kitchen": ("厨房", "廚房"),
        "bedroom": ("卧室", "睡房"),
        "living_room": ("客厅", "客廳"),
        "bathroom": ("浴室", "浴室"),
        "office": ("办公室", "辦公室"),
        "hallway": ("走廊", "走廊"),
        "garage": ("车库", "車庫"),
        "garden": ("花园", "花園"),
        "dining_room": ("餐厅", "飯廳"),
        "basement": ("地下室", "地庫"),
        "balcony": ("阳台", "露台"),
    },
    "genre": {
        "jazz": ("爵士", "爵士"),
        "rock": ("摇滚", "搖滾"),
        "classical": ("古典", "古典"),
        "pop": ("流行", "流行"),
        "country": ("乡村", "鄉村"),
        "blues": ("蓝调", "藍調"),
        "folk": ("民谣", "民謠"),
        "dance": ("舞曲", "舞曲"),
        "light": ("轻音乐", "輕音樂"),
    },
    "item": {
        "milk": ("牛奶", "牛奶"),
        "eggs": ("鸡蛋", "雞蛋"),
        "bread": ("面包", "麵包"),
        "apples": ("苹果", "蘋果"),
        "butter": ("牛油", "牛油"),
        "cheese": ("奶酪", "芝士"),
        "rice": ("大米", "米"),
        "coffee": ("咖啡", "咖啡"),
        "tea": ("茶", "茶"),
        "sugar": ("糖", "糖"),
        "bananas": ("香蕉", "香蕉"),
        "tomatoes": ("番茄", "番茄"),
        "chicken": ("鸡肉", "雞肉"),
        "soap": ("肥皂", "肥皂"),
        "water": ("水", "水"),
        "pasta": ("意面", "意粉"),
    },
}
