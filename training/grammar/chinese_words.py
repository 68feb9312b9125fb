"""Numbers, times and names of the domain in Mandarin (`cmn`) and Cantonese (`yue`).

They are the product's own, see assistant/skills/wording; here are also other names people use.
"""

from __future__ import annotations

import datetime

from vivavoce.assistant.skills.wording.cantonese import CANTONESE
from vivavoce.assistant.skills.wording.mandarin import MANDARIN
from vivavoce.models.nano.domain import DAYS

_WORDINGS = {"cmn": MANDARIN, "yue": CANTONESE}
NAMES_OF = {
    slot: {language: wording.names[slot] for language, wording in _WORDINGS.items()}
    for slot in MANDARIN.names
}


def _weekdays(*leads: str) -> dict[str, list[str]]:
    """Other names of the days of the week."""
    return {
        day: [lead + tail for lead in leads]
        for day, tail in zip(DAYS[3:10], "一二三四五六日", strict=True)
    }


OTHER_NAMES: dict[str, dict[str, dict[str, list[str]]]] = {
    "cmn": {
        "room": {
            "bedroom": ["睡房", "房间", "主卧"],
            "living_room": ["大厅"],
            "bathroom": ["洗手间", "厕所", "卫生间"],
            "office": ["书房"],
            "hallway": ["过道"],
            "garden": ["院子"],
            "dining_room": ["饭厅"],
            "garage": ["车房"],
            "basement": ["地下"],
        },
        "genre": {"jazz": ["爵士乐"], "folk": ["民歌"]},
        "item": {
            "eggs": ["蛋", "一打鸡蛋", "几个鸡蛋"],
            "bread": ["一个面包"],
            "apples": ["几个苹果", "一个苹果", "三个苹果"],
            "cheese": ["芝士"],
            "rice": ["米", "一包大米"],
            "coffee": ["一包咖啡", "咖啡粉"],
            "sugar": ["白糖", "一包糖"],
            "bananas": ["几根香蕉", "两个香蕉"],
            "tomatoes": ["几个番茄"],
            "chicken": ["一只鸡", "鸡"],
            "soap": ["香皂"],
            "pasta": ["意大利面", "意粉"],
        },
        "day": {
            "today": ["今晚", "现在", "今天下午", "今天晚上"],
            "tomorrow": ["明早", "明晚", "明天早上", "明天下午", "明天晚上"],
            "day_after_tomorrow": ["后天早上"],
            "weekend": ["这个周末", "这周末"],
            **_weekdays("周", "这个星期", "下个星期"),
        },
    },
    "yue": {
        "room": {
            "bedroom": ["房間", "瞓房", "主人房"],
            "living_room": ["大廳", "廳"],
            "bathroom": ["洗手間", "廁所", "沖涼房"],
            "office": ["書房"],
            "garden": ["後花園"],
            "dining_room": ["食飯廳"],
            "garage": ["車房"],
        },
        "genre": {"jazz": ["爵士樂"], "folk": ["民歌"]},
        "item": {
            "milk": ["一支牛奶"],
            "eggs": ["蛋", "一打雞蛋"],
            "bread": ["一個麵包", "方包"],
            "apples": ["幾個蘋果", "一個蘋果", "三個蘋果"],
            "cheese": ["奶酪"],
            "rice": ["一包米", "白米"],
            "coffee": ["一包咖啡", "咖啡粉"],
            "sugar": ["白糖", "一包糖"],
            "tomatoes": ["幾個番茄"],
            "chicken": ["雞"],
            "soap": ["香皂"],
            "water": ["一支水", "兩支水"],
            "pasta": ["意大利粉"],
        },
        "day": {
            "today": ["今晚", "而家", "今日下晝"],
            "tomorrow": ["聽朝", "聽晚", "聽日朝早", "聽日下晝", "聽日夜晚"],
            "day_after_tomorrow": ["後日朝早"],
            "weekend": ["今個周末", "呢個周末"],
            **_weekdays("禮拜", "今個星期", "下個星期", "下個禮拜"),
        },
    },
}


def number(value: int, language: str, counting: bool = False) -> str:
    """`25` as 二十五, up to 9999; a lone two before a measure word is 两 when `counting`."""
    wording = _WORDINGS[language]
    return wording.count(value) if counting else wording.number(value)


def part_of_day(hour: int, language: str) -> str:
    """The word said before an hour of 0 to 23."""
    return _WORDINGS[language].part_of_day(hour)


def clock(hour: int, minute: int, language: str) -> str:
    """`15:05` as 下午三点零五分."""
    return _WORDINGS[language].time(hour, minute)


def duration(seconds: int, language: str) -> str:
    """`90` as 一分钟三十秒."""
    return _WORDINGS[language].duration(seconds)


def date(day: datetime.date, language: str) -> str:
    """十一月二十一号星期六"""
    return _WORDINGS[language].date(day)
