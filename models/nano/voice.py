"""Words in, audio out: the talker and the audio decoder as one stream.

A reply has a voice. Words its language does not write (English names in a Chinese reply, hanzi in
an English one) are said by the first voice whose language does, within the same stream.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..dialogue import Pcm, Sampling
from .audio_decoder import AudioDecoder, AudioDecoderConfig
from .languages import is_hanzi, split
from .stretch import n_spoken
from .talker import SAMPLING, Spoken, Talker, TalkerConfig, TalkerState, Word, make_word
from .text import Text

FIRST_CHUNK_CODES = 4  # 160 ms of codes: the shortest that gives audio after the look-ahead
CHUNK_CODES = 6


@dataclass(frozen=True)
class NewWord:
    """Word number `index` was taken from the input."""

    text: str
    index: int


@dataclass(frozen=True, eq=False)
class WordAudio:
    """pcm [n] of word number `index`; n_codes counts the speech codes sampled so far."""

    pcm: Pcm
    index: int
    n_codes: int


class SpeakingVoice(NamedTuple):
    """One of the voices: its name, and the language it was trained in (`en`, `cmn`, `yue`)."""

    name: str
    language: str


def voices_of(data: Mapping[str, Any]) -> tuple[SpeakingVoice, ...]:
    """The voices in the content of config.json, in the order of their numbers in the weights."""
    return tuple(SpeakingVoice(**voice) for voice in data["voices"])


def shipped_voices(folder: Path) -> tuple[SpeakingVoice, ...]:
    """The voices of a folder in nano's layout."""
    return voices_of(json.loads((folder / "config.json").read_text(encoding="utf-8")))


class Voice(nn.Module):
    """Speaks words one by one while they are still being thought of."""

    def __init__(
        self,
        talker: TalkerConfig,
        decoder: AudioDecoderConfig,
        text: Text,
        voices: Sequence[SpeakingVoice],
    ) -> None:
        super().__init__()
        self.talker = Talker(talker)
        self.decoder = AudioDecoder(decoder)
        self.text = text
        self.voices = tuple(voices)

    @property
    def rate_hz(self) -> int:
        """Sample rate of what is spoken."""
        return self.decoder.config.rate_hz

    def voice_for(self, language: str) -> str:
        """The first voice of a language, or the first of all where there is none."""
        own = [voice.name for voice in self.voices if voice.language == language]
        return own[0] if own else self.voices[0].name

    def number(self, name: str | None) -> int:
        """A voice's number in the weights. Raises ValueError for an unknown one."""
        names = [voice.name for voice in self.voices]
        if name is not None and name not in names:
            raise ValueError(f"nano has no voice {name!r}: {', '.join(names)}")
        return 0 if name is None else names.index(name)

    def speak(
        self,
        words: Iterator[str],
        seed: int = 0,
        sampling: Sampling = SAMPLING,
        voice: str | None = None,
        rate: float = 1.0,
    ) -> Iterator[NewWord | WordAudio]:
        """Pull words as the voice needs them and give the audio as it is made.

        Args:
            words: each of letters or of hanzi; hanzi are spoken one by one.
            seed: fixes what is drawn.
            sampling: of speech codes.
            voice: one of `voices`; None takes the first.
            rate: 2 speaks twice as fast, at the same pitch.

        Raises:
            ValueError: an unknown voice, or a rate that nobody would understand.
        """
        number = self.number(voice)
        mouth = _Mouth(self.decoder, rate)
        return self._spoken(words, number, self.talker.initial(seed), sampling, mouth)

    def _spoken(
        self,
        words: Iterator[str],
        voice: int,
        state: TalkerState,
        sampling: Sampling,
        mouth: _Mouth,
    ) -> Iterator[NewWord | WordAudio]:
        waiting: deque[Word] = deque()  # hanzi of a word that the talker has not asked for yet
        indices: list[int] = []  # the caller's word of each of the talker's
        n_words = 0
        while not state.finished:
            while state.wants_word:
                if not waiting:
                    word = next(words, None)
                    if word is None:
                        state = self.talker.end(state)
                        break
                    yield NewWord(word, n_words)
                    waiting.extend(self._made(word, voice))
                    n_words += 1
                    continue
                state = self.talker.add_word(waiting.popleft(), state)
                indices.append(n_words - 1)
            spoken, state = self.talker.step(state, sampling)
            if spoken is not None:
                yield from mouth.say(spoken, indices[spoken.word])
        yield from mouth.finish()

    def _made(self, word: str, voice: int) -> list[Word]:
        """What the talker gets of a word: its hanzi one by one, the letters between in one."""
        made = []
        for piece in split(word) or [word]:
            tokens = self.text.encode_word(piece)
            number = self._reader(piece, voice)
            made.append(make_word(tokens, len(piece), self.talker.config, number))
        return made

    def _reader(self, piece: str, voice: int) -> int:
        """The number of the voice that can read a piece."""
        wanted = ("cmn", "yue") if is_hanzi(piece[0]) else ("en",)
        if self.voices[voice].language in wanted:
            return voice
        return self.number(self.voice_for(wanted[0]))


class _Mouth:
    """Collects codes into chunks, decodes them and cuts the samples at word borders.

    rate: how much shorter than its codes the speech is.
    """

    def __init__(self, decoder: AudioDecoder, rate: float) -> None:
        self._decoder = decoder
        self._rate = rate
        self._state = decoder.initial(rate=rate)
        self._waiting: list[Spoken] = []
        self._words: list[int] = []  # the word of every code so far
        self._n_samples = 0
        self._code = 0  # the code whose sound comes next
        self._chunk = FIRST_CHUNK_CODES

    def say(self, spoken: Spoken, word: int) -> Iterator[WordAudio]:
        """The next code, of word number `word`; gives audio when a chunk is full."""
        self._waiting.append(spoken)
        self._words.append(word)
        if len(self._waiting) >= self._chunk:
            self._chunk = CHUNK_CODES
            yield from self._decoded()

    def finish(self) -> Iterator[WordAudio]:
        """No more codes come: the audio still due."""
        if self._waiting:
            yield from self._decoded()
        if self._words:
            with torch.inference_mode():
                pcm = self._decoder.flush(self._state)
            yield from self._cut(pcm[0].numpy())

    def _decoded(self) -> Iterator[WordAudio]:
        codes = torch.tensor([[spoken.code for spoken in self._waiting]])
        voices = torch.tensor([[spoken.voice for spoken in self._waiting]])
        with torch.inference_mode():
            pcm, self._state = self._decoder.step(codes, voices, self._state)
        self._waiting = []
        yield from self._cut(pcm[0].numpy())

    def _cut(self, pcm: Pcm) -> Iterator[WordAudio]:
        at, last = 0, len(self._words) - 1
        while at < len(pcm):
            while self._code < last and self._end(self._code) <= self._n_samples:
                self._code += 1
            word = self._words[self._code]
            while self._code < last and self._words[self._code + 1] == word:
                self._code += 1
            n = len(pcm) - at
            if self._code < last:
                n = min(n, self._end(self._code) - self._n_samples)
            piece = np.ascontiguousarray(pcm[at : at + n], dtype=np.float32)
            yield WordAudio(piece, word, len(self._words))
            at += n
            self._n_samples += n

    def _end(self, code: int) -> int:
        """The sample at which the sound of a code ends."""
        config = self._decoder.config
        frames = n_spoken((code + 1) * config.frames_per_code, self._rate)
        return frames * config.hop_samples
