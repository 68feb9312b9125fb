"""Events: everything that can happen to a conversation, in the past tense.

`at` is a sample index of the input, counted from the session's first sample; it never jumps
back. `heard` counts samples of one reply. `generation` numbers replies; an event about a
generation that is gone is ignored, whatever it says. `event_id` is the client's own, echoed in
errors.

The flow of one spoken turn (S the shell, C the core):

    S SpeechStarted(at)            C SpeechStartedNotice, Remember, Listen      turn is open
    S SpeechPaused(at)             C StopListening, Prepare(generation)         soft end
    S ReplyText, ReplyAudio ...    C holds them
    S SpeechResumed(at)            C Drop, Listen       or
    S SpeechEnded(at)              C Committed ... ResponseCreated, PlayAudio   endpoint
    S PlayoutAdvanced(sent, heard)
    S SpeechSuspected(at)          C PausePlayout
    S SpeechDenied(at)             C ResumePlayout      or
    S SpeechStarted(at)            C Recognise(number, start, end)
    S Recognised(number, "mhm")    C ResumePlayout      or
    S Recognised(number, "no")     C StopPlayout, closing notices, Truncate, Listen
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .items import Item
from .settings import ResponseOptions, Settings

# --- the user's voice: from VAD and endpointing ---------------------------------------------


@dataclass(frozen=True)
class SpeechSuspected:
    """The first voiced frames; may still be noise. Only matters while a reply plays."""

    at: int


@dataclass(frozen=True)
class SpeechDenied:
    """What was suspected has vanished before it counted as speech."""

    at: int


@dataclass(frozen=True)
class SpeechStarted:
    """Speech for sure.

    Args:
        start: where it began, padding included.
        at: when this was known.
        first_voiced: its first sample without the padding; None: as late as `at`.
        may_be_echo: it began while the loudspeaker sounded, and its canceller may not have known
            the room yet.
    """

    start: int
    at: int
    first_voiced: int | None = None
    may_be_echo: bool = False


@dataclass(frozen=True)
class SpeechConfirmed:
    """So much of it was voiced that it counts, where its words cannot be told."""

    at: int


@dataclass(frozen=True)
class SpeechPaused:
    """A short silence: the soft end. The turn may be over."""

    at: int


@dataclass(frozen=True)
class SpeechResumed:
    """The pause was none."""

    at: int


@dataclass(frozen=True)
class SpeechEnded:
    """The endpoint: the turn is over. end: where speech ended, for the client to see."""

    end: int
    at: int


@dataclass(frozen=True)
class BargeInDenied:
    """Somebody else is sure that the suspected speech is none: own echo, another voice."""

    at: int


@dataclass(frozen=True)
class Recognised:
    """An answer to Recognise. text: None where the model cannot tell, or not in time.

    sure: the model would act on it.
    n_phones: how many different phones it heard; None where it cannot tell.
    """

    number: int
    text: str | None = None
    language: str = ""
    sure: bool = True
    n_phones: float | None = None


@dataclass(frozen=True)
class IdleTimedOut:
    """Nobody spoke for so long that the assistant should. start..at is the idle audio."""

    start: int
    at: int


# --- the client's requests ------------------------------------------------------------------


@dataclass(frozen=True)
class InputAppended:
    """The input has grown to `at` samples. Only needed where turn_detection is False."""

    at: int


@dataclass(frozen=True)
class CommitRequested:
    """Close the input buffer at `at` and make it an item."""

    at: int
    event_id: str | None = None


@dataclass(frozen=True)
class ClearRequested:
    """Forget the input buffer up to `at`."""

    at: int
    event_id: str | None = None


@dataclass(frozen=True)
class ItemCreateRequested:
    """Add `item`. An empty item.id lets the core choose. after: None end, "root" front, or id."""

    item: Item
    after: str | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class ItemDeleteRequested:
    item_id: str
    event_id: str | None = None


@dataclass(frozen=True)
class ItemRetrieveRequested:
    item_id: str
    event_id: str | None = None


@dataclass(frozen=True)
class TruncateRequested:
    """The client played the item's audio up to `audio_end_ms` and no further."""

    item_id: str
    content_index: int
    audio_end_ms: int
    event_id: str | None = None


@dataclass(frozen=True)
class ResponseRequested:
    """Answer now.

    Args:
        input_items: new items to answer, in place of the conversation.
        interrupt: a reply that is being made or played is stopped first.
    """

    options: ResponseOptions = ResponseOptions()
    input_items: tuple[Item, ...] = ()
    event_id: str | None = None
    interrupt: bool = False


@dataclass(frozen=True)
class SayRequested:
    """The daemon itself has something to say, a timer for instance; it waits for its chance."""

    text: str


@dataclass(frozen=True)
class CancelRequested:
    """Stop a response; None means the conversation's own."""

    response_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class SettingsChanged:
    """The complete new settings; they take effect between replies where a model is concerned."""

    settings: Settings


@dataclass(frozen=True)
class SessionClosed:
    """Nothing more will come; everything open is closed."""


# --- the model's reply, part by part --------------------------------------------------------


@dataclass(frozen=True)
class UsageCount:
    """Tokens read and written."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0

    def __add__(self, other: UsageCount) -> UsageCount:
        return UsageCount(
            self.input_text_tokens + other.input_text_tokens,
            self.input_audio_tokens + other.input_audio_tokens,
            self.output_text_tokens + other.output_text_tokens,
            self.output_audio_tokens + other.output_audio_tokens,
        )


@dataclass(frozen=True)
class ReplyHeard:
    """What the model understood of the user's turn.

    complete: how likely it is that the user is done; None where the model cannot tell.
    """

    generation: int
    transcript: str
    language: str
    complete: float | None = None


@dataclass(frozen=True)
class ReplyText:
    generation: int
    text: str
    token_index: int


@dataclass(frozen=True)
class ReplyAudio:
    """pcm: 16-bit little-endian mono samples at output_rate_hz."""

    generation: int
    pcm: bytes
    token_index: int


@dataclass(frozen=True)
class ReplyToolCall:
    """arguments is JSON text.

    language: of the reply; empty where the model does not say. confidence: how sure the model is
    that this was meant, 0 to 1.
    """

    generation: int
    call_id: str
    name: str
    arguments: str
    needs_result: bool
    language: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class ReplyDone:
    generation: int
    reason: Literal["completed", "max_tokens", "tool_calls"]
    usage: UsageCount = UsageCount()


@dataclass(frozen=True)
class ReplyFailed:
    """The model broke; message is fit for a user."""

    generation: int
    message: str


@dataclass(frozen=True)
class ToolReturned:
    """A built-in skill has answered; output is spoken as it stands."""

    generation: int
    call_id: str
    output: str


@dataclass(frozen=True)
class DialogueTruncated:
    """The model has cut its memory of a reply to `samples`; `text` is what it kept."""

    generation: int
    samples: int
    text: str


@dataclass(frozen=True)
class Transcribed:
    """An answer to Transcribe."""

    item_id: str
    transcript: str
    language: str


@dataclass(frozen=True)
class TranscribeFailed:
    item_id: str
    message: str


# --- the loudspeaker ------------------------------------------------------------------------


@dataclass(frozen=True)
class PlayoutAdvanced:
    """So many samples of the reply have left us, and so many (at least) were heard."""

    generation: int
    sent: int
    heard: int


@dataclass(frozen=True)
class PlayoutSent:
    """After FinishPlayout: all audio has left for a client that has not played it yet. What is
    said now is said during the reply; PlayoutDrained follows.
    """

    generation: int


@dataclass(frozen=True)
class PlayoutDrained:
    """After FinishPlayout: all audio was played, here or, by all we know, at the client.

    heard: so many samples reached somebody; None: all of them.
    """

    generation: int
    heard: int | None = None


SpeechEvent = (
    SpeechSuspected
    | SpeechDenied
    | SpeechStarted
    | SpeechConfirmed
    | SpeechPaused
    | SpeechResumed
    | SpeechEnded
    | BargeInDenied
    | Recognised
    | IdleTimedOut
)
ClientEvent = (
    InputAppended
    | CommitRequested
    | ClearRequested
    | ItemCreateRequested
    | ItemDeleteRequested
    | ItemRetrieveRequested
    | TruncateRequested
    | ResponseRequested
    | SayRequested
    | CancelRequested
    | SettingsChanged
    | SessionClosed
)
ReplyPart = ReplyHeard | ReplyText | ReplyAudio | ReplyToolCall | ReplyDone | ReplyFailed
ModelEvent = ReplyPart | ToolReturned | DialogueTruncated | Transcribed | TranscribeFailed
PlayoutEvent = PlayoutAdvanced | PlayoutSent | PlayoutDrained
Event = SpeechEvent | ClientEvent | ModelEvent | PlayoutEvent
