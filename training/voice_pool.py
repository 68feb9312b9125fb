"""Recordings of nano's own voices to learn from, made once and kept beside the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .grammar.pronounce import pronounce
from .syllables import Span, hanzi_spans
from .synthesis import Utterance, synthesize
from .voices import OwnVoice

Recording = tuple[list[str], Utterance, list[Span]]
"""Written words (each hanzi is one), what was said, and the time span of every word."""


def recordings(texts: Iterable[str], n: int, voice: OwnVoice) -> Iterator[Recording]:
    """The first n texts, spoken; those whose words cannot be told apart are left out."""
    for text in tqdm(islice(texts, n), total=n, desc=f"synthesis {voice.name}", unit="text"):
        utterance = say(text, voice)
        if voice.language == "en":
            words: list[str] = text.split()
            spans = [(start, end) for _, start, end in utterance.words]
        else:
            words = [c for c in text if c != " "]
            spans = hanzi_spans(utterance, len(words)) or []
        if len(words) == len(spans):
            yield words, utterance, spans


def say(text: str, voice: OwnVoice) -> Utterance:
    """The recording of a text."""
    utterance = synthesize(respelt(text) if voice.language == "en" else text, voice.recorded)
    return replace(utterance, pcm=utterance.pcm * voice.level)


def respelt(text: str) -> str:
    """The text as flite must get it, with as many words: `xian` as `shee-ahn`."""
    spelling = pronounce(text)
    for word in set(text.split()):
        alone = pronounce(word)
        if " " in alone:
            spelling = spelling.replace(alone, alone.replace(" ", "-"))
    return spelling


def voice_pool(path: Path, texts: Iterable[str], n: int, voice: OwnVoice) -> np.ndarray:
    """Samples int16 [n] at 16 kHz kept at `path` (.npy), or of the first n texts."""
    if not path.exists():
        pcm = [(u.pcm * 32767).astype(np.int16) for _, u, _ in recordings(texts, n, voice)]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.concatenate(pcm))
    pool: np.ndarray = np.load(path, mmap_mode="r")
    return pool


def random_segments(pool: np.ndarray, rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """float32 [n, size] cut anywhere, also across two utterances."""
    starts = rng.integers(0, len(pool) - size, n)
    return np.stack([pool[s : s + size] for s in starts]).astype(np.float32) / 32768
