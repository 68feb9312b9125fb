"""Which language a text is in, by its signs, and what its words are.

nano writes Mandarin in simplified hanzi and Cantonese in traditional ones, as its training does;
words that only one of the two uses say more than the script they are written in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ENGLISH, MANDARIN, CANTONESE = "en", "cmn", "yue"
HANZI = "\u3400-\u9fff"
_WORD = re.compile(f"[{HANZI}]|[^\\s{HANZI}]+")

_ONLY_CANTONESE = frozenset("晒㗎乜佢係冇咁咗咩咪哋唔啱啲喇喺嗰嘅嘢嘥噉嚟埋搵攞畀睇瞓諗")
_ONLY_MANDARIN = frozenset("不了什他们吗吧哪在她它很是没的还这這那")
_TRADITIONAL = frozenset(
    "並亞來個們倫傑傘備傳價兒內兩凍凱別則創劃動務勞區卻參員問喎喬單嗎嘩囉國園圖團報場夠奧媽學實寫"
    "將專對導屬師帶幣幫幹幾庫廁廚廣廳張強後從悶愛慶應戰戲拋搖擊據擲數於時晝暫書會東條業構樂標樣樹"
    "機權歡歷殺氣決沒沖況涼減湯準溫滾漢濟灣為無煩熱燈爭爺爾獲現瑪產當發盞眾確禮種稱節約紐級細組結"
    "給統絲經維網緊線總織續義聯聲職聽與舉華萬藍藥蘋蘭處號術衛裏裝複褲見規視親覺觀計記設許試話該認"
    "語説誰課調請論講謝謠證識譯議護變讓豬貓負貴買費資賣質購賽車軍較輕轉辦農連進遊運過達選邁還邊鄉"
    "醫銀錢鐘長門閂開間關陣陰隊際雞離難雲電靜響項預頓領頭題類風飯飲餓馬體鬧魚鮑鳥鴨麗麵麼點黨龍"
)
_SIMPLIFIED = frozenset(
    "于云万与专业东丝两个为丽举么义乐乔乡书买争亚产亲从价众会伞传伦体余儿党兰关内写军农决况减几凯击划"
    "则刚创别办务动劳区医华单卖卧卫却厅历厕厨参发变号后吓听员响团园国图场声处备复够头奥妈学实对导"
    "将尔属币师带帮并广庆库应开张强当总戏战托抛护报据掷摇数无时暂术机杀权条来杰构枪标树样欢气汉"
    "汤济温游湾滚灯点烦热爱爷猪猫玛现电皂确离种称类约级纽线组织经结给统续维网职联节苹药获蓝装裤见"
    "观规视觉计认让议记讲许论设证识诉译试话该语说请课谁调谢谣负质购贵费资赛车转轻较边达过迈运进连"
    "选钟钱长门闭问间闷闹队阳阴际难静项顿预领题风飞饭饿马鱼鲍鸟鸡鸭龙"
)
_WEIGHT = 3  # of a word against the script of a sign


def is_hanzi(sign: str) -> bool:
    """Whether a character is a hanzi."""
    return "\u3400" <= sign <= "\u9fff"


def split(text: str) -> list[str]:
    """The words of a text: each hanzi is one."""
    return _WORD.findall(text)


def spaced(word: str, before: str | None) -> str:
    """A word as it goes on after another: with a space, but not between two hanzi."""
    if not before or (is_hanzi(before[-1]) and is_hanzi(word[0])):
        return word
    return f" {word}"


def sentence(words: Iterable[str]) -> str:
    """Words in a row, as they are written."""
    text = ""
    for word in words:
        text += spaced(word, text)
    return text


def language_of(text: str, usual: str = ENGLISH) -> str:
    """`en`, `cmn` or `yue`; one English word in a Chinese sentence does not make it English.

    Args:
        text: what was said, or is to be said.
        usual: what is spoken where the text does not tell.
    """
    words = [word for word in split(text) if any(map(str.isalpha, word))]
    hanzi = [word for word in words if is_hanzi(word[0])]
    if not words:
        return usual
    if 2 * len(hanzi) < len(words):
        return ENGLISH
    cantonese = _evidence(hanzi, _ONLY_CANTONESE, _TRADITIONAL)
    mandarin = _evidence(hanzi, _ONLY_MANDARIN, _SIMPLIFIED)
    if cantonese == mandarin:
        return usual if usual in (MANDARIN, CANTONESE) else MANDARIN
    return CANTONESE if cantonese > mandarin else MANDARIN


def _evidence(hanzi: Sequence[str], words: frozenset[str], script: frozenset[str]) -> int:
    return sum(_WEIGHT * (sign in words) + (sign in script) for sign in hanzi)
