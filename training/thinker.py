"""Stage `thinker`: the language model on dialogues as text."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import Thinker

from .loop import Stage
from .speech_pool import as_text, random_turn
from .turns import IGNORED, TurnBatch, add_turn, collate, new_sequence

BATCH_TOKENS = 3000
BLOCK = 1024  # dialogues sorted by length together
BALANCE_WEIGHT = 0.01


def text_batches(text: Text, languages: Sequence[str], seed: int) -> Iterator[TurnBatch]:
    """Endless fresh dialogues, those of like length together."""
    rng = random.Random(seed)
    while True:
        sequences = []
        for _ in range(BLOCK):
            sequence = new_sequence()
            language = rng.choice(languages)
            for turn in random_turn(rng, language, "train", others=_others(language, languages)):
                add_turn(sequence, text, as_text(turn), rng, languages=languages)
            sequences.append(sequence)
        sequences.sort(key=lambda s: len(s.tokens))
        batches, start = [], 0
        while start < BLOCK:
            size = max(8, BATCH_TOKENS // len(sequences[start].tokens))
            batches.append(sequences[start : start + size])
            start += size
        rng.shuffle(batches)
        for batch in batches:
            yield collate(batch)


def _others(language: str, languages: Sequence[str]) -> list[str]:
    return [name for name in languages if name != language]


def thinker_loss(hidden: Tensor, balance: Tensor, thinker: Thinker, batch: TurnBatch) -> Tensor:
    """Cross-entropy of what the thinker says, and the balance of its experts."""
    spoken = batch.targets != IGNORED
    logits = thinker.logits(hidden[spoken])
    return F.cross_entropy(logits.float(), batch.targets[spoken]) + BALANCE_WEIGHT * balance


def stage(device: torch.device, languages: Sequence[str], seed: int = 0) -> Stage:
    """The thinker from nothing, or from its checkpoint."""
    config, text = NanoConfig(), Text.shipped()
    thinker = Thinker(config.thinker).to(device)

    def loss(batch: TurnBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        batch.targets = batch.targets.to(device)
        hidden, balance = thinker(thinker.embed(batch.tokens.to(device)), batch.modality.to(device))
        value = thinker_loss(hidden, balance, thinker, batch)
        return value, {"loss": float(value.detach()), "balance": float(balance.detach())}

    return Stage("thinker", {"thinker": thinker}, text_batches(text, languages, seed), loss, 3e-3)
