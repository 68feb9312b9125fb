"""A Ming-Lite-Omni checkpoint as a SpeechModel: opening dialogues, reading aloud, writing down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..dialogue import (
    AudioDelta,
    DialogueOptions,
    Message,
    Pcm,
    ReplyOptions,
    ReplyPart,
    TextDelta,
    Transcript,
    Unsupported,
    UserAudio,
)
from ..load_options import MingOptions
from .config import MingConfig
from .dialogue import MingDialogue
from .features import RATE_HZ
from .hearing import Ear
from .mouth import Mouth, ReadyVoice, read_aloud
from .sentences import spoken_pieces
from .tasks import (
    AUTO,
    LANGUAGES,
    parse_transcript,
    thinking_instructions,
    transcription_prompt,
)
from .thinker import MingThinker
from .tokenizer import TextTokenizer, ThinkerIds
from .vision import Eye
from .voice_prompt import load_voice_prompt
from .voices import voices_of

READY_VOICES = 4  # each takes hundreds of megabytes at full size; others are made ready again
RESERVE = 2048  # positions kept free for a turn and its reply


class MingModel:
    """A loaded checkpoint of the family. Holds nothing of a conversation.

    Args:
        name: what it is called.
        config: its sizes.
        tokenizer: of the thinker.
        ear: hears conversations; `scribe` what is to be written down (v1 has two ears).
        thinker: the language model.
        mouth: talker and audio decoder; None for a model that only writes.
        eye: sees pictures; None where the checkpoint has no vision tower.
        folder: where its voices lie.
        options: its habits.
    """

    languages: Sequence[str] = tuple(name for name in LANGUAGES if name != AUTO)
    calls_functions = False  # no release has a form for it
    changes_rate = False  # its vocoder could, but only a whole sentence at a time
    input_rate_hz: int = RATE_HZ

    def __init__(
        self,
        name: str,
        config: MingConfig,
        tokenizer: TextTokenizer,
        ear: Ear,
        scribe: Ear,
        thinker: MingThinker,
        mouth: Mouth | None,
        eye: Eye | None,
        folder: Path,
        options: MingOptions | None = None,
    ) -> None:
        self.name, self.config, self.tokenizer = name, config, tokenizer
        self.ear, self.scribe, self.eye = ear, scribe, eye
        self.thinker, self.mouth = thinker, mouth
        self.options = options or MingOptions()
        self.ids = ThinkerIds.of(tokenizer)
        self.longest = config.thinker.max_positions - RESERVE
        self.device = thinker.embedding.weight.device
        self.modalities = ("audio", "text", "image") if eye else ("audio", "text")
        self.output_rate_hz = mouth.rate_hz if mouth else config.detokenizer.rate_hz
        self._voice_files = voices_of(folder) if mouth else {}
        self._ready: dict[str, ReadyVoice] = {}

    @property
    def voices(self) -> Sequence[str]:
        """Names of the voices it can speak with."""
        return tuple(self._voice_files)

    def open(self, options: DialogueOptions | None = None) -> MingDialogue:
        """A new conversation. Raises ValueError for an unknown voice or language."""
        options = options or DialogueOptions()
        if self.options.thinking:
            instructions = thinking_instructions(options.instructions)
            options = replace(options, instructions=instructions)
        return MingDialogue(self, options)

    def voice(self, name: str | None) -> ReadyVoice | None:
        """A voice made ready, the first where none is named; None for a model that only writes.

        Raises:
            ValueError: no such voice, or there are none.
            CheckpointError: its file cannot be used.
        """
        if self.mouth is None:
            return None
        if not self._voice_files:
            raise ValueError(f"{self.name} has no voice yet: make one with `vivavoce voices add`")
        name = name or self.voices[0]
        if name not in self._voice_files:
            raise ValueError(f"{self.name} has no voice {name!r}: {', '.join(self.voices)}")
        ready = self._ready.pop(name, None)
        if ready is None:
            ready = self.mouth.prepare(load_voice_prompt(self._voice_files[name]))
        self._ready[name] = ready  # the one used last stands last
        while len(self._ready) > READY_VOICES:
            del self._ready[next(iter(self._ready))]
        return ready

    def transcribe(self, pcm: Pcm, language: str = AUTO) -> Transcript:
        """Write down a whole recording [n] at 16 kHz; the language is what the model names.

        Raises:
            ValueError: an unknown language.
        """
        parts = self._transcription(pcm, language)
        text = "".join(part.text for part in parts if isinstance(part, TextDelta))
        transcript, found = parse_transcript(text)
        return Transcript(transcript, found or language)

    def _transcription(self, pcm: Pcm, language: str) -> Iterator[ReplyPart]:
        dialogue = MingDialogue(self, DialogueOptions(), ear=self.scribe)
        dialogue.add(Message("user", transcription_prompt(language)))
        dialogue.add(UserAudio(pcm))
        return dialogue.reply(ReplyOptions(audio=False))

    def speak(self, text: str, voice: str | None = None, rate: float = 1.0) -> Iterator[AudioDelta]:
        """Read `text` aloud, at its own rate.

        Raises:
            Unsupported: a model that only writes.
            ValueError: an unknown voice, or nothing to say.
        """
        if self.mouth is None:
            raise Unsupported(f"{self.name} was loaded without a talker and cannot speak")
        ready, pieces = self.voice(voice), spoken_pieces(text)
        assert ready is not None
        if not any(c.isalnum() for c in "".join(pieces)):
            raise ValueError("there are no words in the text that can be said")
        return read_aloud(self.mouth, ready, pieces)
