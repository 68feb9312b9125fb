"""Many clips at once: what the streaming path gives, several times faster.

The encoder takes a batch of whole clips; from its positions on each clip goes its own way. The
figures differ from those of the streaming path by rounding alone (a test compares them).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from training.grammar import Turn
from vivavoce.models.dialogue import Pcm
from vivavoce.models.features import initial_tail, stream_log_mel
from vivavoce.models.nano.actions import REJECT
from vivavoce.models.nano.deciding import decide
from vivavoce.models.nano.hearing import entropy
from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.text import BOS, USER
from vivavoce.models.nano.thinker import AUDIO, BLANK, TEXT, Caches

from .understanding import Decided, Score

BATCH_S = 60  # seconds of sound, padding among them


@torch.inference_mode()
def decided(model: NanoModel, clips: Sequence[Pcm]) -> list[Decided]:
    """What the first turn of a conversation would come to, for each clip."""
    results = [Decided()] * len(clips)
    for indices in _batches(clips, BATCH_S * model.input_rate_hz):
        for index, result in zip(indices, _batch(model, [clips[i] for i in indices]), strict=True):
            results[index] = result
    return results


def batched_score(model: NanoModel, turns: Sequence[Turn], clips: Sequence[Pcm]) -> Score:
    """Like `understanding.spoken_score`, without languages and times."""
    score = Score()
    for turn, result in zip(turns, decided(model, clips), strict=True):
        score.count(turn, result)
    return score


def _batches(clips: Sequence[Pcm], n_samples: int) -> Iterator[list[int]]:
    """Indices of clips of like length that make `n_samples` together."""
    order = sorted(range(len(clips)), key=lambda i: len(clips[i]))
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * len(clips[index]) > n_samples:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _batch(model: NanoModel, clips: Sequence[Pcm]) -> list[Decided]:
    mel_config, frame = model.config.mel, 4 * model.config.mel.hop_samples
    n_frames = torch.tensor([_n_frames(len(clip), model) for clip in clips])
    pcm = torch.zeros(len(clips), int(n_frames.max()) * frame)
    for row, clip, n in zip(pcm, clips, n_frames.tolist(), strict=True):
        row[: n * frame] = torch.from_numpy(clip[: n * frame])
    mel, _ = stream_log_mel(pcm, initial_tail(mel_config, len(clips)), mel_config)
    encoded = model.ear.encoder(mel, n_frames)
    table, n_special = model.thinker.embedding.weight, model.text.n_special
    made = []
    for row, n in enumerate(n_frames.tolist()):
        hidden, ctc = encoded.hidden[row : row + 1, :n], encoded.ctc[row : row + 1, :n]
        tokens, sureness = _read(ctc[0])
        doubt = float(entropy(encoded.phones[row, :n]).sum())
        clarity = sureness * math.exp(-doubt / max(1, n))
        positions = model.ear.projector(hidden, ctc, table, n_special) if n else None
        made.append(_act(model, positions, tokens, sureness, clarity))
    return made


def _n_frames(n_samples: int, model: NanoModel) -> int:
    """Whole 40 ms frames of a turn, as `Ear.close` counts them."""
    return n_samples // (4 * model.config.mel.hop_samples)


def _read(ctc: Tensor) -> tuple[list[int], float]:
    """Greedy CTC of logits [F, V]: tokens and the mean of their probabilities."""
    best, ids = ctc.softmax(-1).max(-1)
    before = torch.cat([ids.new_tensor([BLANK]), ids[:-1]])
    kept = (ids != BLANK) & (ids != before)
    tokens = ids[kept].tolist()
    return tokens, float(best[kept].mean()) if tokens else 0.0


def _act(
    model: NanoModel, positions: Tensor | None, tokens: list[int], sure: float, clarity: float
) -> Decided:
    """Decide on a turn as NanoDialogue does, but never ask back."""
    transcript = model.text.decode(tokens)
    if positions is None or not tokens or not model.heard_clearly(transcript, clarity):
        return Decided(transcript=transcript, heard=clarity)
    caches: Caches = model.thinker.initial()

    def put(x: Tensor, modality: int) -> Tensor:
        nonlocal caches
        hidden, caches = model.thinker.step(x, modality, caches)
        return hidden

    def feed(written: list[int]) -> Tensor:
        return put(model.thinker.embed(torch.tensor([written])), TEXT)

    feed([BOS])
    feed([USER])
    put(positions, AUDIO)
    found = decide(model.thinker, model.text, feed, model.min_intent_probability, sure)
    if found is None or found.action == REJECT:
        return Decided(transcript=transcript, heard=clarity)
    action = found.action
    return Decided(action.name, dict(action.arguments), transcript, found.confidence, heard=clarity)
