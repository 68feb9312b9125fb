"""Where the talker's hanzi begin: homophones alike.

A thousand hanzi have some hundred onsets, rimes and tones between them. An untrained row of the
talker's embedding is the sum of a random vector for each of them, Mandarin in one half of the
row, Cantonese in the other. So what is learnt of one hanzi holds for all that sound like it.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from vivavoce.models.nano.text import Text

from .chinese_texts import alphabet
from .synthesis import espeak
from .voices import OWN_VOICES

DEVIATION = 0.2  # of each part's vector; about that of trained rows once three are added
_TONE = re.compile(r"\d+")
_VOWEL = re.compile("[aeiouyAEIOUV@]")


def parts(reading: str) -> tuple[str, str, str]:
    """Onset, rime and tone of one hanzi as espeak-ng reads it: "X'Au214_|" is X, Au, 214."""
    phones = reading.replace("_|", "").replace("'", "")
    tone = "".join(_TONE.findall(phones))
    phones = _TONE.sub("", phones)
    vowel = _VOWEL.search(phones)
    at = vowel.start() if vowel else 0
    return phones[:at], phones[at:], tone


def start_hanzi(embedding: Tensor, text: Text) -> None:
    """Fill the rows of all hanzi in the talker's embedding [rows, D]."""
    generator = torch.Generator().manual_seed(0)
    chinese = [voice for voice in OWN_VOICES if voice.language != "en"]
    half = embedding.shape[1] // len(chinese)
    vectors: dict[tuple[str, int, str], Tensor] = {}
    for hanzi in alphabet():
        row = []
        for voice in chinese:
            named = enumerate(parts(espeak.pronounce(hanzi, voice.recorded.file)))
            keys = [(voice.language, i, part) for i, part in named]
            for key in keys:
                if key not in vectors:
                    vectors[key] = DEVIATION * torch.randn(half, generator=generator)
            row.append(torch.stack([vectors[key] for key in keys]).sum(0))
        (token,) = text.encode_word(hanzi)
        embedding[token] = torch.cat(row)
