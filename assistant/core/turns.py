"""The user's turns: opened, paused, resumed and ended, by voice (voice.py says when) or by hand.

idle ──open──> open ──pause──> settling (reply prepared) ──end──> committed
                 ▲                │
                 └─────resume─────┘
"""

from __future__ import annotations

from .effects import KeepAudio, ResumePlayout, Transcribe
from .events import IdleTimedOut, SpeechEnded
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
from .replies import Replies, write_transcript
from .state import State, Turn


class Turns:
    """Moves the user's side of a conversation."""

    def __init__(self, state: State, replies: Replies) -> None:
        self._state = state
        self._replies = replies

    # --- by voice ----------------------------------------------------------------------------

    def open(self, start: int) -> None:
        """Somebody speaks."""
        turn = self._announce(start)
        self._state.memory.hear(turn.sound)

    def interrupt(
        self, start: int, may_be_stop: bool = True, hushed: tuple[str, str] | None = None
    ) -> None:
        """Stop the reply, keep what was heard of it, listen from where the voice began.

        Args:
            start: first input sample of the new turn.
            may_be_stop: its words are not known yet.
            hushed: they are a stop phrase (text, language).
        """
        turn = self._announce(start)
        turn.may_be_stop, turn.hushed = may_be_stop, hushed
        self._replies.stop_active("turn_detected")
        if hushed is None:
            self._state.memory.hear(turn.sound)

    def pause(self, at: int) -> None:
        """The turn may be over; a pause within a pause is none."""
        state, turn = self._state, self._state.turn
        assert turn is not None
        if turn.sound.end is not None:
            return
        state.memory.pause(turn.sound, at)
        if turn.hushed is not None:
            return
        if turn.may_be_stop:
            state.ask(turn.sound.start, at)
        quiet = state.active is None and state.prepared is None and not state.memory.busy
        if quiet and state.settings.speculate and state.settings.create_response:
            self._replies.prepare(turn.item_id)

    def resume(self) -> None:
        """It goes on; a stop phrase that goes on was none."""
        state, turn = self._state, self._state.turn
        assert turn is not None
        state.asked = None
        self._replies.drop_prepared()
        state.memory.go_on(turn.sound)
        self.heed()

    def end(self, event: SpeechEnded) -> None:
        """It is over: it becomes an item, and is answered."""
        state, turn = self._state, self._state.turn
        assert turn is not None
        if turn.announced:
            state.out.append(SpeechStoppedNotice(turn.item_id, event.end))
        waiting = state.unanswered
        self.commit(event.at)
        if turn.hushed is None:
            self._answer()
        else:
            state.unanswered, state.answer_later = waiting, False
            state.unheard.add(turn.item_id)
            write_transcript(state, turn.item_id, *turn.hushed)
        self.say_next()

    def hush(self, text: str, language: str) -> None:
        """What stopped the reply was a stop phrase: the model need not hear it."""
        turn = self._state.turn
        assert turn is not None
        self._replies.drop_prepared()
        self._state.memory.forget(turn.sound)
        turn.hushed = (text, language)

    def heed(self) -> None:
        """The open turn is to be answered, whatever it is."""
        turn = self._state.turn
        if turn is not None and turn.hushed is not None:
            turn.hushed = None
            self._state.memory.hear(turn.sound)

    # --- playout, and what waits for its chance -------------------------------------------------

    def deny(self) -> None:
        """What may have been speech was none, or does not matter: all goes on without it."""
        self.drop_candidate()
        if self._state.active is None:
            self.go_on()

    def drop_candidate(self) -> None:
        """What may have been speech is looked at no more."""
        self._state.candidate = self._state.asked = None
        self.resume_playout()

    def resume_playout(self) -> None:
        """A paused reply goes on."""
        state = self._state
        if state.paused and state.active is not None:
            state.out.append(ResumePlayout(state.active.generation))
        state.paused = False

    def go_on(self) -> None:
        """Nobody speaks: what came during the reply is answered, or what waits is said."""
        if self._state.answer_later and self._state.turn is None:
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
        state.turn = None
        self.deny()

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

    def idle(self, event: IdleTimedOut) -> None:
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
