"""Plain Chinese sentences about anything, none of them for the assistant, and words to draw."""

from __future__ import annotations

import functools
import random
import re
from pathlib import Path

from . import chinese_words
from .templates import FOLDERS

_ROUGH = re.compile("[奸姦妓毒淫尸屎屁杀殺死奶性操]|强暴")
_WORLD = {
    "cmn": {
        "thing": "手机 电视 书 床 门 车 飞机 船 钱 裤子 鞋 帽子 包 "
        "狗 猫 鸟 鱼 马 牛 猪 鸡 花 草 树 山 河 海 湖 月亮 太阳 星星 地球 房子 学校 医院 公司 "
        "机场 车站 电影 照片 游戏 球 信 药 饭 菜 肉 鱼汤 面条 米饭 可乐 "
        "电话 机器 经济 政府 历史 数学 科学 语言 医生 老师 学生 孩子 问题 "
        "故事书 钱包 球鞋 相机 公园 生意 工作 考试 作业 会议 合同 计划 名单 比赛 世界 龙",
        "person": "爸爸 妈妈 哥哥 姐姐 弟弟 妹妹 爷爷 奶奶 老师 医生 同学 小明 "
        "老张 张医生 我儿子 我女儿 我太太 我先生 总统",
        "place": "中国 美国 英国 法国 德国 日本 非洲 亚洲 意大利 澳大利亚 "
        "云南 海南 学校 公园 海边 乡下 月球",
    },
    "yue": {
        "thing": "手機 電視 書 床 門 車 船 錢 衫 褲 鞋 帽 狗 貓 "
        "魚 馬 牛 豬 雞 花 草 樹 山 河 海 湖 月亮 星星 地球 屋 學校 醫院 銀行 公司 餐廳 "
        "機場 車站 電影 相 遊戲 波 信 禮物 藥 飯 肉 魚湯 麵 白飯 可樂 電話 "
        "機器 經濟 政府 歷史 數學 科學 語言 醫生 老師 學生 細路 問題 故事書 銀包 波鞋 相機 "
        "公園 生意 工作 考試 會議 合約 計劃 名單 比賽 世界 龍",
        "person": "爸爸 媽媽 家姐 爺爺 老師 醫生 同學 張醫生 我個仔 我個女 我老公 總統",
        "place": "中國 美國 英國 法國 德國 日本 非洲 亞洲 意大利 澳洲 雲南 "
        "海南 學校 公園 海邊 鄉下 月球",
    },
}
_WHO = {
    "cmn": "我 你 他 她 我们 你们 他们 大家 有人 那个人 这个女人 他们公司 很多人 小孩子".split(),
    "yue": "我 你 佢 我哋 你哋 佢哋 大家 有人 嗰個人 呢個女人 佢哋公司 好多人 啲細路".split(),
}
_DID = {
    "cmn": "买了 看了 卖了 喜欢 不喜欢 想要 没看见 忘了 带来了 写了 用过 看见 听说过 需要".split(),
    "yue": "買咗 睇咗 賣咗 搵到 攞走咗 整好咗 想要 見唔到 唔記得 帶咗 寫咗 "
    "用過 食咗 見到 聽過 需要".split(),
}
_LIKE = {
    "cmn": "很大 很小 很贵 很便宜 很新 很好看 很重 很有名 很长".split(),
    "yue": "好大 好細 好貴 好平 好新 好重 好出名 好長".split(),
}
_WHEN = {
    "cmn": "今天 去年 上个月 以前 有时候 每天 刚才 早上 那天 星期一 很久以前 明年 后来".split(),
    "yue": "今日 上個月 以前 有時 日日 頭先 朝早 嗰日 星期一 好耐之前 下年 後來".split(),
}
_LEAD = {
    "cmn": "我觉得 我知道 听说 他说 她告诉我 然后 但是 因为 如果 其实 好像 我以为 原来".split(),
    "yue": "我覺得 我知 聽講 佢話 佢同我講 跟住 但係 因為 如果 其實 我以為 原來 唔通".split(),
}
_WHERE = {
    "cmn": "在学校 在家里 在路上 在公司 在外面 在那里 在医院 在海边".split(),
    "yue": "喺學校 喺屋企 喺公司 喺出面 喺嗰度 喺醫院 喺海邊".split(),
}


@functools.cache
def signs() -> frozenset[str]:
    """The hanzi nano can read."""
    text = (Path(__file__).parent / "hanzi.txt").read_text(encoding="utf-8")
    return frozenset(sign for sign in text if sign >= "\u3400")


def readable(words: str) -> bool:
    """Whether nano has a token for each hanzi of these words."""
    return all(sign in signs() for sign in words if sign >= "\u3400")


@functools.cache
def _world(language: str, kind: str) -> tuple[str, ...]:
    return tuple(_WORLD[language][kind].split())


@functools.cache
def common_words(language: str, count: int = 12000) -> tuple[str, ...]:
    """The most frequent Chinese words nano can read, rough ones left out.

    wordfreq's list is written in simplified signs: Cantonese takes those words whose signs its
    own sentences use too, and all the words of its small world.
    """
    from wordfreq import get_frequency_dict

    table = get_frequency_dict("zh")
    words = sorted(table, key=lambda word: (-table[word], word))
    kept = signs() if language == "cmn" else _written(language)
    found = [w for w in words if all(sign in kept for sign in w) and not _ROUGH.search(w)]
    own = _own_words(language) if language == "yue" else ()
    # Every second of the first words is an own one, so that they are heard often enough.
    mixed = [word for pair in zip(own, found, strict=False) for word in pair]
    return (*mixed, *found[len(own) :])[:count]


def _own_words(language: str) -> list[str]:
    tables = (_WHO, _DID, _LIKE, _WHEN, _LEAD, _WHERE)
    words = [word for table in tables for word in table[language]]
    return words + " ".join(_WORLD[language].values()).split()


def _written(language: str) -> frozenset[str]:
    """The hanzi of a language's own sentence files."""
    folder = Path(__file__).parent / FOLDERS[language]
    return signs() & set("".join(path.read_text(encoding="utf-8") for path in folder.iterdir()))


def statement(rng: random.Random, language: str) -> str:
    """A made-up sentence or two."""
    words = _claim(rng, language)
    if rng.random() < 0.3:
        words = rng.choice(_LEAD[language]) + words
    if rng.random() < 0.2:
        words += _claim(rng, language)
    if rng.random() < 0.2:
        words += rng.choice(("吗", "呢", "吧", "啊") if language == "cmn" else tuple("㗎呢啦呀"))
    return words


def _thing(rng: random.Random, language: str) -> str:
    kind = rng.choices(("thing", "person", "place"), (8, 1, 1))[0]
    own = ("我的", "那个", "这个", "") if language == "cmn" else ("我個", "嗰個", "呢個", "")
    return (rng.choice(own) if kind == "thing" else "") + rng.choice(_world(language, kind))


def _claim(rng: random.Random, language: str) -> str:
    who = (
        rng.choice(_WHO[language]) if rng.random() < 0.7 else rng.choice(_world(language, "person"))
    )
    when = rng.choice(_WHEN[language]) if rng.random() < 0.35 else ""
    where = rng.choice(_WHERE[language]) if rng.random() < 0.2 else ""
    if rng.random() < 0.25:
        return when + _thing(rng, language) + rng.choice(_LIKE[language])
    return who + when + where + rng.choice(_DID[language]) + _thing(rng, language)


def fill(rng: random.Random, mark: str, language: str) -> str:
    """Words for `{thing}`, `{person}`, `{place}`, `{word}` or `{number}`."""
    if mark == "{number}":
        top = rng.choice((12, 100, 2100))
        return chinese_words.number(rng.randint(1, top), language)
    if mark == "{word}":
        words = common_words(language)
        return words[rng.randrange(min(5000, len(words)))]
    return rng.choice(_world(language, mark[1:-1]))


def salad(rng: random.Random, language: str) -> str:
    """Common words in a row, the more frequent ones more often."""
    words = common_words(language)
    tops = (200, 1000, 4000, len(words))
    count = rng.choice((1, 2, 3, 4, 5, 6))
    return "".join(words[rng.randrange(min(rng.choice(tops), len(words)))] for _ in range(count))
