"""Recordings of nano's own voice (flite slt) to learn from, made once and kept beside the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .grammar.pronounce import pronounce
from .synthesis import FliteVoice, Utterance, synthesize

VOICE = FliteVoice("slt", f0_hz=100.0)  # the shipped codes were learnt at this pitch


def recordings(texts: Iterable[str], n: int) -> Iterator[tuple[list[str], Utterance]]:
    """The first n texts, spoken: written words and utterance, one time span a written word."""
    for text in tqdm(islice(texts, n), total=n, desc="synthesis", unit="text"):
        words = text.split()
        utterance = synthesize(respelt(text), VOICE)
        if len(words) == len(utterance.words):
            yield words, utterance


def respelt(text: str) -> str:
    """The text as flite must get it, with as many words: `xian` as `shee-ahn`."""
    spelling = pronounce(text)
    for word in set(text.split()):
        alone = pronounce(word)
        if " " in alone:
            spelling = spelling.replace(alone, alone.replace(" ", "-"))
    return spelling


def voice_pool(path: Path, texts: Iterable[str], n: int) -> np.ndarray:
    """Samples int16 [n] at 16 kHz kept at `path` (.npy), or of the first n texts."""
    if not path.exists():
        pcm = [(u.pcm * 32767).astype(np.int16) for _, u in recordings(texts, n)]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.concatenate(pcm))
    pool: np.ndarray = np.load(path)
    return pool


def random_segments(pool: np.ndarray, rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """float32 [n, size] cut anywhere, also across two utterances."""
    starts = rng.integers(0, len(pool) - size, n)
    return np.stack([pool[s : s + size] for s in starts]).astype(np.float32) / 32768
