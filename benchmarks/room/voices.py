"""Who speaks in the room: the assistant, people who interrupt it, people who merely agree."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vivavoce.assistant.errors import UserError
from vivavoce.models.dialogue import SpeechModel
from vivavoce.streaming.acoustics import active_dbfs
from vivavoce.streaming.devices import DEVICE_HZ
from vivavoce.streaming.frames import Pcm, samples
from vivavoce.streaming.levels import dbfs
from vivavoce.streaming.resample import resample
from vivavoce.streaming.wavfile import read_wav

if TYPE_CHECKING:
    from training.synthesis import Utterance

REPO = Path(__file__).parents[2]
REPLY_HZ = 16_000
REPLY_DBFS = -20.0
VOICED_DB = 30.0  # what is so far under the loud parts is no voice yet
LEAST_PIECE = REPLY_HZ // 4  # samples of a sentence before and after a pause
TAIL_MS = 40  # kept behind the last voiced part, so that it does not end in a click
LONG_INTENTS = ("joke", "can", "weather", "reject", "time")
AGREEING = {
    "en": ("ok", "yeah", "uh huh", "right", "yes", "okay", "oh", "hm"),
    "cmn": ("嗯", "好", "对", "是", "哦"),
    "yue": ("嗯", "好", "係"),
}
HUMANS = ("tests/data/aishell_BAC009S0915W0292.wav",)


@dataclass(frozen=True, eq=False)
class Recording:
    """A voice, from its first voiced sample on.

    Args:
        name: who, and what.
        pcm: the sound [n] at 16 kHz.
        voiced_s: from the first voiced sample to the last.
    """

    name: str
    pcm: Pcm
    voiced_s: float

    @property
    def sound(self) -> Pcm:
        """The same for a room, [m] at 48 kHz."""
        return resample(self.pcm, REPLY_HZ, DEVICE_HZ)

    @classmethod
    def of(cls, name: str, pcm: Pcm, rate_hz: int) -> Recording:
        """Cut the silence off both ends of `pcm` [n] at any rate."""
        size = samples(10, rate_hz)
        levels = [dbfs(pcm[at : at + size]) for at in range(0, len(pcm), size)]
        loud = float(np.percentile(levels, 95)) - VOICED_DB
        voiced = [index for index, level in enumerate(levels) if level >= loud]
        first, last = voiced[0] * size, min((voiced[-1] + 1) * size, len(pcm))
        kept = pcm[first : last + samples(TAIL_MS, rate_hz)].copy()
        return cls(name, resample(kept, rate_hz, REPLY_HZ), (last - first) / rate_hz)


class Voices:
    """Everything that is spoken, made once; the same for the same seed.

    Args:
        model: speaks replies, and some of the people.
        seed: of sentences and voices.
    """

    def __init__(self, model: SpeechModel, seed: int) -> None:
        self._model = model
        self._seed = seed

    def replies(self, n: int, at_least_s: float) -> list[Pcm]:
        """What the assistant says [m] at 16 kHz, each so long: two in three by its own model,
        the others by flite and espeak-ng, as a larger model would have other voices.
        """
        rng = np.random.default_rng((self._seed, 1))
        texts = iter(_long_texts(200 * n, self._seed))
        made = []
        for index in range(n):
            pieces: list[Pcm] = []
            while sum(map(len, pieces)) < at_least_s * REPLY_HZ:
                text = next(texts)
                pieces.append(self._own(text) if index % 3 else _synthetic(text, "en", rng))
            made.append(at_level(np.concatenate(pieces), REPLY_HZ, REPLY_DBFS))
        return made

    def sentences(self, n: int, at_least_s: float = 0.6) -> list[Recording]:
        """People who want something, each speaking for so long."""
        rng = np.random.default_rng((self._seed, 2))
        made = [one for one in self._recorded() if one.voiced_s >= at_least_s][:n]
        kinds = ("en", "en", "cmn", "en", "yue", "nano")
        texts = {
            kind: _texts("en" if kind == "nano" else kind, 4 * n, self._seed) for kind in kinds
        }
        while len(made) < n:
            kind = kinds[len(made) % len(kinds)]
            text = texts[kind].pop()
            pcm = self._own(text) if kind == "nano" else _synthetic(text, kind, rng)
            one = Recording.of(f"{kind}: {text}", pcm, REPLY_HZ)
            if one.voiced_s >= at_least_s:
                made.append(one)
        return made

    def agreeing(self, n: int) -> list[Recording]:
        """People who say "ok" and the like."""
        rng = np.random.default_rng((self._seed, 3))
        words = [(kind, word) for kind, some in AGREEING.items() for word in some]
        made = []
        for index in range(n):
            kind, word = words[index % len(words)]
            made.append(Recording.of(word, _synthetic(word, kind, rng), REPLY_HZ))
        return made

    def phrases(self, n: int) -> list[list[Recording]]:
        """People who hesitate: a sentence each, in pieces between which they pause."""
        rng = np.random.default_rng((self._seed, 6))
        kinds = ("en", "en", "cmn", "en", "yue")
        texts = {kind: _texts(kind, 3 * n, self._seed + 2) for kind in set(kinds)}
        found: list[list[Recording]] = []
        while len(found) < n:
            kind = kinds[len(found) % len(kinds)]
            pieces = _pieces(texts[kind].pop(), kind, rng)
            if len(pieces) > 1:
                found.append(pieces)
        return found

    def babble(self, n: int = 6) -> list[Pcm]:
        """People in the background, at 48 kHz."""
        rng = np.random.default_rng((self._seed, 4))
        texts = _texts("en", 4 * n, self._seed + 1)
        return [
            resample(
                np.concatenate([_synthetic(t, "en", rng) for t in texts[4 * i : 4 * i + 4]]),
                REPLY_HZ,
                DEVICE_HZ,
            )
            for i in range(n)
        ]

    def _own(self, text: str) -> Pcm:
        return spoken(self._model, text)

    def _recorded(self) -> list[Recording]:
        """A human, whole and in part, and the voice of the demo."""
        files = [REPO / name for name in HUMANS] + sorted((REPO / "demo/voices").glob("*.wav"))
        found = []
        for file in files:
            pcm, rate_hz = read_wav(file)
            found.append(Recording.of(file.stem, pcm, rate_hz))
            if file.parent.name == "data":
                half = len(pcm) // 2
                found.append(Recording.of(f"{file.stem}, second half", pcm[half:], rate_hz))
        return found


def at_level(pcm: Pcm, rate_hz: int, level_dbfs: float) -> Pcm:
    """The same sound with its speech at that level, never clipped."""
    gain = 10 ** ((level_dbfs - active_dbfs(pcm, rate_hz)) / 20)
    return np.clip(pcm * np.float32(gain), -1.0, 1.0)


@cache
def spoken(model: SpeechModel, text: str) -> Pcm:
    """What a model makes of a text, [n] at 16 kHz."""
    pcm = np.concatenate([part.pcm for part in model.speak(text)])
    return resample(pcm, model.output_rate_hz, REPLY_HZ)


def _synthetic(text: str, language: str, rng: np.random.Generator) -> Pcm:
    """A sentence by espeak-ng or flite, in a voice drawn at random, [n] at 16 kHz."""
    return _utterance(text, language, rng).pcm


def _utterance(text: str, language: str, rng: np.random.Generator) -> Utterance:
    """The same with the times of its words; no model was trained on these voices."""
    from training.grammar.pronounce import pronounce
    from training.synthesis import random_voice, synthesize

    try:
        return synthesize(pronounce(text), random_voice(rng, language, "reserved"))
    except OSError as error:
        raise UserError(f"People need voices: install espeak-ng and flite ({error}).") from None


def _pieces(text: str, language: str, rng: np.random.Generator) -> list[Recording]:
    """A sentence cut before one or two of its words."""
    spoken = _utterance(text, language, rng)
    places = [start for _, start, _ in spoken.words[1:] if start > LEAST_PIECE]
    places = [at for at in places if at < len(spoken.pcm) - LEAST_PIECE]
    if not places:
        return []
    n_cuts = min(int(rng.integers(1, 3)), len(places))
    cuts = sorted(rng.choice(places, n_cuts, replace=False).tolist())
    edges = [0, *cuts, len(spoken.pcm)]
    pieces = [spoken.pcm[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return [Recording.of(text, piece, REPLY_HZ) for piece in pieces]


def _texts(language: str, n: int, seed: int) -> list[str]:
    """What people ask for, in words that no model was trained on."""
    from training.grammar import sample

    rng = random.Random(f"{seed} {language}")
    return [sample(rng, language, "heldout").user for _ in range(n)]


def _long_texts(n: int, seed: int) -> Sequence[str]:
    """What is answered to questions with long answers."""
    from training.grammar import sample

    rng = random.Random(seed)
    turns = [sample(rng, "en", "train", LONG_INTENTS[i % len(LONG_INTENTS)]) for i in range(n)]
    return [turn.reply.replace("<result>", turn.result or "") for turn in turns]
