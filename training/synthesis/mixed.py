"""Chinese sentences with English words in them, read by one speaker in two languages.

espeak-ng's Chinese voices read Latin letters as pinyin or spell them. Here the English words are
read by an English voice with the same variant, rate and pitch, and laid between the Chinese ones:

    打開 | kitchen | 嘅燈
    yue    en        yue      the seams are faded over 10 ms
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from . import espeak
from .espeak import EspeakVoice
from .utterance import RATE_HZ, Utterance

ENGLISH = "gmw/en-US"
_RUN = re.compile(r"[a-z' ]*[a-z][a-z' ]*|[^a-z]+")
_FADE = RATE_HZ // 100
_GAP = RATE_HZ * 30 // 1000  # sound kept around a run, so that no consonant is clipped

LabelledPhones = list[tuple[int, str, str]]
"""(start sample, phone, language)"""


def is_mixed(text: str, language: str) -> bool:
    """Whether a Chinese text has English words in it."""
    return language != "en" and re.search("[a-z]", text) is not None


def speak(text: str, voice: EspeakVoice, language: str) -> tuple[np.ndarray, LabelledPhones]:
    """Gives samples at 16 kHz and the phones of both languages."""
    _, _, variant = voice.file.partition("+")
    english = replace(voice, file=f"{ENGLISH}+{variant}" if variant else ENGLISH)
    pcm, phones = np.zeros(0, np.float32), []
    for run in _RUN.findall(text):
        foreign = run.strip()[:1].isascii()
        spoken = espeak.speak(run.strip(), english if foreign else voice)
        sound, inner = _cut_out(spoken)
        pcm, at = _joined(pcm, sound)
        phones += [(at + start, name, "en" if foreign else language) for start, name in inner]
    return np.concatenate([pcm, np.zeros(RATE_HZ // 10, np.float32)]), phones


def _cut_out(spoken: Utterance) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """An utterance without the silence around it, and its phones from there."""
    phones = spoken.phones or []
    sounding = [start for start, name in phones if name.strip("_:;")]
    if not sounding or not spoken.words:
        return spoken.pcm, phones
    first = max(0, sounding[0] - _GAP)
    last = min(len(spoken.pcm), spoken.words[-1][2] + _GAP)
    inner = [(max(0, start - first), name) for start, name in phones if start < last]
    return spoken.pcm[first:last], inner


def _joined(pcm: np.ndarray, sound: np.ndarray) -> tuple[np.ndarray, int]:
    """Both, the seam faded, and where the second begins."""
    n = min(_FADE, len(pcm), len(sound))
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    seam = pcm[len(pcm) - n :] * (1 - ramp) + sound[:n] * ramp
    return np.concatenate([pcm[: len(pcm) - n], seam, sound[n:]]), len(pcm) - n
