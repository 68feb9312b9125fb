"""Turns that need the one before, corrections, yes and no, and sentences in two languages.

Only the last turn of a conversation is judged: it is spoken, by a reserved voice in noise. Those
before it are put into nano's memory as text, as if they had gone well.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tqdm import tqdm

from training.augment import EVALUATION
from training.grammar import Turn
from training.grammar.evaluation import sets
from vivavoce.models.dialogue import Message, Pcm
from vivavoce.models.nano.dialogue import NanoDialogue
from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.text import ACT

from .batched import batched_score
from .report import Report
from .understanding import Score, decide, listen, record

OUT_OF_DOMAIN = "out_of_domain"


def conversations(report: Report, model: NanoModel, language: str, n: int, seed: int) -> None:
    """A row for each kind of conversation."""
    for kind, found in sets(language, n, seed).items():
        if kind == OUT_OF_DOMAIN:
            continue
        last = [turns[-1] for turns in found]
        clips = record(last, "reserved", EVALUATION, seed)
        score = conversation_score(model, found, clips)
        report.add(kind, score.exact_share, language)


def others(language: str, n: int, seed: int) -> list[Turn]:
    """Sentences outside the domain."""
    return [turns[-1] for turns in sets(language, n, seed)[OUT_OF_DOMAIN]]


def declining(report: Report, model: NanoModel, language: str, n: int, seed: int) -> None:
    """The row of sentences outside the domain: what is acted on."""
    turns = others(language, n, seed)
    score = batched_score(model, turns, record(turns, "reserved", EVALUATION, seed))
    report.add(OUT_OF_DOMAIN, score.acted_share, language)


def conversation_score(
    model: NanoModel, found: Sequence[Sequence[Turn]], clips: Sequence[Pcm]
) -> Score:
    """The last turn of each conversation, spoken; those before it as text."""
    score = Score()
    rows = tqdm(found, desc="conversations", leave=False, disable=None)
    for turns, pcm in zip(rows, clips, strict=True):
        dialogue = model.open()
        for turn in turns[:-1]:
            _remember(dialogue, model, turn)
        listen(dialogue, pcm)
        score.count(turns[-1], decide(dialogue, turns[-1].language))
    return score


@torch.inference_mode()
def _remember(dialogue: NanoDialogue, model: NanoModel, turn: Turn) -> None:
    """Put a past turn into the dialogue's memory; a question before an action is one too."""
    dialogue.add(Message("user", turn.user))
    # No item stands for an action that was only asked about: the line is written as nano does.
    dialogue._feed([ACT, *model.text.encode_action(turn.action)])
    dialogue.add(Message("assistant", turn.spoken_reply))
