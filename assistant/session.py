"""One live conversation: sound and requests in, notices and sound out.

    engine = Engine(model)                                  # one for the whole process
    session = Session(engine, emit, SessionSettings(...), skills=SkillSet(...))
    await session.open()
    await session.append(pcm, 24000)                        # float32 [n], any cut, any pace
    session.commit(event_id="evt_1")                        # requests: one method each
    await session.close()

`emit(notice)` is called on the event loop, one notice after another in the order of the wire;
it must not block. Every complaint about a request is a ProtocolError notice with its event_id.

    append -> Ears -> Hearing --+
    requests -------------------+-> inbox -> Conversation -> effects -> Line (model)
    model, outlet, skills ------+                                   \\-> Outlet, skills, emit
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import cast, get_args

from ..streaming.frames import Pcm
from ..streaming.patience import AFTER_QUESTION
from ..streaming.playout import Notice as PlayoutNotice
from ..streaming.playout import Playout
from .core import effects as core
from .core import events
from .core.bargein import yields
from .core.conversation import Conversation
from .core.effects import Effect
from .core.events import ClientEvent, Event, SpeechEvent
from .core.ids import CountedIds
from .core.items import InputAudio, MessageItem, OutputAudio, OutputText
from .core.notices import AudioDelta, ItemDeleted, Notice, ResponseDone
from .core.questions import is_question
from .ears import Attention, Ears
from .engine import Engine
from .hearing import Hearing
from .languages import known_language
from .model_items import arguments_of
from .outlet import LocalOutlet, Outlet, RemoteOutlet
from .recognition import Recognition
from .recorder import Recorder
from .session_requests import SessionRequests
from .session_settings import SessionSettings, at_rates_of
from .skills.registry import SkillSet
from .skills.wording import WORDINGS, words_in
from .sound_store import SoundStore
from .turn_times import TurnClock, TurnTimes

log = logging.getLogger(__name__)

Emit = Callable[[Notice], None]

LONGEST_PAUSE_S = 3.0
"""A reply paused for a voice goes on after so long without a verdict: no more sound may come."""
SLICE_S = 0.1
"""Input is handled in slices of this length; after each the event loop may do other things."""
_NOTICES = get_args(Notice)
_OUTLET = get_args(core.OutletEffect)
_ASKS_ABOUT_HEARING = (*get_args(SpeechEvent), *get_args(ClientEvent), events.ReplyFailed)
"""Before these the core is told how much of the reply was heard."""


class Session(SessionRequests):
    """See the module's text. Everything happens on the event loop that made it.

    Args:
        engine: runs the model.
        emit: takes the notices.
        settings: how it begins.
        skills: what the daemon itself can do; None nothing.
        playout: this machine's loudspeaker; None for a client that plays. Its owner hands the
            loudspeaker's notices to `playout_noticed`.
        seed: goes into every id.
        recorder: writes everything down.
        on_turn: is told the times of each spoken turn.
    """

    def __init__(
        self,
        engine: Engine,
        emit: Emit,
        settings: SessionSettings | None = None,
        skills: SkillSet | None = None,
        playout: Playout | None = None,
        seed: str = "",
        recorder: Recorder | None = None,
        on_turn: Callable[[TurnTimes], None] | None = None,
    ) -> None:
        self._settings = at_rates_of(engine.model, settings or SessionSettings())
        loop, rates = asyncio.get_running_loop(), self._settings.core
        self._emit = emit
        self._skills = skills
        if skills is not None:
            skills.set_ring(self.say)
        self._recorder = recorder
        self._seed = seed
        self._n_given = 0
        self._conversation = Conversation(rates, CountedIds(seed))
        self._sounds = SoundStore()
        self._line = engine.line(self._happened, self._sounds.heard)
        self._ears = Ears(rates.input_rate_hz)
        self._attention = Attention(self._ears, self._line.listen)
        self._recognition = Recognition(self._ears, self._line, self._happened)
        self._hearing = Hearing(
            self._settings.endpoint,
            self._settings.vad,
            self._settings.patience,
            echo=playout is not None,
            yields=yields(self._settings.core),
        )
        self._outlet = self._make_outlet(playout)
        self._times = TurnClock(rates.input_rate_hz, loop.time, on_turn or (lambda times: None))
        self._inbox: deque[Event] = deque()
        self._pumping = False
        self._playing: int | None = None
        self._pause_limit: asyncio.TimerHandle | None = None
        self._quiet_since: int | None = None
        self._closed = False

    # --- life --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Have the model open its dialogue; sound and requests may come right after."""
        if self._recorder is not None:
            self._recorder.begin(self._settings.core, self._seed, self._settings.output_rate_hz)
        self._line.written_language = self._settings.written_language
        self._line.open(self._settings.core)

    async def close(self) -> None:
        """End everything that is open; twice is fine."""
        if self._closed:
            return
        self._happened(events.SessionClosed())
        self._closed = True
        self._limit_pause(False)
        self._recognition.close()
        self._outlet.close()
        self._line.close()
        if self._skills is not None:
            self._skills.close()
        if self._recorder is not None:
            self._recorder.close()

    def configure(self, settings: SessionSettings) -> None:
        """Change the settings; what a model must know takes effect between replies."""
        old, settings = self._settings, at_rates_of(self._line.engine.model, settings)
        self._settings = settings
        self._line.written_language = settings.written_language
        self._hearing.yields = yields(settings.core)
        for event in self._hearing.configure(
            settings.endpoint, settings.vad, settings.patience, self._ears.end
        ):
            self._happened(event)
        if settings.core.turn_detection and not old.core.turn_detection:
            self._hearing.restart(self._ears.end)
        if settings.core != old.core:
            self._happened(events.SettingsChanged(settings.core))

    # --- sound in ----------------------------------------------------------------------------

    async def append(self, pcm: Pcm, rate_hz: int) -> None:
        """The user's next samples [n] at rate_hz; time is counted in samples, whatever the pace."""
        size = max(int(SLICE_S * rate_hz), 1)
        for start in range(0, len(pcm), size):
            if start:
                await asyncio.sleep(0)
            self._hear(self._ears.feed(pcm[start : start + size], rate_hz))

    def _hear(self, new: Pcm) -> None:
        if self._closed or not len(new):
            return
        if self._recorder is not None:
            self._recorder.heard(new)
        if self._settings.core.turn_detection:
            for event in self._hearing.feed(new):
                self._happened(event)
            self._watch_quiet()
        else:
            self._happened(events.InputAppended(self._ears.end))
        self._attention.go_on()
        self._recognition.go_on()
        self._ears.forget(self._conversation.oldest_input_needed)

    def _watch_quiet(self) -> None:
        """After a reply, silence for too long lets the assistant speak up."""
        timeout_ms, since = self._settings.idle_timeout_ms, self._quiet_since
        if timeout_ms is None or since is None:
            return
        if self._hearing.answers:
            timeout_ms = round(timeout_ms * AFTER_QUESTION)
        if self._conversation.speaking or self._conversation.listening:
            self._quiet_since = None
        elif self._ears.end - since >= timeout_ms * self._ears.rate_hz // 1000:
            self._quiet_since = None
            self._happened(events.IdleTimedOut(since, self._ears.end))

    def far_end(self, active: bool) -> None:
        """Whether the loudspeaker, ours or the client's, sounds in what is appended next."""
        self._hearing.far_end(active)

    # --- views -------------------------------------------------------------------------------

    @property
    def speaking(self) -> bool:
        """A reply is being made or played."""
        return self._conversation.speaking

    @property
    def listening(self) -> bool:
        """The user's turn is open."""
        return self._conversation.listening

    def item_audio(self, item_id: str) -> tuple[bytes, int] | None:
        """PCM16 of an item (user or assistant) and its rate_hz, None where there is none."""
        item = self._conversation.history.get(item_id)
        if not isinstance(item, MessageItem):
            return None
        for part in item.content:
            if isinstance(part, InputAudio | OutputAudio):
                pcm16 = self._sounds.pcm16(item_id, part.n_samples)
                spoken = isinstance(part, OutputAudio)
                core_settings = self._settings.core
                rate = core_settings.output_rate_hz if spoken else core_settings.input_rate_hz
                return None if pcm16 is None else (pcm16, rate)
        return None

    def playout_noticed(self, notice: PlayoutNotice) -> None:
        """What this machine's loudspeaker says; on the event loop."""
        if isinstance(self._outlet, LocalOutlet):
            self._outlet.noticed(notice)

    # --- events in, effects out --------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        """Take an event; effects that make new ones find the pump running and queue them."""
        if self._closed:
            return
        self._inbox.append(event)
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._inbox:
                self._handle(self._inbox.popleft())
        finally:
            self._pumping = False

    def _handle(self, event: Event) -> None:
        self._times.happened(event)
        if isinstance(event, events.Recognised):
            self._recognition.answered(event.number)
        if isinstance(event, _ASKS_ABOUT_HEARING) and self._playing is not None:
            progress = self._outlet.progress(self._playing)
            self._receive(events.PlayoutAdvanced(self._playing, progress.sent, progress.heard))
        self._receive(event)

    def _receive(self, event: Event) -> None:
        preparing = self._conversation.preparing
        if isinstance(event, events.ReplyHeard) and event.generation == preparing:
            self._hearing.judged(event.complete)
        effects = self._conversation.receive(event)
        if self._recorder is not None:
            self._recorder.happened(event, effects)
        for effect in effects:
            try:
                self._carry_out(effect)
            except Exception:  # one effect's failure must not stop those after it
                log.exception("could not carry out %s", type(effect).__name__)

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, _NOTICES):
            self._tell(effect)
        elif isinstance(effect, core.Listen):
            self._attention.listen(effect.start)
        elif isinstance(effect, core.StopListening):
            self._attention.stop(effect.end)
        elif isinstance(effect, _OUTLET):
            self._play(effect)
        elif isinstance(effect, core.RunTool):
            self._run(effect)
        elif isinstance(effect, core.Recognise):
            self._recognition.ask(effect)
        elif isinstance(effect, core.KeepAudio):
            self._sounds.keep_heard(effect.item_id, self._ears.read(effect.start, effect.end))
        else:
            if isinstance(effect, core.StartReply | core.Commit):
                self._outlet.open(effect.generation, self._settings.output_rate_hz)
            self._line.do(cast(core.EngineEffect, effect))

    def _tell(self, notice: Notice) -> None:
        if isinstance(notice, ResponseDone):
            self._reply_over(notice)
        elif isinstance(notice, ItemDeleted):
            self._sounds.forget(notice.item_id)
        self._emit(notice)

    def _reply_over(self, notice: ResponseDone) -> None:
        """The silence after it is counted from here: its sound has ended."""
        parts = [p for i in notice.response.output if isinstance(i, MessageItem) for p in i.content]
        said = " ".join(p.transcript for p in parts if isinstance(p, OutputAudio))
        written = " ".join(p.text for p in parts if isinstance(p, OutputText))
        completed = notice.response.status == "completed"
        said = said or written
        self._hearing.asked(completed and is_question(said))
        if any(action.name == "repeat" for action in notice.response.actions):
            said = ""  # or it would say that it said that it said ...
        if self._skills is not None:
            self._skills.remember_said(said)
        self._quiet_since = self._ears.end

    def _play(self, effect: core.OutletEffect) -> None:
        if not isinstance(effect, core.PlayAudio | core.FinishPlayout):
            self._limit_pause(isinstance(effect, core.PausePlayout))
        if isinstance(effect, core.PlayAudio):
            self._playing = effect.generation
            self._sounds.add_said(effect.item_id, effect.pcm)
            self._outlet.play(effect)
        elif isinstance(effect, core.FinishPlayout):
            self._outlet.finish(effect.generation)
        elif isinstance(effect, core.PausePlayout):
            self._outlet.pause(effect.generation)
        elif isinstance(effect, core.ResumePlayout):
            self._outlet.resume(effect.generation)
        elif isinstance(effect, core.StopPlayout):
            self._outlet.stop(effect.generation)
            self._playing = None

    def _limit_pause(self, paused: bool) -> None:
        """A client that stops sending right after the first voice must not silence the reply."""
        if self._pause_limit is not None:
            self._pause_limit.cancel()
            self._pause_limit = None
        if paused:
            loop = asyncio.get_running_loop()
            self._pause_limit = loop.call_later(LONGEST_PAUSE_S, self.deny_barge_in)

    def _sent(self, delta: AudioDelta) -> None:
        self._times.told(delta)
        if self._recorder is not None:
            self._recorder.said(delta.pcm)
        self._emit(delta)

    def _all_sent(self, generation: int) -> None:
        self._happened(events.PlayoutSent(generation))

    def _drained(self, generation: int, heard: int | None = None) -> None:
        self._happened(events.PlayoutDrained(generation, heard))

    def _run(self, effect: core.RunTool) -> None:
        """Skills are quick; what they answer is an event like any other."""
        language = known_language(effect.language, tuple(WORDINGS)) or ""
        if self._skills is None:
            output = words_in(language).say("sorry_unknown")
            log.warning("the model wants %s, and there are no skills", effect.name)
        else:
            output = self._skills.run(effect.name, arguments_of(effect.arguments), language).output
        if effect.awaited:
            self._happened(events.ToolReturned(effect.generation, effect.call_id, output))

    # --- inside ------------------------------------------------------------------------------

    def _make_outlet(self, playout: Playout | None) -> Outlet:
        rate_hz = self._settings.core.output_rate_hz
        if playout is not None:
            return LocalOutlet(playout, self._drained, rate_hz)
        lead_ms = self._settings.send_lead_ms
        return RemoteOutlet(self._sent, self._drained, rate_hz, lead_ms, sent=self._all_sent)


__all__ = ["Emit", "Session", "SessionSettings"]
