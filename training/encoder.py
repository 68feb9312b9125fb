"""Stage `encoder`: the audio encoder on phone labels and CTC.

Phone targets from the synthesiser's own events carry the encoder over the long plateau that CTC
alone stays on; see docs/nano.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.models.features import MelConfig, initial_tail, stream_log_mel
from vivavoce.models.nano.audio_encoder import AudioEncoder, Encoded
from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import BLANK

from .augment import AugmentOptions, augment
from .languages import hearing_order
from .loop import Stage
from .nonspeech import silent_turn
from .phones import UNKNOWN, frame_labels
from .speech_pool import SpokenTurn, endless

BATCH_MEL_FRAMES = 8000
CTC_RAMP_STEPS = 300
SHARDS_TOGETHER = 5  # in one shuffle: every language at its share
SILENT_SHARE = 0.05  # sounds in which nobody says anything
MASKED_BINS, MASKED_FRAMES = 12, 20


@dataclass(eq=False)
class SpeechBatch:
    """mel [B, T, n_mels]; n_frames [B] at 25 Hz; phones [B, F]; texts as CTC targets."""

    mel: Tensor
    n_frames: Tensor
    phones: Tensor
    targets: Tensor
    target_lengths: Tensor
    turns: list[SpokenTurn]


def make_batch(
    turns: Sequence[SpokenTurn],
    rng: np.random.Generator,
    options: AugmentOptions,
    text: Text,
    others: list[np.ndarray],
    mask: bool,
) -> SpeechBatch:
    """Vary each utterance anew and pad them into one batch."""
    mel_config = MelConfig()
    clips, labels = [], []
    for turn in turns:
        pcm, timing = augment(turn.pcm.astype(np.float32) / 32768, rng, options, others)
        n_frames = len(pcm) // 1280 * 2  # even: a position of the thinker pools two
        clips.append(pcm[: n_frames * 640])
        if turn.phone_starts is None:
            labels.append(np.full(n_frames, UNKNOWN))
        else:
            starts, end = timing.at(turn.phone_starts), int(timing.at(len(turn.pcm)))
            labels.append(frame_labels(starts, turn.phone_classes, n_frames, end))
    n_frames = torch.tensor([len(label) for label in labels])
    longest = int(n_frames.max())
    pcm = torch.zeros(len(clips), longest * 640)
    phones = torch.full((len(clips), longest), UNKNOWN)
    for i, (clip, label) in enumerate(zip(clips, labels, strict=True)):
        pcm[i, : len(clip)] = torch.from_numpy(clip)
        phones[i, : len(label)] = torch.from_numpy(label)
    mel, _ = stream_log_mel(pcm, initial_tail(mel_config, len(clips)), mel_config)
    if mask:
        mel = spec_augment(mel, rng)
    targets = [torch.tensor(text.encode(turn.user), dtype=torch.long) for turn in turns]
    lengths = torch.tensor([len(t) for t in targets])
    return SpeechBatch(mel, n_frames, phones, torch.cat(targets), lengths, list(turns))


def spec_augment(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Two masks in frequency and two in time per utterance (arXiv 1904.08779)."""
    mel = mel.clone()
    for row in mel:
        for _ in range(2):
            width, start = int(rng.integers(MASKED_BINS + 1)), int(rng.integers(80 - MASKED_BINS))
            row[:, start : start + width] = 0
            width = int(rng.integers(MASKED_FRAMES + 1))
            start = int(rng.integers(max(1, len(row) - width)))
            row[start : start + width] = 0
    return mel


def speech_batches(
    text: Text,
    languages: Sequence[str],
    seed: int,
    options: AugmentOptions | None = None,
    split: str = "train",
    mask: bool = True,
    frames: int = BATCH_MEL_FRAMES,
    first_share: float = 1.0,
    silent_share: float = SILENT_SHARE,
) -> Iterator[SpeechBatch]:
    """Batches of utterances of like length, about `frames` mel frames each.

    first_share: how many of the turns that begin a dialogue are taken; of those that follow
    another, which are few, all are.
    """
    rng = np.random.default_rng(seed)
    order = hearing_order(languages)
    for shards in endless(split, order, random.Random(seed), blocks=SHARDS_TOGETHER):
        block = [turn for turn in shards if turn.history or rng.random() < first_share]
        others = [block[i].pcm.astype(np.float32) for i in rng.integers(len(block), size=40)]
        for _ in range(round(silent_share * len(block))):
            block.append(silent_turn(rng, languages[rng.integers(len(languages))], others))
        block.sort(key=lambda turn: len(turn.pcm))
        batches, start = [], 0
        while start < len(block):
            size = max(4, int(frames / (len(block[start].pcm) / 160 + 80)))
            batches.append(block[start : start + size])
            start += size
        for i in rng.permutation(len(batches)):
            yield make_batch(batches[i], rng, options or AugmentOptions(), text, others, mask)


def recognition_loss(encoded: Encoded, batch: SpeechBatch) -> tuple[Tensor, Tensor]:
    """Phone cross-entropy per frame and CTC loss per target token."""
    phone = F.cross_entropy(
        encoded.phones.float().flatten(0, 1),
        batch.phones.flatten(),
        ignore_index=UNKNOWN,
        reduction="sum",
    )
    n_labelled = (batch.phones != UNKNOWN).sum().clamp(min=1)  # noises have none
    ctc = F.ctc_loss(
        encoded.ctc.float().log_softmax(-1).transpose(0, 1),
        batch.targets,
        batch.n_frames,
        batch.target_lengths,
        blank=BLANK,
        reduction="sum",
        zero_infinity=True,
    )
    return phone / n_labelled, ctc / batch.target_lengths.sum().clamp(min=1)  # all may be silent


def phone_accuracy(encoded: Encoded, batch: SpeechBatch) -> float:
    """Share of labelled frames whose best phone is right."""
    known = batch.phones != UNKNOWN
    right = (encoded.phones.argmax(-1) == batch.phones) & known
    return float(right.sum() / known.sum().clamp(min=1))


def stage(device: torch.device, languages: Sequence[str], seed: int = 0) -> Stage:
    """The encoder from nothing, or from its checkpoint."""
    config, text = NanoConfig(), Text.shipped()
    encoder = AudioEncoder(config.encoder, config.mel.n_mels, config.thinker.vocabulary).to(device)

    def loss(batch: SpeechBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        encoded = encoder(batch.mel.to(device), batch.n_frames.to(device))
        batch.phones = batch.phones.to(device)
        phone, ctc = recognition_loss(encoded, batch)
        figures = {
            "phone": float(phone.detach()),
            "ctc": float(ctc.detach()),
            "phone_acc": phone_accuracy(encoded, batch),
        }
        return phone + min(1.0, step / CTC_RAMP_STEPS) * ctc, figures

    batches = speech_batches(text, languages, seed)
    return Stage("encoder", {"encoder": encoder}, batches, loss, peak_lr=1.5e-3)
