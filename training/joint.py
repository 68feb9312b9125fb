"""Stage `joint`: the thinker learns to hear, the encoder to serve it; everything is trained.

Because audio positions start as soft text embeddings (see AudioProjector), a thinker that knows
text follows after a few hundred steps. Earlier turns of a sequence are other utterances of the
batch or the turn's own history as text.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import torch
from torch import Tensor

from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.hearing import Ear
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import Thinker

from .encoder import SpeechBatch, recognition_loss, speech_batches
from .loop import Stage, load_modules
from .shipped import NANO, load_half
from .speech_pool import as_text, random_turn
from .thinker import thinker_loss
from .turns import TokenSequence, TurnBatch, add_turn, collate, new_sequence

CTC_WEIGHT, PHONE_WEIGHT = 0.5, 0.3
THINKER_SHARE = 0.5  # utterances whose turn the thinker learns: the encoder needs more than it
FIRST_SHARE = 0.35  # turns that begin a dialogue, or follow-ups would be too few to learn from
EARLIER_SHARE = 0.35  # sequences that begin with another spoken turn
CUT_SHARE = 0.25  # earlier turns whose reply was interrupted
MEL_FRAMES = 6000


def sequences(
    batch: SpeechBatch, text: Text, rng: random.Random, languages: Sequence[str]
) -> list[TurnBatch]:
    """Sequences that end with an utterance's turn, and half as many dialogues as text.

    The written ones keep up what the thinker knows and bring phrasings no pool holds.
    """
    turns = batch.turns
    n_positions = [(int(n) + 1) // 2 for n in batch.n_frames]
    made = []
    for i in rng.sample(range(len(turns)), math.ceil(THINKER_SHARE * len(turns))):
        turn = turns[i]
        sequence = new_sequence()
        if rng.random() < EARLIER_SHARE:
            j = rng.randrange(len(turns))
            other = turns[j]
            if not other.history:
                heard = (n_positions[j], j)
                cut = rng.random() < CUT_SHARE
                add_turn(sequence, text, other.words, rng, heard, cut=cut, languages=languages)
        for earlier in turn.history:
            cut = rng.random() < CUT_SHARE
            add_turn(sequence, text, earlier, rng, cut=cut, languages=languages)
        heard = (n_positions[i], i)
        add_turn(sequence, text, turn.words, rng, heard, languages=languages)
        made.append(sequence)
        if len(made) % 3 == 2:
            made.append(_written(text, rng, languages))
    # Two batches by length: one would be padding for the most part.
    made.sort(key=lambda s: len(s.tokens))
    middle = len(made) * 2 // 3
    return [collate(part) for part in (made[:middle], made[middle:]) if part]


def _written(text: Text, rng: random.Random, languages: Sequence[str]) -> TokenSequence:
    sequence = new_sequence()
    language = rng.choice(languages)
    others = [name for name in languages if name != language]
    for turn in random_turn(rng, language, "train", others=others)[:3]:
        cut = rng.random() < CUT_SHARE
        add_turn(sequence, text, as_text(turn), rng, cut=cut, languages=languages)
    return sequence


def embed(batch: TurnBatch, positions: Tensor, thinker: Thinker) -> Tensor:
    """Token embeddings with the audio positions [utterances, P, D] in their places."""
    x = thinker.embed(batch.tokens.to(positions.device)).clone()
    for row, first, length, utterance in batch.audio:
        x[row, first : first + length] = positions[utterance, :length]
    return x


def stage(device: torch.device, languages: Sequence[str], seed: int = 0) -> Stage:
    """Encoder and thinker as their stages left them, or else as shipped; everything is trained."""
    config, text, rng = NanoConfig(), Text.shipped(), random.Random(seed)
    ear, thinker = Ear(config, text).to(device), Thinker(config.thinker).to(device)
    modules = {"encoder": ear.encoder, "projector": ear.projector, "thinker": thinker}
    if not load_modules("encoder", {"encoder": ear.encoder}):
        load_half(ear, NANO / "ear.safetensors")
    if not load_modules("thinker", {"thinker": thinker}):
        load_half(thinker, NANO / "thinker.safetensors")

    def loss(batch: SpeechBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        encoded = ear.encoder(batch.mel.to(device), batch.n_frames.to(device))
        table = thinker.embedding.weight
        positions = ear.projector(encoded.hidden, encoded.ctc, table, text.n_special)
        said = positions.new_zeros(())
        for turns in sequences(batch, text, rng, languages):
            turns.targets = turns.targets.to(device)
            hidden, balance = thinker(embed(turns, positions, thinker), turns.modality.to(device))
            said = said + 0.5 * thinker_loss(hidden, balance, thinker, turns)
        batch.phones = batch.phones.to(device)
        phone, ctc = recognition_loss(encoded, batch)
        figures = {"said": said, "ctc": ctc, "phone": phone}
        value = said + CTC_WEIGHT * ctc + PHONE_WEIGHT * phone
        return value, {name: float(figure.detach()) for name, figure in figures.items()}

    batches = speech_batches(text, languages, seed + 1, frames=MEL_FRAMES, first_share=FIRST_SHARE)
    return Stage("joint", modules, batches, loss, peak_lr=8e-4)
