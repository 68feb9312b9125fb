"""What people wrap around a request in Mandarin and Cantonese; the kinds are politeness.py's."""

from __future__ import annotations

import random

_BEFORE = {
    "cmn": {
        "command": [
            *["请", "请你", "帮我", "麻烦你", "能不能", "你能", "可以帮我", "你帮我"] * 3,
            *["请帮我", "麻烦", "能帮我", "可不可以", "能不能帮我", "能不能请你", "现在", "快"],
            *["我想请你", "我要你", "请问可以", "麻烦帮我", "你可以", "给我", "那就", "好那你"],
        ],
        "question": ["请问", "请问一下", "那", "你说", "我想问"],
        "say": ["那个", "你好"],
    },
    "yue": {
        "command": [
            *["唔該", "唔該你", "麻煩你", "幫我", "可唔可以", "同我", "你同我", "幫手"] * 3,
            *["唔該幫我", "唔該同我", "可唔可以幫我", "可唔可以同我", "可以幫我", "即刻", "快啲"],
            *["我想你", "我要你", "麻煩幫我", "不如", "而家", "你可以幫我", "咁你"],
        ],
        "question": ["請問", "唔該請問", "咁", "我想問", "想問下"],
        "say": ["嗰個", "喂"],
    },
}
_AFTER = {
    "cmn": {
        "command": ["吧", "谢谢", "好吗", "可以吗", "行吗", "好不好", "谢谢你", "啊", "现在", "了"],
        "question": ["啊", "呢", "谢谢"],
        "say": ["啊", "呀", "谢谢"],
    },
    "yue": {
        "command": ["啦", "唔該", "好嗎", "得唔得", "可以嗎", "好唔好", "唔該晒", "吖", "呀", "先"],
        "question": ["呀", "呢", "唔該"],
        "say": ["呀", "唔該"],
    },
}
_BEFORE_RATE = {"command": 0.4, "question": 0.08, "say": 0.04}
_AFTER_RATE = {"command": 0.25, "question": 0.08, "say": 0.06}
# After these nobody asks once more, and nobody asks politely for what should not be done.
_NO_LEAD = tuple(
    "请 请问 帮 给 为 麻烦 别 不 我 你 能 可 再 唔 咪 幫 同 畀 請 麻煩 快 即刻 現 现".split()
)
_ENDS = tuple("吧了啊呀呢吗嗎啦喇吖先晒你我谢謝該请行")


def wrap(rng: random.Random, kind: str, words: list[str], language: str) -> list[str]:
    """The words with what a polite speaker puts around them."""
    kind = "question" if kind == "ask" else kind
    said = "".join(words)
    if rng.random() < _BEFORE_RATE[kind] and not said.startswith(_NO_LEAD):
        words = [rng.choice(_BEFORE[language][kind]), *words]
    if rng.random() < _AFTER_RATE[kind] and not said.endswith(_ENDS):
        words = [*words, rng.choice(_AFTER[language][kind])]
    return words
