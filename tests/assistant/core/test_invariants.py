"""Everything that must hold for any conversation, tried with adversarial orders of events."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.assistant.core.referee import Referee, spoken_samples
from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import events as ev
from vivavoce.assistant.core.conversation import Conversation
from vivavoce.assistant.core.ids import CountedIds
from vivavoce.assistant.core.items import (
    CallOutputItem,
    InputText,
    MessageItem,
    OutputText,
)
from vivavoce.assistant.core.settings import ResponseOptions, Settings, Tool
from vivavoce.assistant.core.state import MOST_REMEMBERED
from vivavoce.assistant.event_json import from_json, to_json

SECRET = "<call>"  # only ever in tool calls: must never be spoken
WORDS = st.sampled_from(["one", " two", " three", ""])
STEP = st.integers(0, 400).map(lambda n: 10 * n)
PHONES = st.sampled_from([None, 0.0, 3.0, 8.0])
CLIENT_TOOL, PURE_SKILL, OTHER_SKILL = f"{SECRET}client", f"{SECRET}pure", f"{SECRET}other"


def any_settings() -> st.SearchStrategy[Settings]:
    """Every combination that changes the core's ways."""
    return st.builds(
        Settings,
        turn_detection=st.booleans() | st.just(True),
        create_response=st.booleans() | st.just(True),
        interrupt_response=st.booleans() | st.just(True),
        barge_in=st.sampled_from(["instant", "polite", "polite", "wait", "off"]),
        speculate=st.booleans() | st.just(True),
        transcribe=st.booleans(),
        modality=st.sampled_from(["audio", "audio", "audio", "text"]),
        instructions=st.sampled_from(["", "", "be brief"]),
        tools=st.sampled_from([(), (Tool(CLIENT_TOOL),)]),
        tool_choice=st.sampled_from(["auto", "auto", "none", "required"]),
        pure_skills=st.just(frozenset({PURE_SKILL})),
    )


def any_options() -> st.SearchStrategy[ResponseOptions]:
    return st.builds(
        ResponseOptions,
        modality=st.sampled_from([None, "text", "audio"]),
        tools=st.sampled_from([None, (), (Tool(CLIENT_TOOL),)]),
        tool_choice=st.sampled_from([None, "required", CLIENT_TOOL, "none"]),
        in_conversation=st.booleans() | st.just(True),
        input_ids=st.none() | st.just(()),
    )


class AnyConversation(RuleBasedStateMachine):
    """The world around a conversation, with no manners."""

    @initialize(begin=any_settings())
    def start(self, begin: Settings) -> None:
        self.begin = begin
        self.core = Conversation(begin, CountedIds())
        self.referee = Referee()
        self.log: list[tuple[ev.Event, list[fx.Effect]]] = []
        self.now = 0
        self.generations: list[int] = []
        self.calls: list[tuple[int, str]] = []
        self.tokens: dict[int, int] = {}
        self.n_calls = 0

    def happen(self, event: ev.Event) -> list[fx.Effect]:
        effects = self.core.receive(event)
        self.log.append((event, effects))
        self.referee.watch(event, effects)
        for effect in effects:
            if isinstance(effect, fx.Prepare | fx.StartReply):
                self.generations.append(effect.generation)
            elif isinstance(effect, fx.RunTool):
                self.calls.append((effect.generation, effect.call_id))
        self.sound_is_bounded()
        self.speech_is_owed_a_verdict()
        return effects

    def later(self, by: int) -> int:
        self.now += by
        return self.now

    def generation(self, data: st.DataObject) -> int:
        """Mostly the newest, sometimes one long gone or never made."""
        if not self.generations:
            return 1
        return data.draw(
            st.just(self.generations[-1])
            | st.just(self.generations[-1])
            | st.sampled_from(self.generations)
            | st.just(self.generations[-1] + 1)
        )

    # --- the user ----------------------------------------------------------------------------

    @rule(
        by=STEP,
        kind=st.sampled_from(
            [
                ev.SpeechSuspected,
                ev.SpeechDenied,
                ev.SpeechConfirmed,
                ev.SpeechPaused,
                ev.SpeechResumed,
                ev.BargeInDenied,
                ev.InputAppended,
            ]
        ),
    )
    def voice(self, by: int, kind: Any) -> None:
        self.happen(kind(self.later(by)))

    @rule(by=STEP, before=STEP)
    def speech_starts(self, by: int, before: int) -> None:
        at = self.later(by)
        self.happen(ev.SpeechStarted(max(at - before, 0), at))

    @rule(by=STEP, before=STEP)
    def speech_ends(self, by: int, before: int) -> None:
        at = self.later(by)
        self.happen(ev.SpeechEnded(max(at - before, 0), at))

    @rule(
        by=st.integers(100, 400).map(lambda n: 10 * n), pause=st.booleans(), confirm=st.booleans()
    )
    def speaks_a_turn(self, by: int, pause: bool, confirm: bool) -> None:
        """The well-mannered order, so that deep states are reached often."""
        start = self.now
        self.happen(ev.SpeechSuspected(self.later(by)))
        self.happen(ev.SpeechStarted(start, self.later(by)))
        if confirm:
            self.happen(ev.SpeechConfirmed(self.later(by)))
        self.happen(ev.SpeechPaused(self.later(by)))
        if pause:
            self.happen(ev.SpeechResumed(self.later(by)))
            self.happen(ev.SpeechPaused(self.later(by)))
        self.happen(ev.SpeechEnded(self.now, self.later(by)))

    @rule(
        by=st.integers(10, 60).map(lambda n: 10 * n),
        words=st.sampled_from(["mhm", "", "stop", "no", None]),
        sure=st.booleans(),
        n_phones=PHONES,
        when=st.sampled_from(["pause", "end", "goes on"]),
        confirm=st.booleans(),
    )
    def says_something_short(
        self,
        by: int,
        words: str | None,
        sure: bool,
        n_phones: float | None,
        when: str,
        confirm: bool,
    ) -> None:
        """During a reply, if one can be had: speech whose words become known while it pauses, is
        over, or not at all; it may go on."""
        self.happen(ev.SpeechEnded(self.now, self.later(by)))
        if self.core._state.active is None:
            self.happen(ev.ResponseRequested())
        if self.generations:
            self.happen(ev.ReplyAudio(self.generations[-1], b"\0\0" * 2000, 0))
        start = self.now
        self.happen(ev.SpeechSuspected(self.later(by)))
        self.happen(ev.SpeechStarted(start, self.later(by)))
        if confirm:
            self.happen(ev.SpeechConfirmed(self.later(by)))
        self.happen(ev.SpeechPaused(self.later(by)))
        if when != "end":
            self.recognises(self.core._state.asked, words, sure, n_phones)
        if when == "goes on":
            self.happen(ev.SpeechResumed(self.later(by)))
            self.happen(ev.SpeechPaused(self.later(by)))
        self.happen(ev.SpeechEnded(self.now, self.later(by)))
        if when == "end":
            self.recognises(self.core._state.asked, words, sure, n_phones)

    @rule(
        back=st.sampled_from([0, 0, 0, 1, 2]),
        words=st.sampled_from(["mhm", "", "stop", "no", None]),
        sure=st.booleans(),
        n_phones=PHONES,
    )
    def words_become_known(
        self, back: int, words: str | None, sure: bool, n_phones: float | None
    ) -> None:
        self.recognises(self.core._state.n_asked - back, words, sure, n_phones)

    def recognises(
        self, number: int | None, words: str | None, sure: bool, n_phones: float | None
    ) -> None:
        """An answer; one that nobody waits for changes nothing."""
        awaited = number is not None and number == self.core._state.asked
        effects = self.happen(ev.Recognised(number or 0, words, "en", sure, n_phones))
        assert awaited or not effects, "an answer came too late and did something"

    @rule(by=STEP)
    def silence(self, by: int) -> None:
        self.happen(ev.IdleTimedOut(self.now, self.later(by)))

    # --- the client --------------------------------------------------------------------------

    @rule(by=STEP, request=st.sampled_from([ev.CommitRequested, ev.ClearRequested]))
    def buffer_request(self, by: int, request: Any) -> None:
        self.happen(request(self.later(by), "evt"))

    @rule(options=any_options(), text=st.booleans(), interrupt=st.booleans())
    def asks_for_a_response(self, options: ResponseOptions, text: bool, interrupt: bool) -> None:
        items = (MessageItem("", "user", (InputText("hi"),)),) if text else ()
        self.happen(ev.ResponseRequested(options, items, "evt", interrupt))

    @rule()
    def daemon_has_something_to_say(self) -> None:
        self.happen(ev.SayRequested("your timer is done"))

    @rule(data=st.data())
    def cancels(self, data: st.DataObject) -> None:
        ids = [None, "nonsense", *self.referee.responses, *self.referee.ended]
        self.happen(ev.CancelRequested(data.draw(st.sampled_from(ids)), "evt"))

    @rule(data=st.data())
    def adds_an_item(self, data: st.DataObject) -> None:
        known = [item.id for item in self.core.history]
        after = data.draw(st.sampled_from([None, None, None, "root", "nonsense", *known]))
        item_id = data.draw(st.sampled_from(["", "", "mine", *known]))
        item = MessageItem(item_id, "user", (InputText("written"),))
        self.happen(ev.ItemCreateRequested(item, after, "evt"))

    @rule(data=st.data())
    def answers_a_call(self, data: st.DataObject) -> None:
        calls = [i.call_id for i in self.core.history if hasattr(i, "name")]
        call_id = data.draw(st.sampled_from(["nonsense", *calls]))
        self.happen(ev.ItemCreateRequested(CallOutputItem("", call_id, "done"), None, "evt"))
        self.happen(ev.ResponseRequested(event_id="evt"))

    @rule(
        data=st.data(), request=st.sampled_from([ev.ItemDeleteRequested, ev.ItemRetrieveRequested])
    )
    def item_request(self, data: st.DataObject, request: Any) -> None:
        known = [item.id for item in self.core.history]
        self.happen(request(data.draw(st.sampled_from(["nonsense", *known])), "evt"))

    @rule(data=st.data(), end_ms=st.integers(-10, 400), index=st.sampled_from([0, 0, 0, 1]))
    def truncates(self, data: st.DataObject, end_ms: int, index: int) -> None:
        known = [item.id for item in self.core.history]
        newest = known[-1:] * 3
        item_id = data.draw(st.sampled_from(["nonsense", *known, *newest]))
        self.happen(ev.TruncateRequested(item_id, index, end_ms, "evt"))

    @rule(new=any_settings())
    def changes_settings(self, new: Settings) -> None:
        self.happen(ev.SettingsChanged(new))

    # --- the model ---------------------------------------------------------------------------

    @rule(data=st.data(), text=WORDS, n_samples=st.integers(0, 2000))
    def model_speaks(self, data: st.DataObject, text: str, n_samples: int) -> None:
        generation = self.generation(data)
        token = self.tokens.get(generation, 0)
        self.tokens[generation] = token + 1
        self.happen(ev.ReplyText(generation, text, token))
        self.happen(ev.ReplyAudio(generation, b"\0\0" * n_samples, token))

    @rule(data=st.data())
    def model_hears(self, data: st.DataObject) -> None:
        self.happen(ev.ReplyHeard(self.generation(data), "what was said", "en"))

    @rule(
        data=st.data(),
        name=st.sampled_from([CLIENT_TOOL, PURE_SKILL, OTHER_SKILL]),
        needs_result=st.booleans(),
        go_on=st.booleans(),
    )
    def model_calls(self, data: st.DataObject, name: str, needs_result: bool, go_on: bool) -> None:
        generation = self.generation(data)
        self.n_calls += 1
        call_id = f"{SECRET}{self.n_calls}"
        arguments = json.dumps({SECRET: 1})
        self.happen(ev.ReplyToolCall(generation, call_id, name, arguments, needs_result))
        if needs_result:
            self.tokens[generation] = 0
            self.happen(ev.ReplyDone(generation, "tool_calls", ev.UsageCount(1, 2, 3, 4)))
            if go_on and (generation, call_id) in self.calls:
                self.happen(ev.ToolReturned(generation, call_id, "result"))

    @rule(data=st.data())
    def tool_returns(self, data: st.DataObject) -> None:
        generation, call_id = data.draw(st.sampled_from([(0, "nonsense"), *self.calls]))
        self.happen(ev.ToolReturned(generation, call_id, "result"))

    @rule(data=st.data(), reason=st.sampled_from(["completed", "completed", "max_tokens"]))
    def model_is_done(self, data: st.DataObject, reason: Any) -> None:
        self.happen(ev.ReplyDone(self.generation(data), reason, ev.UsageCount(1, 1, 1, 1)))

    @rule(data=st.data())
    def model_fails(self, data: st.DataObject) -> None:
        self.happen(ev.ReplyFailed(self.generation(data), "it broke"))

    @rule(data=st.data())
    def model_has_cut(self, data: st.DataObject) -> None:
        self.happen(
            ev.DialogueTruncated(self.generation(data), data.draw(st.integers(0, 9000)), "one")
        )

    @rule(data=st.data())
    def model_transcribes(self, data: st.DataObject) -> None:
        known = ["nonsense", *(item.id for item in self.core.history)]
        item_id = data.draw(st.sampled_from(known))
        failed = data.draw(st.booleans())
        self.happen(
            ev.TranscribeFailed(item_id, "no") if failed else ev.Transcribed(item_id, "yes", "en")
        )

    # --- the loudspeaker ---------------------------------------------------------------------

    @rule(data=st.data(), sent=st.integers(-5, 9000), heard=st.integers(-5, 9000))
    def playout_advances(self, data: st.DataObject, sent: int, heard: int) -> None:
        self.happen(ev.PlayoutAdvanced(self.generation(data), sent, heard))

    @rule(data=st.data())
    def playout_has_left(self, data: st.DataObject) -> None:
        self.happen(ev.PlayoutSent(self.generation(data)))

    @rule(data=st.data(), heard=st.none() | st.integers(-5, 9000))
    def playout_drains(self, data: st.DataObject, heard: int | None) -> None:
        self.happen(ev.PlayoutDrained(self.generation(data), heard))

    # --- what must hold ----------------------------------------------------------------------

    def sound_is_bounded(self) -> None:
        """heard <= sent <= generated, and no item claims more."""
        state = self.core._state
        for item_id, spoken in state.spoken.items():
            ledger = spoken.ledger
            generated = self.referee.generated.get(spoken.generation, 0)
            assert 0 <= ledger.heard <= ledger.sent <= ledger.generated <= generated
            n_samples = spoken_samples(state.history.get(item_id))
            assert n_samples is None or 0 <= n_samples <= ledger.sent

    def speech_is_owed_a_verdict(self) -> None:
        """Speech during a reply is waited for as long as it is undecided, and no longer."""
        state = self.core._state
        candidate = state.candidate
        assert candidate is None or state.turn is None, "a turn and a candidate at once"
        if candidate is not None and not candidate.murmured and not candidate.by_length:
            assert state.asked is not None, "undecided, and nobody is asked"
        assert not state.paused or state.active is not None, "nothing is paused"
        assert state.paused == self.referee.paused, "paused, or not, and the outlet knows better"

    @precondition(lambda self: hasattr(self, "core") and self.quiet())
    @rule()
    def memory_is_the_history(self) -> None:
        """At rest the model remembers what the conversation holds, no more and no less."""
        state = self.core._state
        if state.memory._stale:
            return  # it is opened afresh from the history before it is next used
        held = {("item", item.id) for item in state.history}
        remembered = self.remembered()
        assert remembered <= held, f"remembers too much: {remembered - held}"
        silent = {("item", i.id) for i in state.history if not self.is_for_model(i)}
        held = {("item", item.id) for item in list(state.history)[-MOST_REMEMBERED:]}
        assert held - remembered <= silent, f"forgot: {held - remembered}"
        self.cuts_agree()

    def cuts_agree(self) -> None:
        """A reply is cut in the model's memory exactly where its item is."""
        state = self.core._state
        for item_id, spoken in state.spoken.items():
            n_samples = spoken_samples(state.history.get(item_id))
            for kind, generation, *rest in self.referee.model.memory.entries:
                cut = rest[0] if rest else None
                if kind == "reply" and generation == spoken.generation and n_samples is not None:
                    whole = spoken.ledger.generated if cut is None else cut
                    start = 0 if cut is None else spoken.ledger.round_start
                    assert n_samples == start + whole, f"{item_id}: {n_samples}, model {cut}"

    def quiet(self) -> bool:
        state = self.core._state
        return state.active is None and state.prepared is None and state.turn is None

    def remembered(self) -> set[tuple[str, str]]:
        """The model's entries as items: sounds by their spans, replies by their items."""
        kept = [e for _, effects in self.log for e in effects if isinstance(e, fx.KeepAudio)]
        state = self.core._state
        spoken: dict[int, list[str]] = {}
        for item_id, record in state.spoken.items():
            spoken.setdefault(record.generation, []).append(item_id)
        found: set[tuple[str, str]] = set()
        heard: set[int] = set()
        for entry in self.referee.model.memory.entries:
            if entry[0] == "item":
                found.add(("item", entry[1]))
            elif entry[0] == "sound":
                heard |= set(range(entry[1], entry[2], 10))
            else:
                found |= {("item", item_id) for item_id in spoken.get(entry[1], ())}
        for effect in kept:
            span = set(range(effect.start, effect.end, 10))
            if span <= heard:
                found.add(("item", effect.item_id))
                heard -= span
        assert not heard, "the model heard what belongs to no item"
        return found

    def is_for_model(self, item: Any) -> bool:
        """Calls and texts the model made itself are in its replies, whatever the items say.

        A stop phrase is the daemon's affair.
        """
        if item.id in self.core._state.unheard:
            return False
        if isinstance(item, MessageItem) and item.role == "assistant":
            return item.id in self.core._state.spoken and isinstance(item.content[0], OutputText)
        return not hasattr(item, "name")

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        self.happen(ev.SessionClosed())
        self.referee.closed()
        assert self.core.receive(ev.SpeechStarted(self.now, self.now)) == []
        for text in self.referee.told_texts:
            assert SECRET not in text, "tool syntax was spoken"
        self.replays_alike()

    def replays_alike(self) -> None:
        """The same events, even written down and read back, give the same effects."""
        again = Conversation(self.begin, CountedIds())
        for event, effects in self.log:
            read_back = from_json(json.loads(json.dumps(to_json(event))))
            assert read_back == event
            assert again.receive(read_back) == effects


AnyConversation.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyConversation = AnyConversation.TestCase
