"""The user's turns: opened, paused, resumed and ended by voice or by hand; barge-in.

idle ──started──> open ──paused──> settling (reply prepared) ──ended──> committed
                   ▲                  │
                   └─────resumed──────┘
"""

from __future__ import annotations

from .bargein import Verdict, verdict
from .effects import KeepAudio, PausePlayout, ResumePlayout, Transcribe
from .events import (
    BargeInDenied,
    IdleTimedOut,
    SpeechConfirmed,
    SpeechDenied,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
)
from .items import InputAudio, MessageItem
from .memory import Sound
from .notices import (
    InputCommitted,
    ItemAdded,
    ItemDone,
    SpeechStartedNotice,
    SpeechStoppedNotice,
    TimeoutTriggered,
)
from .replies import Replies
from .state import State, Turn


class Turns:
    """Moves the user's side of a conversation."""

    def __init__(self, state: State, replies: Replies) -> None:
        self._state = state
        self._replies = replies

    def receive(self, event: SpeechEvent) -> None:
        """Take what was heard of the user's voice."""
        if isinstance(event, BargeInDenied):
            self.deny()
        elif isinstance(event, IdleTimedOut):
            self._idle(event)
        elif self._state.settings.turn_detection:
            self._voice(event)

    # --- voice -------------------------------------------------------------------------------

    def _voice(self, event: SpeechEvent) -> None:
        if isinstance(event, SpeechSuspected):
            if self._state.active is not None:
                self._apply(verdict(self._state.settings, "suspected"), 0)
        elif isinstance(event, SpeechDenied):
            self._resume_playout()
        elif isinstance(event, SpeechStarted):
            self._started(max(event.start, self._state.buffer_start))
        elif isinstance(event, SpeechConfirmed):
            if self._state.candidate is not None:
                self._apply(verdict(self._state.settings, "confirmed"), self._state.candidate)
        elif isinstance(event, SpeechPaused):
            self._paused(event.at)
        elif isinstance(event, SpeechResumed):
            self._resumed()
        elif isinstance(event, SpeechEnded):
            self._ended(event)

    def _started(self, start: int) -> None:
        state = self._state
        if state.turn is not None:
            return
        if state.active is None:
            self._open(start)
        else:
            self._apply(verdict(state.settings, "started"), start)

    def _paused(self, at: int) -> None:
        state = self._state
        self._resume_playout()
        if state.turn is None:
            return
        state.memory.pause(state.turn.sound, at)
        quiet = state.active is None and state.prepared is None and not state.memory.busy
        if quiet and state.settings.speculate and state.settings.create_response:
            self._replies.prepare(state.turn.item_id)

    def _resumed(self) -> None:
        state = self._state
        self._replies.drop_prepared()
        if state.turn is not None:
            state.memory.go_on(state.turn.sound)
        elif state.candidate is not None and state.active is not None:
            self._apply(verdict(state.settings, "suspected"), 0)

    def _ended(self, event: SpeechEnded) -> None:
        state = self._state
        state.candidate = None
        self._resume_playout()
        if state.turn is None:
            return
        if state.turn.announced:
            state.out.append(SpeechStoppedNotice(state.turn.item_id, event.end))
        self.commit(event.at)
        self._answer()
        self.say_next()

    def _answer(self) -> None:
        state = self._state
        if not state.settings.create_response:
            self._transcribe()
        elif state.prepared is not None:
            self._replies.commit_prepared()
        elif state.active is None:
            self._replies.start()
        elif state.settings.interrupt_response:
            state.answer_later = True
        else:
            self._transcribe()

    # --- barge-in ----------------------------------------------------------------------------

    def _apply(self, decision: Verdict, start: int) -> None:
        state = self._state
        assert state.active is not None
        if decision == "pause" and not state.paused:
            state.paused = True
            state.out.append(PausePlayout(state.active.generation))
        elif decision == "hold":
            state.candidate = start
        elif decision == "queue":
            self._open(start)
        elif decision == "stop":
            self._barge_in(start)

    def _barge_in(self, start: int) -> None:
        """Stop the reply, keep what was heard of it, listen from where the voice began."""
        state = self._state
        state.candidate = None
        turn = self._announce(start)
        self._replies.stop_active("turn_detected")
        state.memory.hear(turn.sound)

    def deny(self) -> None:
        """What may have been speech was none, or does not matter."""
        self._state.candidate = None
        self._resume_playout()

    def _resume_playout(self) -> None:
        state = self._state
        if state.paused and state.active is not None:
            state.out.append(ResumePlayout(state.active.generation))
        state.paused = False

    def reply_ended(self) -> None:
        """The reply is over: speech it did not yield to becomes a turn, or gets its answer."""
        state = self._state
        candidate, state.candidate = state.candidate, None
        if state.closed or state.active is not None:
            return
        if candidate is not None and state.turn is None:
            self._open(candidate)
        elif state.answer_later and state.turn is None:
            self._replies.start()
        else:
            self.say_next()

    def say(self, text: str) -> None:
        """The daemon has something to say: now, or when nobody speaks any more."""
        self._state.to_say.append(text)
        self.say_next()

    def say_next(self) -> None:
        """Say what has waited, if this is the moment."""
        state = self._state
        if state.to_say and state.active is None and state.turn is None:
            self._replies.say(state.to_say.pop(0))

    # --- opening and committing --------------------------------------------------------------

    def open_by_hand(self) -> None:
        """Input came without turn detection: it is the next turn's, from the buffer's start."""
        turn = Turn(self._state.ids("item"), Sound(self._state.buffer_start), announced=False)
        self._state.turn = turn
        self._state.memory.hear(turn.sound)

    def forget(self) -> None:
        """The open turn was none."""
        state = self._state
        self._replies.drop_prepared()
        if state.turn is not None:
            state.memory.forget(state.turn.sound)
        state.turn, state.candidate = None, None
        self._resume_playout()
        self.say_next()

    def commit(self, at: int) -> None:
        """The open turn becomes an item."""
        state = self._state
        turn, state.turn = state.turn, None
        assert turn is not None
        if turn.sound.end is None:
            state.memory.pause(turn.sound, at)
        turn.sound.settled = True
        state.buffer_start = at
        self._add_spoken(turn.item_id, turn.sound.start, turn.sound.end or at)

    def _open(self, start: int) -> None:
        turn = self._announce(start)
        self._state.memory.hear(turn.sound)

    def _announce(self, start: int) -> Turn:
        turn = Turn(self._state.ids("item"), Sound(start), announced=True)
        self._state.turn = turn
        self._state.out.append(SpeechStartedNotice(turn.item_id, start))
        return turn

    def _add_spoken(self, item_id: str, start: int, end: int) -> None:
        state = self._state
        item = MessageItem(item_id, "user", (InputAudio(end - start),))
        state.history.add(item)
        previous = state.history.previous(item_id)
        state.unanswered = item_id
        state.out += [
            KeepAudio(item_id, start, end),
            InputCommitted(item_id, previous),
            ItemAdded(item, previous),
            ItemDone(item, previous),
        ]

    def _transcribe(self) -> None:
        state = self._state
        if state.settings.transcribe and state.unanswered is not None:
            state.out.append(Transcribe(state.unanswered))

    def _idle(self, event: IdleTimedOut) -> None:
        """Nobody spoke: the silence becomes a turn, and the assistant speaks up."""
        state = self._state
        if state.active is not None or state.turn is not None:
            return
        item_id = state.ids("item")
        start = max(event.start, state.buffer_start)
        state.out.append(TimeoutTriggered(item_id, start, event.at))
        state.buffer_start = event.at
        self._add_spoken(item_id, start, event.at)
        state.memory.hear(Sound(start, event.at, settled=True))
        self._replies.start()
