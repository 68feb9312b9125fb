"""Numbers, times and names of the domain in Mandarin (`cmn`) and Cantonese (`yue`)."""

from __future__ import annotations

import datetime

from vivavoce.models.nano.domain import CITIES, DAYS, GENRES, ITEMS, NAMES, PHRASES, ROOMS

_DIGITS = "零一二三四五六七八九"


def _table(ids: tuple[str, ...], cmn: str, yue: str) -> dict[str, dict[str, str]]:
    tables = {"cmn": cmn.split(), "yue": yue.split()}
    assert all(len(words) == len(ids) for words in tables.values()), ids
    return {lang: dict(zip(ids, words, strict=True)) for lang, words in tables.items()}


NAMES_OF = {
    "room": _table(
        ROOMS,
        "厨房 卧室 客厅 浴室 办公室 走廊 车库 花园 餐厅 地下室 阳台",
        "廚房 睡房 客廳 浴室 辦公室 走廊 車庫 花園 飯廳 地庫 露台",
    ),
    "genre": _table(
        GENRES,
        "爵士 摇滚 古典 流行 乡村 蓝调 民谣 舞曲 轻音乐",
        "爵士 搖滾 古典 流行 鄉村 藍調 民謠 舞曲 輕音樂",
    ),
    "city": _table(
        CITIES,
        "伦敦 巴黎 纽约 东京 北京 上海 香港 柏林 马德里 悉尼 多伦多 芝加哥 波士顿 新加坡 都柏林 "
        "格拉斯哥 广州 深圳 杭州 成都 南京 武汉 西安 台北 重庆 澳门 九龙 沙田 荃湾 元朗",
        "倫敦 巴黎 紐約 東京 北京 上海 香港 柏林 馬德里 悉尼 多倫多 芝加哥 波士頓 新加坡 都柏林 "
        "格拉斯哥 廣州 深圳 杭州 成都 南京 武漢 西安 台北 重慶 澳門 九龍 沙田 荃灣 元朗",
    ),
    "item": _table(
        ITEMS,
        "牛奶 鸡蛋 面包 苹果 牛油 奶酪 大米 咖啡 茶 糖 香蕉 番茄 鸡肉 肥皂 水 意面",
        "牛奶 雞蛋 麵包 蘋果 牛油 芝士 米 咖啡 茶 糖 香蕉 番茄 雞肉 肥皂 水 意粉",
    ),
    "name": _table(
        NAMES,
        "爱丽丝 鲍勃 查理 大卫 艾玛 弗兰克 格蕾丝 亨利 杰克 凯特 劳拉 迈克尔 南希 奥利弗 彼得 瑞秋 "
        "莎拉 托马斯 维克多 温迪 詹姆斯 露西 安娜 乔治",
        "愛麗絲 鮑勃 查理 大衛 艾瑪 弗蘭克 格蕾絲 亨利 傑克 凱特 勞拉 邁克爾 南希 奧利弗 彼得 瑞秋 "
        "莎拉 托馬斯 維克多 溫迪 詹姆斯 露西 安娜 喬治",
    ),
    "phrase": _table(
        PHRASES,
        "你好 谢谢 早上好 再见 对不起 晚安 多少钱 我爱你 厕所在哪里 救命",
        "你好 多謝 早晨 再見 對唔住 早抖 幾多錢 我愛你 廁所喺邊度 救命",
    ),
    "day": _table(
        DAYS,
        "今天 明天 后天 星期一 星期二 星期三 星期四 星期五 星期六 星期天 周末",
        "今日 聽日 後日 星期一 星期二 星期三 星期四 星期五 星期六 星期日 周末",
    ),
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
_UNITS = {
    "cmn": {3600: "小时", 60: "分钟", 1: "秒"},
    "yue": {3600: "小時", 60: "分鐘", 1: "秒"},
}


def number(value: int, language: str, counting: bool = False) -> str:
    """`25` as 二十五, up to 9999; a lone two before a measure word is 两 when `counting`."""
    if counting and value == 2:
        return "两" if language == "cmn" else "兩"
    if value < 0:
        return ("负" if language == "cmn" else "負") + number(-value, language)
    if value < 10:
        return _DIGITS[value]
    if 10 <= value < 20:
        return "十" + (_DIGITS[value % 10] if value % 10 else "")
    words, skipped = "", False
    for size, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // size % 10
        if digit:
            words += ("零" if skipped and words else "") + _DIGITS[digit] + unit
        skipped = not digit
    return words


def part_of_day(hour: int, language: str) -> str:
    """The word said before an hour of 0 to 23."""
    cmn = language == "cmn"
    if hour < 5:
        return "半夜"
    if hour < 12:
        return "早上" if cmn else "朝早"
    if hour == 12:
        return "中午"
    if hour < 18:
        return "下午" if cmn else "下晝"
    return "晚上" if cmn else "夜晚"


def clock(hour: int, minute: int, language: str) -> str:
    """`15:05` as 下午三点零五分."""
    point = "点" if language == "cmn" else "點"
    words = number((hour - 1) % 12 + 1, language, counting=True) + point
    if minute == 30:
        words += "半"
    elif minute:
        words += ("零" if minute < 10 else "") + number(minute, language) + "分"
    return part_of_day(hour, language) + words


def duration(seconds: int, language: str) -> str:
    """`90` as 一分钟三十秒."""
    words = ""
    for size, unit in _UNITS[language].items():
        count, seconds = divmod(seconds, size)
        if count:
            words += number(count, language, counting=True) + unit
    return words


def date(day: datetime.date, language: str) -> str:
    """十一月二十一号星期六"""
    mark = "号" if language == "cmn" else "號"
    weekday = NAMES_OF["day"][language][DAYS[3 + day.weekday()]]
    return f"{number(day.month, language)}月{number(day.day, language)}{mark}{weekday}"
