"""What every synthesis engine gives: samples with the times of their words and phones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000

Pcm = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Utterance:
    """One synthesised text.

    Args:
        pcm: float32 [n] at 16 kHz in [-1, 1].
        words: (word, start sample, end sample) in order, without overlap. The word is the piece
            of the text that was read: a whitespace word (Latin) or one or more hanzi.
        phones: (start sample, phone) in order; a phone lasts until the next one starts. Pauses
            start with "_". Names are espeak-ng's, without length where another engine spoke.
    """

    pcm: Pcm
    words: list[tuple[str, int, int]]
    phones: list[tuple[int, str]]
