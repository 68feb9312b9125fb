"""What any speech model offers; the daemon knows nothing else of it.

PCM is float32 in [-1, 1], mono. A dialogue is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.float32]
Role = Literal["system", "user", "assistant"]
DoneReason = Literal["completed", "max_tokens", "tool_calls"]


class Unsupported(Exception):
    """The model cannot do what was asked; the message says what and is fit for a user."""


# --- what goes into a dialogue -------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """A turn given as text."""

    role: Role
    text: str


@dataclass(frozen=True, eq=False)
class UserAudio:
    """A past spoken turn, replayed when a history has to be rebuilt. pcm [n] at input_rate_hz."""

    pcm: Pcm
    transcript: str | None = None


@dataclass(frozen=True)
class UserPicture:
    """A picture, or the frames of a video in order: the content of PNG or JPEG files.

    Only for models whose `modalities` hold "image"; others raise Unsupported.
    """

    frames: Sequence[bytes]


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered to the call `call_id`; `output` is spoken as it stands."""

    call_id: str
    output: str


# --- what comes out of a reply -------------------------------------------------------------


@dataclass(frozen=True)
class Heard:
    """What the model understood of the user's spoken turn; comes once, first, if at all.

    complete: how likely it is that the speaker is done, who paused after this; 0.5 where a pause
        says as much for the one as for the other, None where the model cannot tell.
    """

    transcript: str
    language: str
    complete: float | None = None


@dataclass(frozen=True)
class TextDelta:
    """The next piece of reply text, spoken from text token `token_index` on."""

    text: str
    token_index: int


@dataclass(frozen=True, eq=False)
class AudioDelta:
    """The next reply audio, pcm [n] at output_rate_hz, speaking text token `token_index`.

    An empty one says nothing: the model is at work and may be stopped here.
    """

    pcm: Pcm
    token_index: int


@dataclass(frozen=True)
class ToolCall:
    """The model wants a tool run.

    needs_result: when true the reply ends right after with ReplyDone("tool_calls"); the caller
    adds the ToolResult and calls reply() again to hear the answer. When false the model speaks
    on without waiting, and the caller runs the tool when the turn is committed. A call to one
    of DialogueOptions.tools (ReplyOptions.tools) always needs its result.

    language: of the reply, in which the tool may answer; empty where the model does not say.
    confidence: how sure the model is that this was meant, 0 to 1; None where it cannot tell.
    """

    call_id: str
    name: str
    arguments: Mapping[str, Any]
    needs_result: bool
    language: str = field(default="", compare=False)
    confidence: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Usage:
    """Tokens read and written by one reply."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0


@dataclass(frozen=True)
class ReplyDone:
    """The last part of every reply that was not abandoned."""

    reason: DoneReason
    usage: Usage


ReplyPart = Heard | TextDelta | AudioDelta | ToolCall | ReplyDone
Item = Message | UserAudio | UserPicture | ToolCall | ToolResult


@dataclass(frozen=True)
class Sampling:
    """Sampling of speech tokens; text is decoded greedily where temperature is 0.

    Of the top_k best the fewest remain whose chances reach top_p together.
    """

    temperature: float = 0.0
    top_k: int = 20
    seed: int = 0
    top_p: float = 1.0


@dataclass(frozen=True)
class DialogueOptions:
    """How a dialogue starts.

    Args:
        voice: one of SpeechModel.voices; None takes the model's own.
        language: what the person speaks and is answered in, one of SpeechModel.languages; "auto"
            leaves it to the model.
        tools: JSON-schema function tools {"name", "description", "parameters"}.
        history: earlier items, oldest first.
    """

    voice: str | None = None
    language: str = "auto"
    instructions: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    history: Sequence[Item] = ()
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True)
class ReplyOptions:
    """Settings of one reply.

    Args:
        audio: False gives text only.
        max_tokens: of text and speech together.
        tools: in place of DialogueOptions.tools for this reply; None: those.
        allow_tools: False: none of the tools is called; what a model does of its own accord,
            without having been offered it, it may do still.
        speaking_rate: 1.25 speaks a quarter faster, at the same pitch; only for models that say
            so (SpeechModel.changes_rate).
    """

    audio: bool = True
    max_tokens: int | None = None
    instructions: str | None = None
    allow_tools: bool = True
    tools: Sequence[Mapping[str, Any]] | None = None
    speaking_rate: float = 1.0


class Mark(Protocol):
    """An opaque snapshot of a dialogue."""


class Dialogue(Protocol):
    """One conversation's memory in a model."""

    def listen(self, pcm: Pcm) -> None:
        """Take the user's next samples [n] at input_rate_hz; any n, also 0.

        Encodes and prefills what is final; never blocks longer than one chunk's compute. The
        result depends on the samples only, never on how they were cut.
        """

    def mark(self) -> Mark:
        """Snapshot the whole state; cheap."""

    def rewind(self, mark: Mark) -> None:
        """Return exactly to `mark`, which stays valid."""

    def add(self, item: Item) -> None:
        """Append a text turn, a past spoken turn, a picture, a past tool call or a tool result.

        Raises:
            Unsupported: a picture, for a model that sees none.
            ValueError: a picture that cannot be read, or a result nobody asked for.
        """

    def reply(self, options: ReplyOptions | None = None) -> Iterator[ReplyPart]:
        """Close the user's turn and answer it, part by part.

        The iterator can be abandoned (closed) between any two parts; what was yielded until
        then is in memory and can be cut with `truncate` or undone with `rewind`.
        """

    def truncate(self, samples_heard: int) -> str:
        """Cut the last reply to its first `samples_heard` output samples; gives the text kept.

        Only words whose audio was heard to the end are kept. 0 forgets the spoken reply.

        Raises:
            ValueError: beyond the audio generated, or no reply to cut.
        """


@dataclass(frozen=True)
class Transcript:
    """What was said.

    Args:
        text: the words; "" where none could be read.
        language: of the words.
        sure: the model would act on it; False where it may have misheard.
        n_phones: how many different phones were said, each counted as far as it is sure; None
            where the model cannot tell.
    """

    text: str
    language: str
    sure: bool = True
    n_phones: float | None = None


class SpeechModel(Protocol):
    """A loaded model; opens any number of dialogues."""

    name: str
    voices: Sequence[str]
    languages: Sequence[str]
    modalities: Sequence[str]
    calls_functions: bool
    """Whether it calls functions of its own accord; else DialogueOptions.tools have no effect."""
    changes_rate: bool
    """Whether it can speak faster and slower; else speaking rates have no effect."""
    input_rate_hz: int
    output_rate_hz: int

    def open(self, options: DialogueOptions | None = None) -> Dialogue: ...

    def transcribe(self, pcm: Pcm, language: str = "auto") -> Transcript:
        """Write down a whole recording.

        Args:
            pcm: [n] at input_rate_hz.
            language: what is spoken in it, one of `languages` or "auto"; a hint.

        Raises:
            Unsupported: it cannot.
        """

    def speak(self, text: str, voice: str | None = None, rate: float = 1.0) -> Iterator[AudioDelta]:
        """Read `text` aloud at a speaking rate. Raises Unsupported, ValueError: unknown voice."""
