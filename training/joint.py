"""Stages `project` and `joint`: the thinker learns to hear.

`project` trains projector and thinker on a frozen encoder; `joint` goes on with everything
unfrozen. Earlier turns of a sequence are other utterances of the batch or the turn's own history
as text.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from vivavoce.models.nano.audio_encoder import Encoded
from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.hearing import Ear
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import Thinker

from .encoder import SpeechBatch, recognition_loss, speech_batches
from .loop import Stage, load_modules
from .speech_pool import random_turn
from .thinker import thinker_loss
from .turns import TokenSequence, TurnBatch, add_turn, collate, new_sequence

CTC_WEIGHT, PHONE_WEIGHT = 0.5, 0.3
EARLIER_SHARE = 0.25  # sequences that begin with another spoken turn
MEL_FRAMES = 6000


def sequences(
    batch: SpeechBatch, text: Text, rng: random.Random, languages: Sequence[str]
) -> list[TurnBatch]:
    """One sequence per utterance, ending with its turn, and half as many dialogues as text.

    The written ones keep up what the thinker knows and bring phrasings no pool holds.
    """
    turns = batch.turns
    n_positions = [(int(n) + 1) // 2 for n in batch.n_frames]
    made = []
    for i, turn in enumerate(turns):
        sequence = new_sequence()
        if rng.random() < EARLIER_SHARE:
            j = rng.randrange(len(turns))
            other = turns[j]
            if not other.history:
                said = (other.user, other.action, other.reply)
                add_turn(sequence, text, said, rng, (n_positions[j], j))
        for earlier in turn.history:
            add_turn(sequence, text, earlier, rng)
        said = (turn.user, turn.action, turn.reply)
        add_turn(sequence, text, said, rng, (n_positions[i], i))
        made.append(sequence)
        if i % 2:
            made.append(_written(text, rng, rng.choice(languages)))
    # Two batches by length: one would be padding for the most part.
    made.sort(key=lambda s: len(s.tokens))
    middle = len(made) * 2 // 3
    return [collate(made[:middle]), collate(made[middle:])]


def _written(text: Text, rng: random.Random, language: str) -> TokenSequence:
    sequence = new_sequence()
    for turn in random_turn(rng, language, "train")[:2]:
        add_turn(sequence, text, (turn.user, turn.action, turn.reply), rng)
    return sequence


def embed(batch: TurnBatch, positions: Tensor, thinker: Thinker) -> Tensor:
    """Token embeddings with the audio positions [utterances, P, D] in their places."""
    x = thinker.embed(batch.tokens.to(positions.device)).clone()
    for row, first, length, utterance in batch.audio:
        x[row, first : first + length] = positions[utterance, :length]
    return x


def stage(
    device: torch.device, languages: Sequence[str], seed: int = 0, frozen_encoder: bool = False
) -> Stage:
    """Both stages: `frozen_encoder` makes it `project`."""
    config, text, rng = NanoConfig(), Text.shipped(), random.Random(seed)
    ear, thinker = Ear(config, text).to(device), Thinker(config.thinker).to(device)
    modules = {"encoder": ear.encoder, "projector": ear.projector, "thinker": thinker}
    if frozen_encoder:
        load_modules("encoder", {"encoder": ear.encoder})
        load_modules("thinker", {"thinker": thinker})
    else:
        load_modules("project", modules)
        load_modules("encoder", {"encoder": ear.encoder})  # it may have been trained on since

    def encode(batch: SpeechBatch) -> Encoded:
        with torch.set_grad_enabled(not frozen_encoder):
            encoded: Encoded = ear.encoder(batch.mel.to(device), batch.n_frames.to(device))
        return encoded

    def loss(batch: SpeechBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        encoded = encode(batch)
        table = thinker.embedding.weight
        positions = ear.projector(encoded.hidden, encoded.ctc, table, text.n_special)
        value = positions.new_zeros(())
        for turns in sequences(batch, text, rng, languages):
            turns.targets = turns.targets.to(device)
            hidden, balance = thinker(embed(turns, positions, thinker), turns.modality.to(device))
            value = value + 0.5 * thinker_loss(hidden, balance, thinker, turns)
        figures = {"loss": float(value.detach())}
        if not frozen_encoder:
            batch.phones = batch.phones.to(device)
            phone, ctc = recognition_loss(encoded, batch)
            value = value + CTC_WEIGHT * ctc + PHONE_WEIGHT * phone
            figures |= {"ctc": float(ctc.detach()), "phone": float(phone.detach())}
        return value, figures

    batches = speech_batches(text, languages, seed + 1, frames=MEL_FRAMES)
    if frozen_encoder:
        return Stage("project", modules, batches, loss, 1e-3, frozen=("encoder",))
    return Stage("joint", modules, batches, loss, 8e-4)
