"""What the person says: sentences of the grammar, spoken by many voices."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.assistant.client.conversation import RATE_HZ
from vivavoce.assistant.errors import UserError
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.levels import dbfs
from vivavoce.streaming.resample import resample

PEAK = 0.5
FRAME_MS = 10
QUIET_DB = 40.0  # the recordings have no noise, so soft beginnings count
LONG_REPLIES = ("joke", "can", "weather")
"""Intents whose answers are long enough to be interrupted."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A spoken sentence, pcm [n] at RATE_HZ."""

    text: str
    pcm: Pcm

    @property
    def speech_start_ms(self) -> int:
        """Where speech begins: the first frame that is not far below the loud ones."""
        size = RATE_HZ * FRAME_MS // 1000
        levels = [dbfs(self.pcm[at : at + size]) for at in range(0, len(self.pcm), size)]
        threshold = float(np.percentile(levels, 95)) - QUIET_DB
        return FRAME_MS * next(i for i, level in enumerate(levels) if level >= threshold)


def questions(n: int, seed: int) -> list[Clip]:
    """n sentences, all intents in rotation."""
    from training.grammar.evaluation import eval_turns

    return _spoken([turn.user for turn in eval_turns("train", n, seed)], seed)


def long_questions(n: int, seed: int) -> list[Clip]:
    """n sentences whose replies take a few seconds."""
    from training.grammar import sample

    rng = random.Random(seed)
    intents = [LONG_REPLIES[i % len(LONG_REPLIES)] for i in range(n)]
    return _spoken([sample(rng, "en", "train", intent).user for intent in intents], seed)


def _spoken(texts: Sequence[str], seed: int) -> list[Clip]:
    from training.grammar.pronounce import pronounce
    from training.synthesis import RATE_HZ as SYNTHESIS_HZ
    from training.synthesis import random_voice, synthesize

    rng = np.random.default_rng(seed)
    clips = []
    for text in texts:
        try:
            pcm = synthesize(pronounce(text), random_voice(rng, "en")).pcm
        except OSError as error:
            raise UserError(
                f"The person needs a voice: install espeak-ng and flite ({error})."
            ) from None
        pcm = resample(pcm, SYNTHESIS_HZ, RATE_HZ)
        clips.append(Clip(text, pcm * np.float32(PEAK / max(float(np.abs(pcm).max()), 1e-6))))
    return clips
