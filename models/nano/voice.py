"""Words in, audio out: a talker and an audio decoder as one stream.

A reply has a voice. Words its language does not write (English names in a Chinese reply, hanzi in
an English one) are said by the first voice whose language does:

    words   打  开  | kitchen light |  的  灯
    voice   mei     | slt           |  mei         each run is a stream of its own

Voices that were trained together share a speaker: one talker and one audio decoder, in which
each of them has a number.
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
from .stretch import initial_stretch, n_spoken
from .talker import SAMPLING, Spoken, Talker, TalkerConfig, Word, make_word
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
    """One of the voices: its name, the language it was trained in (`en`, `cmn`, `yue`), whose
    weights speak, and its number there."""

    name: str
    language: str
    speaker: str
    number: int


class _Piece(NamedTuple):
    """What a talker takes of the caller's word number `index`."""

    word: Word
    speaker: str
    index: int


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
        speakers = dict.fromkeys(voice.speaker for voice in voices)
        self.talkers = nn.ModuleDict({speaker: Talker(talker) for speaker in speakers})
        self.decoders = nn.ModuleDict({speaker: AudioDecoder(decoder) for speaker in speakers})
        self.text = text
        self.voices = tuple(voices)
        self.rate_hz = decoder.rate_hz

    def voice_for(self, language: str) -> str:
        """The first voice of a language, or the first of all where there is none."""
        own = [voice.name for voice in self.voices if voice.language == language]
        return own[0] if own else self.voices[0].name

    def named(self, name: str | None) -> SpeakingVoice:
        """A voice by name; None is the first. Raises ValueError for an unknown one."""
        for voice in self.voices:
            if name in (None, voice.name):
                return voice
        names = ", ".join(voice.name for voice in self.voices)
        raise ValueError(f"nano has no voice {name!r}: {names}")

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
        pieces = _Pieces(self, words, self.named(voice))
        initial_stretch(rate)  # a wrong rate is told before the first word is taken
        return self._runs(pieces, seed, sampling, rate)

    def _runs(
        self, pieces: _Pieces, seed: int, sampling: Sampling, rate: float
    ) -> Iterator[NewWord | WordAudio]:
        """Each run of words that one speaker says."""
        n_codes = 0
        while True:
            yield from pieces.look()
            if not pieces.waiting:
                return
            speaker = pieces.waiting[0].speaker
            mouth = _Mouth(self.decoders[speaker], rate, n_codes)
            yield from self._run(pieces, speaker, seed, sampling, mouth)
            n_codes = mouth.n_codes

    def _run(
        self, pieces: _Pieces, speaker: str, seed: int, sampling: Sampling, mouth: _Mouth
    ) -> Iterator[NewWord | WordAudio]:
        talker = self.talkers[speaker]
        assert isinstance(talker, Talker)
        state = talker.initial(seed)
        indices: list[int] = []  # the caller's word of each of the talker's
        while not state.finished:
            while state.wants_word:
                yield from pieces.look()
                if not pieces.waiting or pieces.waiting[0].speaker != speaker:
                    state = talker.end(state)
                    break
                piece = pieces.waiting.popleft()
                state = talker.add_word(piece.word, state)
                indices.append(piece.index)
            spoken, state = talker.step(state, sampling)
            if spoken is not None:
                yield from mouth.say(spoken, indices[spoken.word])
        yield from mouth.finish()


class _Pieces:
    """The caller's words as talkers take them: hanzi one by one, each in its voice."""

    def __init__(self, voice: Voice, words: Iterator[str], home: SpeakingVoice) -> None:
        self._voice, self._words, self._home = voice, words, home
        self._n_words = 0
        self.waiting: deque[_Piece] = deque()

    def look(self) -> Iterator[NewWord]:
        """Have a piece in `waiting`, unless the words are over."""
        while not self.waiting:
            word = next(self._words, None)
            if word is None:
                return
            yield NewWord(word, self._n_words)
            self.waiting.extend(self._piece(part) for part in split(word) or [word])
            self._n_words += 1

    def _piece(self, part: str) -> _Piece:
        reader, voice = self._reader(part), self._voice
        config = voice.talkers[reader.speaker].config
        tokens = voice.text.encode_word(part)
        word = make_word(tokens, len(part), config, reader.number)
        return _Piece(word, reader.speaker, self._n_words)

    def _reader(self, part: str) -> SpeakingVoice:
        """The voice that can read it."""
        wanted = ("cmn", "yue") if is_hanzi(part[0]) else ("en",)
        if self._home.language in wanted:
            return self._home
        return self._voice.named(self._voice.voice_for(wanted[0]))


class _Mouth:
    """Collects codes into chunks, decodes them and cuts the samples at word borders.

    rate: how much shorter than its codes the speech is; n_before: codes of earlier mouths.
    """

    def __init__(self, decoder: nn.Module, rate: float, n_before: int) -> None:
        assert isinstance(decoder, AudioDecoder)
        self._decoder = decoder
        self._rate, self._n_before = rate, n_before
        self._state = decoder.initial(rate=rate)
        self._waiting: list[Spoken] = []
        self._words: list[int] = []  # the word of every code so far
        self._n_samples = 0
        self._code = 0  # the code whose sound comes next
        self._chunk = FIRST_CHUNK_CODES

    @property
    def n_codes(self) -> int:
        """Codes of the reply so far."""
        return self._n_before + len(self._words)

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
            yield WordAudio(piece, word, self.n_codes)
            at += n
            self._n_samples += n

    def _end(self, code: int) -> int:
        """The sample at which the sound of a code ends."""
        config = self._decoder.config
        frames = n_spoken((code + 1) * config.frames_per_code, self._rate)
        return frames * config.hop_samples
