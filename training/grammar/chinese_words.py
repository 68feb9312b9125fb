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
OTHER_NAMES: dict[str, dict[str, dict[str, list[str]]]] = {
    "cmn": {
        "room": {
            "bedroom": ["睡房", "房间"],
            "living_room": ["大厅"],
            "bathroom": ["洗手间"],
            "office": ["书房"],
            "dining_room": ["饭厅"],
            "garage": ["车房"],
        },
        "item": {"rice": ["米"], "cheese": ["芝士"]},
        "day": {
            f"{day}": [f"周{tail}", f"这个星期{tail}"]
            for day, tail in zip(DAYS[3:10], "一二三四五六日", strict=True)
        },
    },
    "yue": {
        "room": {
            "bedroom": ["房間"],
            "living_room": ["大廳"],
            "bathroom": ["洗手間"],
            "office": ["書房"],
            "garage": ["車房"],
        },
        "item": {"cheese": ["奶酪"]},
        "day": {
            f"{day}": [f"禮拜{tail}", f"今個星期{tail}"]
            for day, tail in zip(DAYS[3:10], "一二三四五六日", strict=True)
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
