"""The conversation: events in, effects out. No clock, no sound card, no tensors, no network.

    conversation = Conversation(Settings(), CountedIds())
    effects = conversation.receive(SpeechStarted(start=0, at=1440))

Total: any event at any time gives effects and never an error. Deterministic: the same events
give the same effects, ids included. See events.py for the flow of a turn, and effects.py for
who carries out what.
"""

from __future__ import annotations

from .effects import Effect
from .events import (
    BargeInDenied,
    DialogueTruncated,
    Event,
    IdleTimedOut,
    PlayoutAdvanced,
    PlayoutDrained,
    PlayoutSent,
    Recognised,
    ReplyAudio,
    ReplyDone,
    ReplyFailed,
    ReplyHeard,
    ReplyText,
    ReplyToolCall,
    SessionClosed,
    SpeechConfirmed,
    SpeechDenied,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
    ToolReturned,
    Transcribed,
    TranscribeFailed,
)
from .history import History
from .notices import TranscriptionFailed
from .replies import Replies, write_transcript
from .requests import Requests
from .settings import IdFactory, Settings
from .state import State
from .turns import Turns
from .voice import Voice

_SPEECH = (
    SpeechSuspected,
    SpeechDenied,
    SpeechStarted,
    SpeechConfirmed,
    SpeechPaused,
    SpeechResumed,
    SpeechEnded,
    BargeInDenied,
    Recognised,
    IdleTimedOut,
)
_PARTS = (ReplyHeard, ReplyText, ReplyAudio, ReplyToolCall, ReplyDone, ReplyFailed)


class Conversation:
    """One conversation's whole logic.

    Args:
        settings: how it begins.
        ids: makes ids; a replay needs one that starts alike.
    """

    def __init__(self, settings: Settings, ids: IdFactory) -> None:
        self._state = State(settings, ids)
        self._replies = Replies(self._state)
        self._turns = Turns(self._state, self._replies)
        self._requests = Requests(self._state, self._replies, self._turns)
        self._voice = Voice(self._state, self._replies, self._turns)
        self._replies.on_end = self._voice.reply_ended

    def receive(self, event: Event) -> list[Effect]:
        """What is to be done now that this has happened."""
        if not self._state.closed:
            self._dispatch(event)
        effects = list(self._state.out)
        self._state.out.clear()
        return effects

    @property
    def settings(self) -> Settings:
        return self._state.settings

    @property
    def history(self) -> History:
        """The items, for views."""
        return self._state.history

    @property
    def speaking(self) -> bool:
        """A reply is being made or played."""
        return self._state.active is not None

    @property
    def listening(self) -> bool:
        """The user's turn is open."""
        return self._state.turn is not None

    @property
    def preparing(self) -> int | None:
        """The generation of the reply that is prepared in this pause, before the end is sure."""
        return None if self._state.prepared is None else self._state.prepared.generation

    @property
    def buffer_start(self) -> int:
        """The first input sample that no commit or clear has taken."""
        return self._state.buffer_start

    @property
    def oldest_input_needed(self) -> int | None:
        """Input before this sample will not be asked for again; None: nothing is held."""
        state = self._state
        starts = [state.memory.oldest_sound]
        starts.append(state.candidate.start if state.candidate is not None else None)
        starts.append(state.turn.sound.start if state.turn is not None else None)
        if not state.settings.turn_detection:
            starts.append(state.buffer_start)
        return min((start for start in starts if start is not None), default=None)

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, _SPEECH):
            self._voice.receive(event)
        elif isinstance(event, _PARTS):
            self._replies.arrive(event)
        elif isinstance(event, PlayoutAdvanced):
            self._replies.advanced(event)
        elif isinstance(event, PlayoutSent):
            self._replies.sent(event.generation)
        elif isinstance(event, PlayoutDrained):
            self._replies.drained(event)
        elif isinstance(event, ToolReturned):
            self._replies.tool_returned(event)
        elif isinstance(event, DialogueTruncated):
            self._replies.truncated(event)
        elif isinstance(event, Transcribed):
            write_transcript(self._state, event.item_id, event.transcript, event.language)
        elif isinstance(event, TranscribeFailed):
            self._transcribe_failed(event)
        elif isinstance(event, SessionClosed):
            self._close()
        else:
            self._requests.receive(event)

    def _transcribe_failed(self, event: TranscribeFailed) -> None:
        if self._state.settings.transcribe and event.item_id in self._state.history:
            self._state.out.append(TranscriptionFailed(event.item_id, 0, event.message))

    def _close(self) -> None:
        """Close everything that is open; what comes later has no effect."""
        self._state.closed = True
        self._replies.drop_prepared()
        self._replies.stop_active("client_cancelled")
        for generation in list(self._state.asides):
            self._replies.stop_aside(generation)
