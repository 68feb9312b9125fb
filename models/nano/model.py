"""nano as a SpeechModel: loading its files, opening dialogues, reading aloud, writing down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from ..dialogue import AudioDelta, DialogueOptions, Pcm, Transcript
from ..layers.quantised import Bits, quantise
from .audio_decoder import AudioDecoderConfig
from .config import NanoConfig
from .dialogue import NanoDialogue
from .endings import Endings
from .hearing import Ear, HearingState, samples_of
from .languages import ENGLISH, is_hanzi, language_of, split
from .speakable import speakable
from .talker import TalkerConfig
from .text import Text
from .thinker import Thinker
from .voice import SpeakingVoice, Voice, WordAudio, voices_of

FOLDER = Path(__file__).parent
PARTS = ("ear", "thinker", "talker", "audio_decoder")
MAX_SPOKEN_WORDS = 400
LEAST_ALONE = 0.4
"""A transcript of one word is doubted where its speaker is hardly done; hums are read as such."""


class NanoModel:
    """The shipped small model; see its card in docs/nano.md for what it understands."""

    name: str = "nano"
    voices: Sequence[str]
    languages: Sequence[str]
    modalities: Sequence[str] = ("audio", "text")
    calls_functions = True
    changes_rate = True

    def __init__(
        self,
        config: NanoConfig,
        text: Text,
        talker: TalkerConfig,
        decoder: AudioDecoderConfig,
        voices: Sequence[SpeakingVoice],
    ) -> None:
        self.config, self.text = config, text
        self.languages = config.languages
        self.min_intent_probability = config.min_intent_probability
        self.ear = Ear(config, text)
        self.thinker = Thinker(config.thinker)
        self.voice = Voice(talker, decoder, text, voices)
        self.voices = tuple(voice.name for voice in voices)
        self.voice_languages = {voice.name: voice.language for voice in voices}
        self.endings = Endings.shipped()
        self.input_rate_hz = config.mel.rate_hz
        self.output_rate_hz = decoder.rate_hz

    @classmethod
    def load(cls, folder: Path = FOLDER, bits: Bits | None = None) -> NanoModel:
        """Read config, tokenizer and weights.

        bits: quantises the matrices of linear layers and experts; embeddings, convolutions,
            norms and routers stay as they are.

        Raises:
            FileNotFoundError: a part is missing; the message names it.
        """
        needed = ["config.json", *(f"{part}.safetensors" for part in PARTS)]
        missing = [name for name in needed if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"nano lacks {', '.join(missing)} in {folder}; make them with `make train-nano`"
            )
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model = cls(
            NanoConfig.from_dict(data),
            Text.shipped(),
            TalkerConfig(**data["talker"]),
            AudioDecoderConfig.from_dict(data["audio_decoder"]),
            voices_of(data),
        )
        for name, module in model.parts().items():
            weights = load_file(folder / f"{name}.safetensors")
            module.load_state_dict({k: v.float() for k, v in weights.items()})
            module.eval().requires_grad_(False)
            if bits is not None:
                quantise(module, bits)
        return model

    def parts(self) -> dict[str, nn.Module]:
        """The modules by the name of their weight file."""
        return {
            "ear": self.ear,
            "thinker": self.thinker,
            "talker": self.voice.talkers,
            "audio_decoder": self.voice.decoders,
        }

    def open(self, options: DialogueOptions | None = None) -> NanoDialogue:
        """A new conversation. Raises ValueError for an unknown voice or language."""
        return NanoDialogue(self, options or DialogueOptions())

    def is_speech(self, hearing: HearingState) -> bool:
        """Whether words were read, clearly enough, to act on them.

        The space that stands before the first hanzi is none, however sure it is.
        """
        return self.heard_clearly(self.text.decode(list(hearing.tokens)), hearing.clarity)

    def heard_clearly(self, text: str, clarity: float) -> bool:
        """Whether a transcript is one, and as clear as its language has to be."""
        least = self.config.min_transcript_confidence.get(language_of(text), 0.0)
        return text != "" and clarity >= least

    @torch.inference_mode()
    def transcribe(self, pcm: Pcm, language: str = "auto") -> Transcript:
        """The encoder's own transcript of a whole recording [n] at 16 kHz.

        Its language is told by its signs; the hint counts where they leave it open.
        """
        samples = samples_of(pcm)
        _, state = self.ear.hear(samples, self.ear.initial(), self.thinker)
        _, state = self.ear.close(state, self.thinker)
        text = self.text.decode(list(state.tokens))
        sure = self.is_speech(state) and self.text.knows(text) and self._stands(text)
        usual = self.languages[0] if language == "auto" else language
        return Transcript(text, self.known(language_of(text, usual)), sure, state.n_phones)

    def known(self, language: str) -> str:
        """A language itself where the model has it, else its first."""
        return language if language in self.languages else self.languages[0]

    def speaker(self, wanted: str | None, language: str) -> str:
        """The wanted voice where it speaks this language, else that language's own."""
        if wanted is not None and self.voice_languages[wanted] == language:
            return wanted
        return self.voice.voice_for(language)

    def _stands(self, text: str) -> bool:
        """Whether it is more than a lone word with which nothing of the domain ends.

        Two hanzi are a word.
        """
        words = split(text)
        n_hanzi = sum(is_hanzi(word[0]) for word in words)
        several = len(words) - n_hanzi / 2 > 1
        return several or (self.endings.probability(text) or 0.0) >= LEAST_ALONE

    def speak(self, text: str, voice: str | None = None, rate: float = 1.0) -> Iterator[AudioDelta]:
        """Read `text` aloud, in the voice of its language where none that speaks it is named.

        Raises:
            ValueError: an unknown voice, nothing to say, or a rate nobody would understand.
        """
        words = split(speakable(text))[:MAX_SPOKEN_WORDS]
        if voice is None or voice in self.voices:
            usual = ENGLISH if voice is None else self.voice_languages[voice]
            voice = self.speaker(voice, language_of(text, usual))
        parts = self.voice.speak(iter(words), voice=voice, rate=rate)
        if not words:
            raise ValueError("there are no words in the text that nano can say")
        for part in parts:
            if isinstance(part, WordAudio):
                yield AudioDelta(part.pcm, part.index)
