"""Words in, audio out: the talker and the audio decoder as one stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..dialogue import Pcm, Sampling
from .audio_decoder import AudioDecoder, AudioDecoderConfig
from .talker import SAMPLING, Talker, TalkerConfig, make_word
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


class Voice(nn.Module):
    """Speaks words one by one while they are still being thought of."""

    def __init__(self, talker: TalkerConfig, decoder: AudioDecoderConfig, text: Text) -> None:
        super().__init__()
        self.talker = Talker(talker)
        self.decoder = AudioDecoder(decoder)
        self.text = text

    @property
    def rate_hz(self) -> int:
        """Sample rate of what is spoken."""
        return self.decoder.config.rate_hz

    def speak(
        self, words: Iterator[str], seed: int = 0, sampling: Sampling = SAMPLING
    ) -> Iterator[NewWord | WordAudio]:
        """Pull words as the voice needs them and give the audio as it is made."""
        state = self.talker.initial(seed)
        mouth = _Mouth(self.decoder)
        n_words = 0
        while not state.finished:
            while state.wants_word:
                word = next(words, None)
                if word is None:
                    state = self.talker.end(state)
                    break
                yield NewWord(word, n_words)
                tokens = self.text.encode(word)
                made = make_word(tokens, len(word), self.talker.config)
                state = self.talker.add_word(made, state)
                n_words += 1
            spoken, state = self.talker.step(state, sampling)
            if spoken is not None:
                yield from mouth.say(spoken.code, spoken.word)
        yield from mouth.finish()


class _Mouth:
    """Collects codes into chunks, decodes them and cuts the samples at word borders."""

    def __init__(self, decoder: AudioDecoder) -> None:
        self._decoder = decoder
        self._state = decoder.initial()
        self._waiting: list[int] = []
        self._words: list[int] = []  # the word of every code so far
        self._n_samples = 0
        self._chunk = FIRST_CHUNK_CODES

    def say(self, code: int, word: int) -> Iterator[WordAudio]:
        """The next code, of word number `word`; gives audio when a chunk is full."""
        self._waiting.append(code)
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
        with torch.inference_mode():
            pcm, self._state = self._decoder.step(torch.tensor([self._waiting]), self._state)
        self._waiting = []
        yield from self._cut(pcm[0].numpy())

    def _cut(self, pcm: Pcm) -> Iterator[WordAudio]:
        size = self._decoder.config.samples_per_code
        at = 0
        while at < len(pcm):
            code = min(self._n_samples // size, len(self._words) - 1)
            word = self._words[code]
            while code + 1 < len(self._words) and self._words[code + 1] == word:
                code += 1
            last = code + 1 >= len(self._words)
            n = len(pcm) - at
            if not last:
                n = min(n, (code + 1) * size - self._n_samples)
            piece = np.ascontiguousarray(pcm[at : at + n], dtype=np.float32)
            yield WordAudio(piece, word, len(self._words))
            at += n
            self._n_samples += n
