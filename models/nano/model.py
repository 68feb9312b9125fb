"""nano as a SpeechModel: loading its files, opening dialogues, reading aloud, writing down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from ..dialogue import AudioDelta, DialogueOptions, Pcm, Transcript
from .audio_decoder import AudioDecoderConfig
from .config import NanoConfig
from .dialogue import NanoDialogue
from .endings import Endings
from .hearing import Ear, HearingState, samples_of
from .speakable import speakable
from .talker import TalkerConfig
from .text import Text
from .thinker import Thinker
from .voice import Voice, WordAudio

FOLDER = Path(__file__).parent
PARTS = ("ear", "thinker", "talker", "audio_decoder")
MAX_SPOKEN_WORDS = 400
LEAST_ALONE = 0.4
"""A transcript of one word is doubted where its speaker is hardly done; hums are read as such."""


class NanoModel:
    """The shipped small model; see its card in docs/nano.md for what it understands."""

    name: str = "nano"
    voices: Sequence[str] = ("slt",)
    languages: Sequence[str] = ("en",)
    modalities: Sequence[str] = ("audio", "text")
    calls_functions = True

    def __init__(
        self, config: NanoConfig, text: Text, talker: TalkerConfig, decoder: AudioDecoderConfig
    ) -> None:
        self.config, self.text = config, text
        self.min_intent_probability = config.min_intent_probability
        self.ear = Ear(config, text)
        self.thinker = Thinker(config.thinker)
        self.voice = Voice(talker, decoder, text)
        self.endings = Endings.shipped()
        self.input_rate_hz = config.mel.rate_hz
        self.output_rate_hz = decoder.rate_hz

    @classmethod
    def load(cls, folder: Path = FOLDER) -> NanoModel:
        """Read config, tokenizer and weights.

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
            AudioDecoderConfig(
                **{**data["audio_decoder"], "levels": tuple(data["audio_decoder"]["levels"])}
            ),
        )
        for name, module in model.parts().items():
            weights = load_file(folder / f"{name}.safetensors")
            module.load_state_dict({k: v.float() for k, v in weights.items()})
            module.eval().requires_grad_(False)
        return model

    def parts(self) -> dict[str, nn.Module]:
        """The modules by the name of their weight file."""
        return {
            "ear": self.ear,
            "thinker": self.thinker,
            "talker": self.voice.talker,
            "audio_decoder": self.voice.decoder,
        }

    def open(self, options: DialogueOptions | None = None) -> NanoDialogue:
        """A new conversation. Raises ValueError for an unknown voice or language."""
        return NanoDialogue(self, options or DialogueOptions())

    def is_speech(self, hearing: HearingState) -> bool:
        """Whether enough was read, clearly enough, to act on it."""
        return (
            len(hearing.tokens) > 0
            and hearing.mean_confidence >= self.config.min_transcript_confidence
        )

    @torch.inference_mode()
    def transcribe(self, pcm: Pcm, language: str = "auto") -> Transcript:
        """The encoder's own transcript of a whole recording [n] at 16 kHz."""
        samples = samples_of(pcm)
        _, state = self.ear.hear(samples, self.ear.initial(), self.thinker)
        _, state = self.ear.close(state, self.thinker)
        text = self.text.decode(list(state.tokens))
        sure = self.is_speech(state) and self.text.knows(text) and self._stands(text)
        return Transcript(text, self.languages[0], sure)

    def _stands(self, text: str) -> bool:
        """Whether it is more than a lone word with which nothing of the domain ends."""
        return " " in text or (self.endings.probability(text) or 0.0) >= LEAST_ALONE

    def speak(self, text: str, voice: str | None = None) -> Iterator[AudioDelta]:
        """Read `text` aloud. Raises ValueError for an unknown voice or nothing to say."""
        if voice is not None and voice not in self.voices:
            raise ValueError(f"nano has no voice {voice!r}: {', '.join(self.voices)}")
        words = speakable(text).split()[:MAX_SPOKEN_WORDS]
        if not words:
            raise ValueError("there are no words in the text that nano can say")
        for part in self.voice.speak(iter(words)):
            if isinstance(part, WordAudio):
                yield AudioDelta(part.pcm, part.index)
