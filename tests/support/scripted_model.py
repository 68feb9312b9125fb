"""A speech model that follows a script: honest to models/dialogue.py, instant, and exact.

It "hears" by pitch: every sentence it knows is a buzz of its own fundamental frequency, which a
voice activity detector takes for speech (`voice(sentence)`). It speaks tones: every word lasts
`word_s` and sounds at a frequency of its own, so what was played can be read back
(`words_in(pcm)`).

    model = ScriptedModel({"what time is it": [Call("time"), Say("it is {}")]})
    pcm = model.voice("what time is it")          # [n] at 16 kHz

A sentence without a script is answered by "you said" and itself; sound it does not know by
"sorry i did not get that". A text message is answered by the same scripts. `{}` in a Say takes
the last tool result.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vivavoce.models.dialogue import (
    AudioDelta,
    DialogueOptions,
    Heard,
    Item,
    Message,
    Pcm,
    ReplyDone,
    ReplyOptions,
    ReplyPart,
    TextDelta,
    ToolCall,
    ToolResult,
    Transcript,
    Usage,
    UserAudio,
)

RATE_HZ = 16000
PART_S = 0.04
LOWEST_HZ, STEP_HZ = 110.0, 12.5


@dataclass(frozen=True)
class Say:
    """Speak these words."""

    text: str


@dataclass(frozen=True)
class Call:
    """Call a tool; with needs_result the rest of the script waits for its result."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs_result: bool = True


@dataclass(frozen=True)
class Crash:
    """Break down, as a model can."""

    message: str = "the scripted model broke"


Step = Say | Call | Crash
Script = Mapping[str, Sequence[Step]]


@dataclass(frozen=True)
class Spoken:
    """A reply in memory: words in order, and where each one's audio ends (None: not spoken)."""

    words: tuple[str, ...] = ()
    ends: tuple[int, ...] = ()
    n_samples: int = 0


@dataclass(frozen=True)
class Memory:
    """All that a scripted dialogue remembers; a value, so that marks are copies.

    Args:
        turns: (role, text) of what is settled, oldest first.
        heard: the open turn's sound.
        waiting: steps left over from a reply that waits for a tool.
    """

    turns: tuple[tuple[str, str], ...] = ()
    heard: bytes = b""
    last: Spoken | None = None
    waiting: tuple[Step, ...] = ()
    n_calls: int = 0


class ScriptedDialogue:
    """One conversation's memory. See models/dialogue.py for what each call means."""

    def __init__(self, model: ScriptedModel, options: DialogueOptions) -> None:
        self._model = model
        self.options = options
        self.memory = Memory()
        for item in options.history:
            self.add(item)

    def listen(self, pcm: Pcm) -> None:
        if self._model.listen_s:
            time.sleep(self._model.listen_s)
        sound = np.ascontiguousarray(pcm, dtype=np.float32).tobytes()
        self.memory = replace(self.memory, heard=self.memory.heard + sound)

    def mark(self) -> Memory:
        return self.memory

    def rewind(self, mark: Memory) -> None:
        self.memory = mark

    def add(self, item: Item) -> None:
        if isinstance(item, Message):
            self._remember(item.role, item.text)
        elif isinstance(item, UserAudio):
            self._remember("user", item.transcript or self._model.understand(item.pcm))
        elif isinstance(item, ToolCall):
            self._remember("call", item.name)
        elif isinstance(item, ToolResult):
            self._remember("tool", item.output)

    def reply(self, options: ReplyOptions | None = None) -> Iterator[ReplyPart]:
        options = options or ReplyOptions()
        if self._model.first_part_s:
            time.sleep(self._model.first_part_s)
        if self.memory.heard:
            yield self._hear()
        steps = self._steps(options)
        self.memory = replace(self.memory, last=Spoken(), waiting=())
        for index, step in enumerate(steps):
            if isinstance(step, Crash):
                raise RuntimeError(step.message)
            if isinstance(step, Call):
                yield self._call(step)
                if step.needs_result:
                    self.memory = replace(self.memory, waiting=tuple(steps[index + 1 :]))
                    yield ReplyDone("tool_calls", Usage(output_text_tokens=1))
                    return
                continue
            done = yield from self._say(step, options)
            if done:
                return
        spoken = self.memory.last or Spoken()
        n_audio = spoken.n_samples // int(PART_S * RATE_HZ)
        yield ReplyDone("completed", Usage(1, 1, len(spoken.words), n_audio))

    def truncate(self, samples_heard: int) -> str:
        spoken = self.memory.last
        if spoken is None:
            raise ValueError("no reply to cut")
        if not 0 <= samples_heard <= spoken.n_samples:
            raise ValueError(f"{samples_heard} is beyond the {spoken.n_samples} samples generated")
        n_kept = sum(1 for end in spoken.ends if end <= samples_heard)
        kept = Spoken(spoken.words[:n_kept], spoken.ends[:n_kept], samples_heard)
        self._speak(kept)
        return " ".join(kept.words)

    def _remember(self, role: str, text: str) -> None:
        turns = (*self.memory.turns, (role, text))
        self.memory = replace(self.memory, turns=turns, last=None)

    def _speak(self, spoken: Spoken) -> None:
        """Put the reply under way, or cut, in place of what memory holds of it."""
        turns = self.memory.turns
        if self.memory.last is not None and self.memory.last.words:
            turns = turns[:-1]
        if spoken.words:
            turns = (*turns, ("assistant", " ".join(spoken.words)))
        self.memory = replace(self.memory, turns=turns, last=spoken)

    def _hear(self) -> Heard:
        pcm = np.frombuffer(self.memory.heard, dtype=np.float32)
        text = self._model.understand(pcm)
        self.memory = replace(self.memory, heard=b"")
        self._remember("user", text)
        return Heard(text, "en", self._model.complete.get(text))

    def _steps(self, options: ReplyOptions) -> list[Step]:
        role, text = self.memory.turns[-1] if self.memory.turns else ("user", "")
        if role == "tool":
            waiting = self.memory.waiting or (Say("{}"),)
            return [Say(s.text.replace("{}", text)) if isinstance(s, Say) else s for s in waiting]
        steps = list(self._model.answer(text))
        tools = self.options.tools if options.tools is None else options.tools
        offered = {tool["name"] for tool in tools}
        if not options.allow_tools:
            return [s for s in steps if not (isinstance(s, Call) and s.name in offered)]
        return [
            replace(s, needs_result=True) if isinstance(s, Call) and s.name in offered else s
            for s in steps
        ]

    def _call(self, step: Call) -> ToolCall:
        n_calls = self.memory.n_calls + 1
        self.memory = replace(self.memory, n_calls=n_calls)
        self._remember("call", step.name)
        self.memory = replace(self.memory, last=Spoken())
        return ToolCall(f"call_{n_calls}", step.name, step.arguments, step.needs_result)

    def _say(self, step: Say, options: ReplyOptions) -> Iterator[ReplyPart]:
        """Text runs one word ahead of sound. Returns whether the token limit cut the reply."""
        words = step.text.split()
        base = len((self.memory.last or Spoken()).words)
        written = 0
        for index in range(len(words)):
            while written < min(index + 2, len(words)):
                if options.max_tokens is not None and base + written >= options.max_tokens:
                    yield from self._voice(words, index, written, base, options)
                    yield ReplyDone("max_tokens", Usage(1, 1, base + written, 0))
                    return True
                self._pause()
                yield self._write(words[written], base + written)
                written += 1
            yield from self._voice(words, index, index + 1, base, options)
        return False

    def _write(self, word: str, token_index: int) -> TextDelta:
        spoken = self.memory.last or Spoken()
        self._speak(replace(spoken, words=(*spoken.words, word)))
        return TextDelta(f" {word}" if token_index else word, token_index)

    def _voice(
        self, words: list[str], first: int, last: int, base: int, options: ReplyOptions
    ) -> Iterator[ReplyPart]:
        """The tones of words first..last, in parts of 40 ms."""
        if not options.audio:
            return
        step = int(PART_S * RATE_HZ)
        for index in range(first, last):
            tone = self._model.tone(words[index])
            for start in range(0, len(tone), step):
                self._pause()
                part = tone[start : start + step]
                spoken = self.memory.last or Spoken()
                n_samples = spoken.n_samples + len(part)
                ends = spoken.ends
                if start + step >= len(tone):
                    ends = (*ends, n_samples)
                self._speak(replace(spoken, n_samples=n_samples, ends=ends))
                yield AudioDelta(part, base + index)

    def _pause(self) -> None:
        if self._model.part_s:
            time.sleep(self._model.part_s)


class ScriptedModel:
    """A SpeechModel whose understanding and answers are given; of pictures it makes nothing.

    Args:
        script: what to do on which sentence.
        sentences: further sentences that it understands.
        word_s: length of every spoken word.
        listen_s, first_part_s, part_s: how long each call of listen, the first part of a
            reply, and every further part take: the model's compute, slept.
        complete: how likely it takes a speaker to be done who has said a sentence.
    """

    name = "scripted"
    voices: Sequence[str] = ("tone", "bell")
    languages: Sequence[str] = ("en",)
    modalities: Sequence[str] = ("text", "audio", "image")
    calls_functions = True
    changes_rate = False
    input_rate_hz = RATE_HZ
    output_rate_hz = RATE_HZ

    def __init__(
        self,
        script: Script | None = None,
        sentences: Sequence[str] = (),
        word_s: float = 0.2,
        listen_s: float = 0.0,
        first_part_s: float = 0.0,
        part_s: float = 0.0,
        complete: Mapping[str, float] | None = None,
    ) -> None:
        self.script = dict(script or {})
        self.sentences = tuple(dict.fromkeys([*self.script, *sentences]))
        self.word_s = word_s
        self.listen_s = listen_s
        self.first_part_s = first_part_s
        self.part_s = part_s
        self.complete = dict(complete or {})
        self.dialogues: list[ScriptedDialogue] = []

    def open(self, options: DialogueOptions | None = None) -> ScriptedDialogue:
        dialogue = ScriptedDialogue(self, options or DialogueOptions())
        self.dialogues.append(dialogue)
        return dialogue

    def transcribe(self, pcm: Pcm, language: str = "auto") -> Transcript:
        return Transcript(self.understand(pcm), "en")

    def speak(self, text: str, voice: str | None = None, rate: float = 1.0) -> Iterator[AudioDelta]:
        if voice is not None and voice not in self.voices:
            raise ValueError(f"no voice {voice!r}; there are {', '.join(self.voices)}")
        for index, word in enumerate(text.split()):
            yield AudioDelta(self.tone(word), index)

    def answer(self, text: str) -> Sequence[Step]:
        """The script for `text`, or an answer for whatever is not scripted."""
        if text in self.script:
            return self.script[text]
        return [Say(f"you said {text}" if text else "sorry i did not get that")]

    # --- the language of pitch: what the user says -------------------------------------------

    def voice(self, sentence: str, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> Pcm:
        """The user saying a known sentence, pcm [n] at rate_hz: a buzz that wobbles in level."""
        pitch = LOWEST_HZ + STEP_HZ * self.sentences.index(sentence)
        t = np.arange(int(seconds * rate_hz)) / rate_hz
        harmonics = range(1, int(3400 / pitch))
        buzz = np.sum([np.sin(2 * np.pi * pitch * k * t) / k**0.7 for k in harmonics], axis=0)
        wobble = 0.65 + 0.35 * np.sin(2 * np.pi * 4 * t)
        pcm: Pcm = (0.12 * buzz * wobble).astype(np.float32)
        return pcm

    def understand(self, pcm: Pcm) -> str:
        """The known sentence whose pitch stands out, or "" for any other sound."""
        if len(pcm) < RATE_HZ // 10 or float(np.max(np.abs(pcm))) < 0.01:
            return ""
        n_fft = max(RATE_HZ, len(pcm))
        power = np.abs(np.fft.rfft(pcm, n_fft)) ** 2
        scores = [self._energy_at(power, n_fft, i) for i in range(len(self.sentences))]
        best = int(np.argmax(scores)) if scores else -1
        return self.sentences[best] if best >= 0 and scores[best] > 0.02 else ""

    @staticmethod
    def _energy_at(power: Any, n_fft: int, index: int) -> float:
        """Share of all energy at the fundamental of sentence `index`, within 3 Hz."""
        pitch = LOWEST_HZ + STEP_HZ * index
        low, high = (int(round((pitch + d) * n_fft / RATE_HZ)) for d in (-3, 3))
        return float(power[low : high + 1].sum() / max(power.sum(), 1e-12))

    # --- the language of tones: what the assistant says --------------------------------------

    def tone(self, word: str) -> Pcm:
        """The sound of a word, pcm [word_s * 16000]: one steady tone."""
        t = np.arange(int(self.word_s * RATE_HZ)) / RATE_HZ
        pcm: Pcm = (0.3 * np.sin(2 * np.pi * self.frequency(word) * t)).astype(np.float32)
        return pcm

    @staticmethod
    def frequency(word: str) -> float:
        """400 to 3600 Hz in steps of 25, by the word's letters."""
        return 400.0 + 25.0 * (zlib.crc32(word.encode()) % 128)


def transcript_of(dialogue: ScriptedDialogue) -> list[tuple[str, str]]:
    """What a dialogue remembers, for tests to compare."""
    return list(dialogue.memory.turns)


__all__ = [
    "Call",
    "Crash",
    "Say",
    "ScriptedDialogue",
    "ScriptedModel",
    "ToolResult",
    "transcript_of",
]
