"""Spoken and written turns through a dialogue: intents and slots that come out right."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from training.augment import AugmentOptions, augment
from training.grammar import Turn
from training.grammar.pronounce import pronounce
from training.synthesis import random_voice, synthesize
from vivavoce.models.dialogue import Dialogue, Heard, Message, Pcm, SpeechModel, ToolCall

PIECE_SAMPLES = 320  # audio arrives in 20 ms pieces, as from a microphone


@dataclass
class Score:
    """Counts over a set of turns."""

    n: int = 0
    intent: int = 0
    exact: int = 0
    word_errors: int = 0
    words: int = 0
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)
    audio_s: float = 0.0
    compute_s: float = 0.0

    @property
    def intent_share(self) -> float:
        return self.intent / self.n

    @property
    def exact_share(self) -> float:
        return self.exact / self.n

    @property
    def wer(self) -> float:
        return self.word_errors / max(1, self.words)


def decide(dialogue: Dialogue) -> tuple[str, dict, str]:
    """The action a dialogue takes on what it heard: name, arguments, transcript."""
    name, arguments, transcript = "reject", {}, ""
    reply = dialogue.reply()
    for part in reply:
        if isinstance(part, Heard):
            transcript = part.transcript
        elif isinstance(part, ToolCall):
            name, arguments = part.name, dict(part.arguments)
        else:
            break
    reply.close()
    return name, arguments, transcript


def record(turns: Sequence[Turn], split: str, options: AugmentOptions, seed: int) -> list[Pcm]:
    """Each turn spoken once by a voice of the split, with its room and noise."""
    rng = np.random.default_rng(seed)
    clean = [synthesize(pronounce(t.user), random_voice(rng, t.language, split)).pcm for t in turns]
    return [augment(pcm, rng, options, clean)[0] for pcm in clean]


def spoken_score(model: SpeechModel, turns: Sequence[Turn], clips: Sequence[Pcm]) -> Score:
    """Every clip as a conversation of its own."""
    score = Score()
    for turn, pcm in zip(tqdm(turns, desc="spoken", leave=False), clips, strict=True):
        dialogue = model.open()
        began = time.perf_counter()
        for start in range(0, len(pcm), PIECE_SAMPLES):
            dialogue.listen(pcm[start : start + PIECE_SAMPLES])
        decision = decide(dialogue)
        score.compute_s += time.perf_counter() - began
        score.audio_s += len(pcm) / model.input_rate_hz
        _count(score, turn, decision)
    return score


def written_score(model: SpeechModel, turns: Sequence[Turn]) -> Score:
    """The same turns as text."""
    score = Score()
    for turn in tqdm(turns, desc="written", leave=False):
        dialogue = model.open()
        dialogue.add(Message("user", turn.user))
        _count(score, turn, decide(dialogue))
    return score


def _count(score: Score, turn: Turn, decision: tuple[str, dict, str]) -> None:
    name, arguments, transcript = decision
    score.n += 1
    if name == turn.intent:
        score.intent += 1
        score.exact += arguments == turn.arguments
    else:
        score.confusions[turn.intent, name] += 1
    score.words += len(turn.user.split())
    score.word_errors += _edits(turn.user.split(), transcript.split())


def _edits(wanted: list[str], got: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, start=1):
        previous, row[0] = row[0], i
        for j, other in enumerate(got, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]


def actions_on_noise(model: SpeechModel, minutes: float, seed: int = 0) -> int:
    """Actions taken when each 3 s of noise or silence is handed over as a turn."""
    rng = np.random.default_rng(seed)
    n, taken = round(minutes * 60 / 3), 0
    for i in range(n):
        dialogue = model.open()
        dialogue.listen(_noise(i, rng, 3 * model.input_rate_hz))
        taken += decide(dialogue)[0] != "reject"
    return taken


def _noise(kind: int, rng: np.random.Generator, n: int) -> Pcm:
    """Silence, white, pink-like or tonal noise in rotation, at varying level."""
    level = 10 ** (rng.uniform(-50, -10) / 20)
    white = rng.standard_normal(n).astype(np.float32)
    if kind % 4 == 0:
        return np.zeros(n, np.float32)
    if kind % 4 == 1:
        return white * np.float32(level)
    if kind % 4 == 2:
        slow = np.cumsum(white)
        return ((slow - np.linspace(slow[0], slow[-1], n)) / 50 * level).astype(np.float32)
    tone = np.sin(2 * np.pi * rng.uniform(100, 2000) * np.arange(n) / 16_000)
    return ((tone + 0.1 * white) * level).astype(np.float32)


def streaming_is_exact(model: SpeechModel, clips: Sequence[Pcm]) -> bool:
    """Whether transcript and action are the same for 20 ms pieces and for the whole at once."""
    for pcm in clips:
        whole, pieces = model.open(), model.open()
        whole.listen(pcm)
        for start in range(0, len(pcm), PIECE_SAMPLES):
            pieces.listen(pcm[start : start + PIECE_SAMPLES])
        if decide(whole) != decide(pieces):
            return False
    return True
