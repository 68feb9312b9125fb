"""Dialogues as token sequences with audio positions, for training the thinker.

A sequence is a list of pieces; text pieces are token ids, audio pieces point at an utterance of
the batch. Only what the thinker says itself counts in the loss.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vivavoce.models.nano.confirming import asked_of
from vivavoce.models.nano.text import ACT, ASR, BOS, EOS, PAD, REP, USER, Text
from vivavoce.models.nano.thinker import AUDIO, TEXT

from .grammar.replying import reply_in

IGNORED = -100
NOISY_SHARE, NOISE = 0.4, 0.06  # this share of texts has this share of its tokens replaced
FORCED_SHARE = 0.08  # turns answered in another language than was spoken, as sessions may demand


@dataclass
class TokenSequence:
    """tokens: ids, PAD where audio stands; spoken: whether a token counts in the loss;
    audio: (first position, length, utterance) of each audio piece."""

    tokens: list[int] = field(default_factory=list)
    spoken: list[bool] = field(default_factory=list)
    audio: list[tuple[int, int, int]] = field(default_factory=list)

    def say(self, tokens: Sequence[int], spoken: bool) -> None:
        self.tokens += tokens
        self.spoken += [spoken] * len(tokens)

    def hear(self, n_positions: int, utterance: int) -> None:
        self.audio.append((len(self.tokens), n_positions, utterance))
        self.say([PAD] * n_positions, False)


@dataclass(eq=False)
class TurnBatch:
    """tokens, modality [B, T]; targets [B, T] are the NEXT tokens or IGNORED;
    audio: (row, first position, length, utterance)."""

    tokens: Tensor
    modality: Tensor
    targets: Tensor
    audio: list[tuple[int, int, int, int]]


def add_turn(
    sequence: TokenSequence,
    text: Text,
    turn: Sequence[str],
    rng: random.Random,
    audio: tuple[int, int] | None = None,
    asr_share: float = 0.3,
    noise: bool = True,
    cut: bool = False,
    languages: Sequence[str] = (),
) -> None:
    """Append one turn (user, action, reply, language), its user part as text or as audio.

    Args:
        sequence: what is built.
        text: the tokenizer.
        turn: user, action and reply as words, and the language spoken.
        rng: source of randomness.
        audio: (number of positions, utterance) of a spoken turn.
        asr_share: how often the transcript is written before the action.
        noise: whether tokens of a written user part are sometimes wrong.
        cut: whether the person cut the reply short, half the time before its first word; where it
            ends was not the thinker's choice and does not count.
        languages: those the model speaks; where there are several, the reply begins with the mark
            of its own.
    """
    user, action, reply, language = turn
    sequence.say([USER], False)
    heard = text.encode(user)
    if audio is not None:
        sequence.hear(*audio)
    else:
        sequence.say(_noisy(heard, text, rng) if noise else heard, False)
    if audio is not None and rng.random() < asr_share:
        sequence.say([ASR], False)
        sequence.say([*heard, ACT], True)
    else:
        sequence.say([ACT], False)
    # What is asked for was chosen for the model, and so was its question.
    chosen = asked_of(action) is None
    sequence.say(text.encode_action(action), chosen)
    sequence.say([REP], chosen and not cut)
    if len(languages) > 1:
        forced = _forced(action, reply, language, languages, rng)
        reply, language = forced or (reply, language)
        sequence.say([text.language_id(language)], chosen and not cut and not forced)
    if cut:
        reply = _cut_short(reply, rng)
    sequence.say([*text.encode_reply(reply), EOS], chosen and not cut)


def _forced(
    action: str, reply: str, language: str, languages: Sequence[str], rng: random.Random
) -> tuple[str, str] | None:
    """The reply in another language and that language, for a few turns; else None.

    A reply that says more than its action, such as a greeting by name, stays as it is.
    """
    if rng.random() >= FORCED_SHARE or reply != reply_in(action, language):
        return None
    other = rng.choice([name for name in languages if name != language])
    return reply_in(action, other), other


def _cut_short(reply: str, rng: random.Random) -> str:
    """A reply's beginning; half the time nothing of it."""
    words = _words(reply)
    return "".join(words[: max(0, rng.randint(-len(words), len(words) - 1))])


def _words(reply: str) -> list[str]:
    """What a reply can be cut into: words with the space before them, or single hanzi."""
    return re.findall(r" ?[^\s\u3400-\u9fff]+|[\u3400-\u9fff]", reply)


def _noisy(tokens: list[int], text: Text, rng: random.Random) -> list[int]:
    if rng.random() >= NOISY_SHARE:
        return tokens
    return [
        rng.randrange(text.n_special, text.vocabulary) if rng.random() < NOISE else token
        for token in tokens
    ]


def new_sequence() -> TokenSequence:
    sequence = TokenSequence()
    sequence.say([BOS], False)
    return sequence


def collate(sequences: Sequence[TokenSequence]) -> TurnBatch:
    """Pad sequences into one batch."""
    longest = max(len(s.tokens) for s in sequences)
    tokens = torch.full((len(sequences), longest), PAD)
    modality = torch.full((len(sequences), longest), TEXT)
    targets = torch.full((len(sequences), longest), IGNORED)
    audio = []
    for row, sequence in enumerate(sequences):
        n = len(sequence.tokens)
        tokens[row, :n] = torch.tensor(sequence.tokens)
        spoken = torch.tensor(sequence.spoken[1:])
        targets[row, : n - 1] = torch.where(spoken, tokens[row, 1:n], IGNORED)
        for first, length, utterance in sequence.audio:
            modality[row, first : first + length] = AUDIO
            audio.append((row, first, length, utterance))
    return TurnBatch(tokens, modality, targets, audio)
