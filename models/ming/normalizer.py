"""Text as the talker was taught to read it: numbers as Chinese words, few punctuation marks.

What remains is letters, hanzi, spaces and `，。！？`. Digits become Chinese words in English text
too, and a full stop that ends no number is dropped; the talker learned from such text.

Rules are applied in order; an early one takes what a later one would read otherwise
(`9:30` is a time before its digits are numbers). Behaviour: tests/reference/ming, `text_*.json`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from .numerals import cardinal, digits, number

MARKS = "，。！？"
NUMBER = r"\d+(?:\.\d+)?"
CURRENCIES = {"¥": "人民币", "￥": "人民币", "$": "美元", "€": "欧元", "£": "英镑"}
# A counted thing follows: the number is said as a whole, and 2 is 两.
QUANTIFIERS = (
    "平方公里|平方千米|平方米|立方米|公里|千米|厘米|毫米|英里|海里|公斤|千克|毫克|毫升|公顷|"
    "小时|分钟|星期|礼拜|个月|年|天|周|秒|点|元|块|角|分|毛|万|亿|千|百|倍|次|回|遍|趟|场|"
    "个|只|条|张|本|把|件|位|名|人|口|头|匹|棵|株|朵|根|支|枝|颗|粒|块|片|份|套|双|对|副|"
    "座|栋|幢|间|层|扇|台|架|辆|艘|部|门|家|所|首|篇|段|句|页|册|幅|杯|瓶|碗|盘|包|箱|盒|"
    "袋|桶|罐|滴|道|步|岁|届|枚|顶|床|面|米|里|克|斤|两|吨|升|亩|寸|尺|项|种|类|组|排|节|款"
)
SYMBOLS = str.maketrans(
    {
        **{chr(0xFF10 + i): str(i) for i in range(10)},
        **{chr(0xFF21 + i): chr(65 + i) for i in range(26)},
        **{chr(0xFF41 + i): chr(97 + i) for i in range(26)},
        "\u3000": " ",
        "％": "%",
        "−": "-",
    }
)
PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys(",、:：", "，"),
        **dict.fromkeys(";；~～…", "。"),
        "!": "！",
        "?": "？",
        **dict.fromkeys("—–", "，"),
        "/": "每",
    }
)
Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def normalize(text: str) -> str:
    """The text as it is to be spoken."""
    text = unicodedata.normalize("NFC", text).translate(SYMBOLS)
    for pattern, words in RULES:
        text = pattern.sub(words, text)
    text = text.translate(PUNCTUATION)
    text = "".join(c for c in text if c.isalnum() or c.isspace() or c in MARKS)
    text = re.sub(rf"([{MARKS}])[{MARKS}]+", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


def _date(m: re.Match[str]) -> str:
    """2025年8月5日; month and day may be missing."""
    month = f"{cardinal(m['month'])}月" if m["month"] else ""
    day = f"{cardinal(m['day'])}{m['unit'] or '日'}" if m["day"] else ""
    return f"{digits(m['year'])}年{month}{day}"


def _iso_date(m: re.Match[str]) -> str:
    return f"{digits(m['year'])}年{cardinal(m['month'])}月{cardinal(m['day'])}日"


def _time(m: re.Match[str]) -> str:
    """9:30 is half past nine, 9:05 has a zero in it, 9:00 has no minutes."""
    return f"{cardinal(m['hour'])}点" + _minutes(m["minute"], m["second"])


def _minutes(minute: str, second: str | None) -> str:
    seconds = f"{_two(second)}秒" if second and int(second) else ""
    if minute == "30" and not seconds:
        return "半"
    return (f"{_two(minute)}分" if int(minute) or seconds else "") + seconds


def _two(text: str) -> str:
    """Minutes and seconds: 05 is 零五."""
    return ("零" if text[0] == "0" and int(text) else "") + cardinal(text)


def _temperature(m: re.Match[str]) -> str:
    below = "零下" if m["sign"] else ""
    unit = {"摄氏度": "摄氏度", "°F": "华氏度", "℉": "华氏度"}.get(m["unit"], "度")
    return f"{below}{number(m['value'])}{unit}"


def _signed(text: str) -> str:
    return f"负{number(text[1:])}" if text.startswith("-") else number(text)


def _count(m: re.Match[str]) -> str:
    if m["value"] == "2" and not m["more"]:
        return f"两{m['unit']}"
    return f"{number(m['value'])}{(m['more'] or '').replace('+', '多')}{m['unit']}"


def _telephone(m: re.Match[str]) -> str:
    return "，".join(digits(part, one="幺") for part in re.findall(r"\d+", m[0]))


def _rule(pattern: str, words: Callable[[re.Match[str]], str]) -> Rule:
    return re.compile(pattern), words


YEAR, MONTH = r"(?P<year>\d{4}|\d{2})年", r"(?P<month>0?[1-9]|1[0-2])月"
DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?P<unit>[日号])"
CLOCK = r"(?P<hour>[01]?\d|2[0-3])[:：](?P<minute>[0-5]\d)(?:[:：](?P<second>[0-5]\d))?"
GROUPED = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"
DEGREES = r"摄氏度|°[CF]|[℃℉度]"
SIGN = r"(?<![A-Za-z\d])-"
OPERATORS = {"+": "加", "×": "乘", "÷": "除以", "=": "等于"}
RULES: tuple[Rule, ...] = (
    _rule(r"(?<=\d) *([+×÷=]) *(?=-?\d)", lambda m: OPERATORS[m[1]]),
    _rule(rf"(?<!\d){YEAR}(?:{MONTH}(?:{DAY})?)?", _date),
    _rule(r"(?<!\d)(?P<year>\d{4})([-/.])(?P<month>0?[1-9]|1[0-2])\2"
          r"(?P<day>[12]\d|3[01]|0?[1-9])(?!\d)", _iso_date),
    _rule(r"(?<!\d)(1[0-2]|0?[1-9])月([12]\d|3[01]|0?[1-9])([日号])",
          lambda m: f"{cardinal(m[1])}月{cardinal(m[2])}{m[3]}"),
    _rule(rf"(?<!\d){CLOCK}[-~～](?=\d{{1,2}}[:：]\d)", lambda m: f"{_time(m)}至"),
    _rule(rf"(?<!\d){CLOCK}(?!\d)", _time),
    _rule(rf"(?<![\d.])(-?{NUMBER})[-~～](?=-?{NUMBER}(?:%|{DEGREES}))",
          lambda m: f"{_signed(m[1])}到"),
    _rule(rf"(?P<sign>(?:{SIGN})?)(?P<value>{NUMBER})(?P<unit>{DEGREES})", _temperature),
    _rule(rf"([¥￥$€£])\s*({GROUPED}|{NUMBER})([千百]?[万亿]?)",
          lambda m: f"{number(m[2].replace(',', ''))}{m[3]}{CURRENCIES[m[1]]}"),
    _rule(rf"(?<![\d.]){GROUPED}(?!\d)", lambda m: number(m[0].replace(",", ""))),
    _rule(r"(-?)(\d+)/(\d+)",
          lambda m: f"{'负' if m[1] else ''}{cardinal(m[3])}分之{cardinal(m[2])}"),
    _rule(rf"(-?)({NUMBER})%", lambda m: f"{'负' if m[1] else ''}百分之{number(m[2])}"),
    _rule(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d{9}(?!\d)", _telephone),
    _rule(r"(?<!\d)[48]00-?\d{3}-?\d{4}(?!\d)", _telephone),
    _rule(rf"(?<!\d)(?:0(?:10|2\d|[3-9]\d{{2}})-?)?[1-9]\d{{6,7}}(?!\d|[多余几+]?(?:{QUANTIFIERS}))",
          _telephone),
    _rule(rf"(?<![\d.])(-?{NUMBER})[-~～](-?{NUMBER})",
          lambda m: f"{_signed(m[1])}到{_signed(m[2])}"),
    _rule(rf"{SIGN}({NUMBER})", lambda m: f"负{number(m[1])}"),
    _rule(r"\d*\.\d+", lambda m: number(m[0])),
    _rule(rf"(?P<value>\d+)(?P<more>[多余几+]?)(?P<unit>{QUANTIFIERS})", _count),
    _rule(r"\d{3,}", lambda m: digits(m[0], one="幺")),
    _rule(r"\d+", lambda m: number(m[0])),
)  # fmt: skip
