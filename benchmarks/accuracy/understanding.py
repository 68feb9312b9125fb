"""Spoken and written turns through a dialogue: intents and slots that come out right."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from training.augment import AugmentOptions, augment
from training.grammar import Turn
from training.grammar.pronounce import pronounce
from training.synthesis import EspeakVoice, mixed, random_voice, synthesize
from vivavoce.models.dialogue import (
    Dialogue,
    Heard,
    Message,
    Pcm,
    ReplyOptions,
    SpeechModel,
    TextDelta,
    ToolCall,
)
from vivavoce.models.nano.languages import language_of, split

PIECE_SAMPLES = 320  # audio arrives in 20 ms pieces, as from a microphone
REJECT = "reject"


@dataclass(frozen=True)
class Decided:
    """What a dialogue made of a turn.

    confidence: that of the action; 0 for a refusal. reply: its first words. heard: how clear the
    transcript is, where known.
    """

    name: str = REJECT
    arguments: dict[str, Any] = field(default_factory=dict)
    transcript: str = ""
    confidence: float = 0.0
    language: str = ""
    reply: str = ""
    heard: float = 0.0


@dataclass
class Score:
    """Counts over a set of turns."""

    n: int = 0
    intent: int = 0
    exact: int = 0
    word_errors: int = 0
    words: int = 0
    language: int = 0
    acted: int = 0
    wanted: Counter[str] = field(default_factory=Counter)
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)
    audio_s: float = 0.0
    compute_s: float = 0.0

    @property
    def intent_share(self) -> float:
        return self.intent / max(1, self.n)

    @property
    def exact_share(self) -> float:
        return self.exact / max(1, self.n)

    @property
    def acted_share(self) -> float:
        return self.acted / max(1, self.n)

    @property
    def language_share(self) -> float:
        return self.language / max(1, self.n)

    @property
    def wer(self) -> float:
        """Word errors a word; each hanzi is a word, so that it is a character error rate there."""
        return self.word_errors / max(1, self.words)

    def count(self, turn: Turn, decided: Decided) -> None:
        """One more turn."""
        self.n += 1
        self.wanted[turn.intent] += 1
        right = decided.name == turn.intent
        exact = right and decided.arguments == turn.arguments
        self.intent += right
        self.exact += exact
        self.acted += decided.name != REJECT
        self.language += decided.language == turn.language
        if not right:
            self.confusions[turn.intent, decided.name] += 1
        wanted = split(turn.user)
        self.words += len(wanted)
        self.word_errors += _edits(wanted, split(decided.transcript))


def decide(dialogue: Dialogue, expected: str = "", n_words: int = 1) -> Decided:
    """The action a dialogue takes on what it heard.

    Args:
        dialogue: its turn is complete.
        expected: the language taken where the reply's signs are those of several.
        n_words: of the reply that are waited for; more tell its language better.
    """
    call, transcript, words = None, "", ""
    reply = dialogue.reply(ReplyOptions(audio=False))
    for part in reply:
        if isinstance(part, Heard):
            transcript = part.transcript
        elif isinstance(part, ToolCall):
            call = part
        elif isinstance(part, TextDelta):
            words += part.text
            if part.token_index + 1 >= n_words:
                break
        else:
            break
    reply.close()
    if call is None:
        return Decided(transcript=transcript, language=language_of(words, expected), reply=words)
    language = call.language or language_of(words, expected)
    confidence = 1.0 if call.confidence is None else call.confidence
    arguments = dict(call.arguments)
    return Decided(call.name, arguments, transcript, confidence, language, words)


def spoken(turn: Turn, rng: np.random.Generator, voices: str) -> Pcm:
    """A turn in the voice of somebody of `voices`, "train" or "reserved"."""
    voice = random_voice(rng, turn.language, voices)
    if mixed.is_mixed(turn.user, turn.language) and isinstance(voice, EspeakVoice):
        return mixed.speak(turn.user, voice, turn.language)[0]
    text = pronounce(turn.user) if turn.language == "en" else turn.user
    return synthesize(text, voice).pcm


def record(turns: Iterable[Turn], voices: str, options: AugmentOptions, seed: int) -> list[Pcm]:
    """Each turn spoken once by a voice of the split, with its room and noise."""
    rng = np.random.default_rng(seed)
    clean = [spoken(turn, rng, voices) for turn in turns]
    return [augment(pcm, rng, options, clean)[0] for pcm in clean]


def listen(dialogue: Dialogue, pcm: Pcm) -> None:
    """Hand over a clip as a microphone does."""
    for start in range(0, len(pcm), PIECE_SAMPLES):
        dialogue.listen(pcm[start : start + PIECE_SAMPLES])


def spoken_score(model: SpeechModel, turns: Sequence[Turn], clips: Sequence[Pcm]) -> Score:
    """Every clip as a conversation of its own."""
    score = Score()
    for turn, pcm in zip(tqdm(turns, desc="spoken", leave=False, disable=None), clips, strict=True):
        dialogue = model.open()
        began = time.thread_time()  # the machine may be shared
        listen(dialogue, pcm)
        decided = decide(dialogue, turn.language, 5)
        score.compute_s += time.thread_time() - began
        score.audio_s += len(pcm) / model.input_rate_hz
        score.count(turn, decided)
    return score


def written_score(model: SpeechModel, turns: Sequence[Turn]) -> Score:
    """The same turns as text."""
    score = Score()
    for turn in tqdm(turns, desc="written", leave=False, disable=None):
        dialogue = model.open()
        dialogue.add(Message("user", turn.user))
        score.count(turn, decide(dialogue, turn.language))
    return score


def _edits(wanted: list[str], got: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, start=1):
        previous, row[0] = row[0], i
        for j, other in enumerate(got, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]


def streaming_is_exact(model: SpeechModel, clips: Sequence[Pcm]) -> bool:
    """Whether transcript and action are the same for 20 ms pieces and for the whole at once."""
    for pcm in clips:
        whole, pieces = model.open(), model.open()
        whole.listen(pcm)
        listen(pieces, pcm)
        if decide(whole) != decide(pieces):
            return False
    return True
