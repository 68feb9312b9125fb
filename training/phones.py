"""The phone classes of the encoder's phone head: espeak-ng's own phones, prefixed by language.

`python -m training.phones` collects them anew from frequent words of every language.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np

from .synthesis import EspeakVoice, synthesize

FILE = Path(__file__).with_name("phones.json")
SILENCE = 0
UNKNOWN = -100  # torch's ignore_index: frames without a label are not trained on
FRAME_SAMPLES = 640  # 25 Hz at 16 kHz
LATE_FRAMES = 1  # the label comes one frame late, so that the encoder has heard the phone


def phone_name(language: str, phone: str) -> str:
    """The class name of an espeak-ng phone: stress and length marks do not count."""
    bare = phone.strip("',%=_:;|~")
    return f"{language}:{bare}" if bare else "_"


@lru_cache(maxsize=1)
def phone_classes() -> dict[str, int]:
    """Class names to indices; index 0 is silence."""
    return {name: i for i, name in enumerate(json.loads(FILE.read_text(encoding="utf-8")))}


def classify(phones: list[tuple[int, str]], language: str) -> list[tuple[int, int]]:
    """(start sample, class) of every phone event; UNKNOWN where the inventory lacks it."""
    classes = phone_classes()
    return [(start, classes.get(phone_name(language, p), UNKNOWN)) for start, p in phones]


def frame_labels(starts: np.ndarray, classes: np.ndarray, n_frames: int, end: int) -> np.ndarray:
    """The class [n_frames] heard at the middle of each 25 Hz frame, one frame late.

    Args:
        starts: sample where each phone begins, ascending.
        classes: its class.
        n_frames: how many frames to label.
        end: sample where the utterance ends; silence after it.
    """
    middles = (np.arange(n_frames) - LATE_FRAMES) * FRAME_SAMPLES + FRAME_SAMPLES // 2
    index = np.searchsorted(starts, middles, side="right") - 1
    labels = np.where(index >= 0, classes[np.maximum(index, 0)], SILENCE)
    return np.where(middles >= end, SILENCE, labels).astype(np.int64)


def collect() -> list[str]:
    """Every phone that frequent words of the three languages use, most frequent first."""
    from wordfreq import top_n_list

    sources = {
        "en": (
            [
                f"gmw/{a}"
                for a in (
                    "en-US",
                    "en",
                    "en-GB-x-rp",
                    "en-US-nyc",
                    "en-029",
                    "en-GB-x-gbclan",
                    "en-GB-x-gbcwmd",
                )
            ],
            "en",
        ),
        "cmn": (["sit/cmn-Latn-pinyin"], "zh"),
        "yue": (["sit/yue"], "zh"),
    }
    seen: Counter[str] = Counter()
    for language, (files, words_of) in sources.items():
        words = [w for w in top_n_list(words_of, 4000) if not any(c.isdigit() for c in w)]
        for file in files:
            for i in range(0, len(words), 20):
                text = (" " if language == "en" else "，").join(words[i : i + 20])
                phones = synthesize(text, EspeakVoice(file, rate_wpm=400)).phones
                seen.update(phone_name(language, p) for _, p in phones)
    seen.pop("_", None)
    return ["_", *(name for name, n in seen.most_common() if n >= 3)]


if __name__ == "__main__":
    names = collect()
    FILE.write_text(json.dumps(names, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(len(names), "phone classes")
