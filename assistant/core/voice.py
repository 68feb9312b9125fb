"""The user's voice: what opens, pauses and ends turns, and what of it interrupts a reply.

While nobody else speaks, speech is a turn at once. During a reply it is a candidate first:

    started ──> asked ──words──────────────> turn: the reply stops, or goes on (preset "wait")
                 │ ▲ └──"stop", then pause─> turn that nobody answers: the reply stops
          murmur,│ │ speech goes on
          nothing│ │
                 ▼ │
               murmured ──ended──> forgotten; the reply has gone on meanwhile

Its words are asked for when it has lasted a while, when it pauses, and again where it goes on
without having said anything. Where they cannot be read it counts by how many different phones
it had, for a murmur has few. Where it had words of which none are sure, and the model tells no
phones, its length decides, as it does where the model tells nothing in time.
"""

from __future__ import annotations

from dataclasses import replace

from .bargein import verdict
from .effects import PausePlayout
from .events import (
    BargeInDenied,
    IdleTimedOut,
    Recognised,
    SpeechConfirmed,
    SpeechDenied,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
)
from .phrases import Said, judge
from .questions import is_question
from .replies import Replies
from .state import Candidate, State
from .turns import Turns

FIRST_LOOK_MS = 380
"""So long after its first voiced sample, or at its first pause, its words are asked for."""
AGAIN_MS = 80
"""Speech that has said nothing yet is looked at again after so long."""
PHONES_PER_S = 4.5
"""So many different phones a second at least are read in one person's speech; in a murmur that is
drawn out, and in many people who talk at once, there are fewer.
"""
UNSURE_WORDS = 0.5
"""So many phones less it takes where words were read, though none that are sure."""
LONGEST_MURMUR_MS = 1500
"""A voice that has said nothing for so long is let go on, and the reply too."""
BEFORE_RESUMED_MS = 150
"""What follows a murmur begins at most so long before the pause between the two was noticed."""


class Voice:
    """Moves turns and barge-ins by what is heard."""

    def __init__(self, state: State, replies: Replies, turns: Turns) -> None:
        self._state = state
        self._replies = replies
        self._turns = turns

    def receive(self, event: SpeechEvent) -> None:
        """Take what was heard of the user's voice."""
        if isinstance(event, BargeInDenied):
            self._turns.deny()
        elif isinstance(event, IdleTimedOut):
            self._turns.idle(event)
        elif isinstance(event, Recognised):
            self._recognised(event)
        elif self._state.settings.turn_detection:
            self._heard(event)

    def reply_ended(self) -> None:
        """The reply is over: speech it did not yield to becomes a turn, or gets its answer.

        Speech that has paused meanwhile waits for its words: it may have been a murmur.
        """
        state = self._state
        candidate = state.candidate
        if state.closed or state.active is not None:
            return
        if candidate is None or candidate.murmured or state.turn is not None:
            self._turns.go_on()
        elif not candidate.over or state.asked is None:
            self._becomes_turn(candidate)

    # --- stages of speech --------------------------------------------------------------------

    def _heard(self, event: SpeechEvent) -> None:
        if isinstance(event, SpeechSuspected):
            self._suspected()
        elif isinstance(event, SpeechDenied):
            self._let_go()
        elif isinstance(event, SpeechStarted):
            self._started(event)
        elif isinstance(event, SpeechConfirmed):
            self._confirmed()
        elif isinstance(event, SpeechPaused):
            self._paused(event.at)
        elif isinstance(event, SpeechResumed):
            self._resumed(event.at)
        elif isinstance(event, SpeechEnded):
            self._ended(event)

    def _suspected(self) -> None:
        state = self._state
        if state.active is None or state.paused or state.turn is not None:
            return
        if verdict(state.settings, "suspected") == "pause":
            state.paused = True
            state.out.append(PausePlayout(state.active.generation))

    def _let_go(self) -> None:
        """A paused reply goes on, unless it still waits for the words of something."""
        candidate = self._state.candidate
        if candidate is None or candidate.murmured:
            self._turns.resume_playout()

    def _started(self, event: SpeechStarted) -> None:
        state = self._state
        start = max(event.start, state.buffer_start)
        if state.turn is not None:
            return
        before, state.candidate = state.candidate, None
        if state.active is None:
            state.asked = None
            self._turns.open(start)
            return
        decision = verdict(state.settings, "started")
        if decision == "stop":
            self._turns.interrupt(start)
        elif decision == "queue":
            self._turns.open(start)
        elif decision == "ask":
            voiced = event.at if event.first_voiced is None else event.first_voiced
            may_be_echo = event.may_be_echo
            if before is not None and not before.murmured:  # the last words are not known yet
                start, may_be_echo = min(start, before.start), may_be_echo or before.may_be_echo
            state.candidate = Candidate(start, voiced, may_be_echo)
            self._ask(state.candidate, max(event.at, voiced + self._first_look))

    def _confirmed(self) -> None:
        candidate = self._state.candidate
        if candidate is not None:
            candidate.long = True
            if candidate.by_length and not candidate.murmured:
                self._understood(candidate)

    def _paused(self, at: int) -> None:
        candidate = self._state.candidate
        if self._state.turn is not None:
            self._turns.pause(at)
        elif candidate is None:
            self._turns.resume_playout()
        elif candidate.murmured:
            self._forget_until(candidate, at)
        else:
            candidate.paused_at = at
            self._ask(candidate, at)

    def _resumed(self, at: int) -> None:
        state, candidate = self._state, self._state.candidate
        if state.turn is not None:
            self._turns.resume()
        elif candidate is None:
            self._replies.drop_prepared()
        elif state.active is None:
            candidate.paused_at = None
            self._becomes_turn(candidate)
        else:
            candidate.paused_at = None
            if candidate.murmured:
                candidate.murmured, candidate.voiced = False, at
                self._suspected()
                self._ask(candidate, at + self._first_look)

    def _ended(self, event: SpeechEnded) -> None:
        state, candidate = self._state, self._state.candidate
        if state.turn is not None:
            self._turns.end(event)
        elif candidate is not None and state.asked is not None and not candidate.murmured:
            candidate.ended = event
        else:
            self._turns.deny()

    # --- candidates --------------------------------------------------------------------------

    def _recognised(self, event: Recognised) -> None:
        """The words of a stretch of speech; those asked for before it are of no interest."""
        state, candidate, turn = self._state, self._state.candidate, self._state.turn
        if event.number != state.asked:
            return
        state.asked = None
        said = self._judged(event)
        if candidate is not None and turn is None:
            if candidate.may_be_echo:  # an echo has as many phones as what it is the echo of
                event = replace(event, n_phones=None)
            self._decide(candidate, self._weighed(candidate, said, event.n_phones), event)
        elif turn is not None and turn.may_be_stop and said == "stop":
            self._turns.hush(event.text or "", event.language)

    def _judged(self, event: Recognised) -> Said | None:
        if event.text is None:
            return None
        settings, active = self._state.settings, self._state.active
        asks = active is not None and is_question(active.ledger.text)
        return judge(
            event.text, event.sure, settings.backchannels, settings.stop_phrases, to_question=asks
        )

    def _weighed(
        self, candidate: Candidate, said: Said | None, n_phones: float | None
    ) -> Said | None:
        """Where words are missing or unsure: it is speech if enough phones came in its time."""
        if n_phones is None or said not in ("nothing", "unsure"):
            return said
        settings = self._state.settings
        lasted_s = (candidate.asked_to - candidate.voiced) / settings.input_rate_hz
        enough = settings.confirm_phones - (UNSURE_WORDS if said == "unsure" else 0.0)
        enough = max(enough, PHONES_PER_S * lasted_s)
        return "words" if n_phones >= enough else said

    def _decide(self, candidate: Candidate, said: Said | None, event: Recognised) -> None:
        if self._state.active is None:  # the reply has ended meanwhile
            self._decide_after_all(candidate, said)
            return
        candidate.by_length = said is None or (said == "unsure" and event.n_phones is None)
        waits = verdict(self._state.settings, "understood") == "queue"
        in_doubt = candidate.long or (said is None and waits)  # better queued in vain than lost
        if said == "stop":
            self._silenced(candidate, event)
        elif said == "words" or (candidate.by_length and in_doubt):
            self._understood(candidate)
        elif candidate.over:
            self._murmured(candidate)
        elif said is not None:
            self._ask_again(candidate)

    def _decide_after_all(self, candidate: Candidate, said: Said | None) -> None:
        """Its words are known, and there is no reply left to go on: a murmur, or a turn."""
        if said in ("nothing", "murmur"):
            self._turns.deny()
        else:
            self._becomes_turn(candidate)

    def _silenced(self, candidate: Candidate, event: Recognised) -> None:
        """A stop phrase; while the speech goes on it may still become "stop the music"."""
        self._state.candidate = None
        hushed = (event.text or "", event.language) if candidate.over else None
        self._turns.interrupt(candidate.start, not candidate.over, hushed)
        if candidate.ended is not None:
            self._turns.end(candidate.ended)

    def _understood(self, candidate: Candidate) -> None:
        """Something was said."""
        state = self._state
        decision = verdict(state.settings, "understood")
        if decision == "stop":
            state.candidate = state.asked = None
            self._turns.interrupt(candidate.start, candidate.paused_at is None)
            self._catch_up(candidate)
        elif decision == "queue":
            self._becomes_turn(candidate)
        else:  # the preset has changed meanwhile
            self._turns.deny()

    def _becomes_turn(self, candidate: Candidate) -> None:
        self._state.candidate = self._state.asked = None
        self._turns.open(candidate.start)
        self._catch_up(candidate)

    def _catch_up(self, candidate: Candidate) -> None:
        """What has happened to the turn since it began."""
        if candidate.paused_at is not None:
            self._turns.pause(candidate.paused_at)
        if candidate.ended is not None:
            self._turns.end(candidate.ended)

    def _murmured(self, candidate: Candidate) -> None:
        """It was nothing: the reply goes on, the sound is forgotten."""
        if candidate.ended is not None:
            self._turns.deny()
            return
        candidate.murmured = True
        if candidate.paused_at is not None:
            self._forget_until(candidate, candidate.paused_at)
        self._turns.resume_playout()

    def _forget_until(self, candidate: Candidate, paused_at: int) -> None:
        before = paused_at - self._samples(BEFORE_RESUMED_MS)
        candidate.start = max(candidate.start, before)

    def _ask(self, candidate: Candidate, end: int) -> None:
        candidate.asked_to = end
        self._state.ask(candidate.start, end)

    def _ask_again(self, candidate: Candidate) -> None:
        end = candidate.asked_to + self._samples(AGAIN_MS)
        if end - candidate.start > self._samples(LONGEST_MURMUR_MS):
            self._murmured(candidate)
        else:
            self._ask(candidate, end)

    @property
    def _first_look(self) -> int:
        return self._samples(min(self._state.settings.confirm_ms, FIRST_LOOK_MS))

    def _samples(self, duration_ms: int) -> int:
        return duration_ms * self._state.settings.input_rate_hz // 1000
