"""What was said during a reply, judged by its words: a murmur, a stop phrase, or something else.

The one place of the word lists; `barge_in.backchannels` and `barge_in.stop_phrases` of the
configuration replace them. Pure: text in, a judgement out.

    "Okay, yeah."        murmur       wholly made of backchannels
    "yes", to a question words        the answer to what the reply asks
    "oh stop, please!"   stop         a stop phrase, and nothing beside it but courtesies
    "stop the music"     words
    ""                   nothing
    "okay y", unsure     murmur       what the model would not act on, and mostly backchannels
    "ame hom", unsure    unsure
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

Said = Literal["nothing", "murmur", "stop", "unsure", "words"]

BACKCHANNELS = (
    *("mhm", "mm", "mmm", "hm", "hmm", "mm hmm", "uh huh", "uh", "ah", "aha", "oh", "huh"),
    *("ok", "okay", "yeah", "yep", "yup", "yes", "right", "sure", "i see", "got it", "all right"),
    *("嗯", "唔", "哦", "噢", "啊", "呀", "对", "對", "是", "是的", "是啊", "好", "好的", "行"),
    *("明白", "知道了", "没错", "沒錯", "係", "係呀", "係啊", "得", "冇錯", "知道", "了解"),
)
"""What people murmur while they listen, in English, Mandarin and Cantonese."""

STOP_PHRASES = (
    *("stop", "stop it", "stop that", "stop talking", "stop speaking", "be quiet", "quiet"),
    *("shut up", "enough", "that's enough", "thats enough", "silence", "hush", "shush"),
    *("wait", "wait a moment", "hold on", "one moment"),
    *("停", "停下", "停下来", "停一下", "停止", "别说了", "別說了", "不要说了", "不要說了"),
    *("安静", "安靜", "闭嘴", "閉嘴", "够了", "夠了", "住口", "等一下", "等等", "等一等"),
    *("收聲", "收声", "收嗲", "唔好講", "唔好講嘢", "唔好再講", "咪講", "靜啲", "停低", "等陣"),
    *("停一停", "停一停先", "暂停", "暫停", "静一下", "靜一陣", "唔使講", "唔好講嘢住", "夠喇"),
    *("别再说了", "不要再说了", "不要讲话", "不要讲了", "不用讲了"),
)
"""What silences the assistant."""

_ANSWERS = (
    *("yes", "yeah", "yep", "yup", "ok", "okay", "right", "sure", "all right"),
    *("对", "對", "是", "是的", "是啊", "好", "好的", "行", "没错", "沒錯"),
    *("係", "係呀", "係啊", "得", "冇錯"),
)
"""Backchannels that are no murmur where the reply asks something: "yes" before it has ended."""

_COURTESIES = (
    *("please", "now", "hey", "no", "just", "well", "so", "um", "and", "thanks", "thank you"),
    *("请", "請", "吧", "啦", "喇", "了", "先", "唔該", "喂", "不", "咗"),
)
"""What may stand beside a stop phrase without changing its meaning."""

_OBJECTIONS = (
    *("no", "nope", "why", "what", "help", "hello", "excuse me", "never mind"),
    *("不", "不是", "不对", "不對", "为什么", "為什麼", "什么", "什麼", "唔係", "點解", "咩"),
)
"""Short words that nobody murmurs: they count, sure or not."""


def judge(
    text: str,
    sure: bool,
    backchannels: Collection[str],
    stop_phrases: Collection[str],
    to_question: bool = False,
) -> Said:
    """What `text`, as a model wrote it down, amounts to.

    Args:
        text: in any case and punctuation.
        sure: the model would act on it.
        backchannels: what is murmured while listening.
        stop_phrases: what silences the assistant.
        to_question: the reply it was said into asks the user something.
    """
    words = _words(text)
    murmurs, stops = _phrases(tuple(backchannels)), _phrases(tuple(stop_phrases))
    if not words:
        return "nothing"
    if _made_of(words, murmurs) and not _negated(words):
        answers = to_question and _holds(words, _phrases(_ANSWERS))
        return "words" if answers else "murmur"
    beside = murmurs | _phrases(_COURTESIES)
    if _made_of(words, stops | beside) and not _made_of(words, beside):
        return "stop"
    if sure or _made_of(words, _phrases(_OBJECTIONS)):
        return "words"
    return "murmur" if _mostly(words, murmurs) else "unsure"


@lru_cache(maxsize=64)
def _phrases(listed: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(words for phrase in listed if (words := _words(phrase)))


def _words(text: str) -> tuple[str, ...]:
    """Lower-case words; a Chinese character is a word of its own; punctuation is dropped."""
    spaced = []
    for character in unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'"):
        if "\u3400" <= character <= "\u9fff":
            spaced.append(f" {character} ")
        else:
            spaced.append(character if character.isalnum() or character == "'" else " ")
    return tuple("".join(spaced).split())


def _negated(words: Sequence[str]) -> bool:
    """Whether it holds a Cantonese "not": 唔 alone is a hum, before a word (唔係) it is one."""
    return any(word == "唔" != after for word, after in pairwise(words))


def _mostly(words: Sequence[str], phrases: Collection[tuple[str, ...]]) -> bool:
    """Whether at least every other word is a phrase of the list: "okay y", say.

    In Chinese the same signs stand for much else, so there it says nothing.
    """
    latin = all(word.isascii() for word in words)
    return latin and 2 * sum((word,) in phrases for word in words) >= len(words)


def _holds(words: Sequence[str], phrases: Collection[tuple[str, ...]]) -> bool:
    """Whether a phrase of the list is among the words."""
    return any(
        tuple(words[start : start + len(phrase)]) == phrase
        for phrase in phrases
        for start in range(len(words))
    )


def _made_of(words: Sequence[str], phrases: Collection[tuple[str, ...]]) -> bool:
    """Whether the words can be read as phrases of the list, one after another."""
    reached = {0}
    for end in range(1, len(words) + 1):
        if any(
            end - len(phrase) in reached and tuple(words[end - len(phrase) : end]) == phrase
            for phrase in phrases
        ):
            reached.add(end)
    return len(words) in reached
