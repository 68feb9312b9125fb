"""Replies in Mandarin and Cantonese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import chinese_words as words

RESULT = "<result>"
_FIXED = {
    "cmn": {
        "timer_cancel": "好的计时器关了",
        "timer_query": RESULT,
        "time": f"现在是{RESULT}",
        "date": f"今天是{RESULT}",
        "weather": RESULT,
        "vol_up": "好的大声一点",
        "vol_down": "好的小声一点",
        "stop": "好的",
        "repeat": f"我说{RESULT}",
        "music_stop": "好的音乐停了",
        "hello": "你好我能帮你什么",
        "how": "我很好谢谢",
        "who": "我是你的语音助手",
        "can": "我能计时开灯放音乐",
        "thanks": "不用谢",
        "bye": "再见",
        "joke": RESULT,
        "tr_en": f"英文是{RESULT}",
        "coin": f"是{RESULT}",
        "dice": f"是{RESULT}点",
        "reject": "对不起我没听懂",
        "chat": RESULT,
    },
    "yue": {
        "timer_cancel": "好計時器熄咗",
        "timer_query": RESULT,
        "time": f"而家係{RESULT}",
        "date": f"今日係{RESULT}",
        "weather": RESULT,
        "vol_up": "好大聲啲",
        "vol_down": "好細聲啲",
        "stop": "好",
        "repeat": f"我話{RESULT}",
        "music_stop": "好音樂停咗",
        "hello": "你好有咩可以幫你",
        "how": "我好好多謝",
        "who": "我係你嘅助手",
        "can": "我可以計時開燈播音樂",
        "thanks": "唔使客氣",
        "bye": "再見",
        "joke": RESULT,
        "tr_en": f"英文係{RESULT}",
        "coin": f"係{RESULT}",
        "dice": f"係{RESULT}點",
        "reject": "唔好意思我聽唔明",
        "chat": RESULT,
    },
}


def reply(intent: str, a: Mapping[str, Any], language: str) -> str:
    """The reply to an action, `<result>` where the tool's words are spoken."""
    if intent in _FIXED[language]:
        return _FIXED[language][intent]
    cmn = language == "cmn"
    said = {slot: _said(slot, value, language) for slot, value in a.items()}
    light = f"好的{said.get('room')}的灯" if cmn else f"好{said.get('room')}嘅燈"
    sentences = {
        "timer_set": ("好的计时{duration_s}", "好計時{duration_s}"),
        "light_on": (light + "开了", light + "開咗"),
        "light_off": (light + "关了", light + "熄咗"),
        "light_dim": (light + "调到{percent}", light + "較到{percent}"),
        "calc": ("{a}{op}{b}等于" + RESULT, "{a}{op}{b}等於" + RESULT),
        "vol_set": ("好的音量{percent}", "好音量{percent}"),
        "music": ("好的播放{genre}", "好播放{genre}"),
        "alarm": ("好的闹钟{time}", "好鬧鐘{time}"),
        "heat": ("好的温度{degrees}", "好溫度{degrees}"),
        "list": ("{item}加到清单了", "{item}加落清單喇"),
        "name": ("你好{name}", "你好{name}"),
        "tr_zh": ("中文是" + RESULT, "中文係" + RESULT),
    }
    return sentences[intent][not cmn].format(**{"genre": "", **said})


def _said(slot: str, value: Any, language: str) -> str:
    if slot in words.NAMES_OF:
        return words.NAMES_OF[slot][language][value]
    if slot == "time":
        hour, minute = (int(part) for part in value.split(":"))
        return words.clock(hour, minute, language)
    if slot == "op":
        return {"+": "加", "-": "减" if language == "cmn" else "減", "*": "乘"}[value]
    if slot == "duration_s":
        return words.duration(value, language)
    number = words.number(value, language)
    return {"percent": f"百分之{number}", "degrees": f"{number}度"}.get(slot, number)
