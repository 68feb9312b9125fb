"""Conversations written as columns: time in ms, what happens, what the core wants done.

     590   speech starts 200      | SpeechStartedNotice Remember Listen
    1700   pause                  | StopListening Prepare
           text 0 it              |

A line without `|` is not checked; one with it names all effects, in order. The newest reply is
meant unless a line ends with `of N`. Input and output run at 16 samples a ms.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tests.assistant.core.referee import Referee
from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import events as ev
from vivavoce.assistant.core.conversation import Conversation
from vivavoce.assistant.core.ids import CountedIds
from vivavoce.assistant.core.items import CallOutputItem, InputText, MessageItem, OutputAudio
from vivavoce.assistant.core.settings import ResponseOptions, Settings, Tool

PER_MS = 16
LINE = re.compile(r"\s*(?P<time>\d+)?\s*(?P<what>[^|]*?)\s*(\|(?P<effects>.*))?$")


class Play:
    """One conversation on stage; every rule of the Referee holds throughout."""

    def __init__(self, **settings: Any) -> None:
        self.core = Conversation(Settings(**settings), CountedIds())
        self.referee = Referee()
        self.at = 0
        self.newest = 0
        self.asked = 0
        self.effects: list[fx.Effect] = []

    def __call__(self, lines: str) -> Play:
        for line in lines.strip().splitlines():
            self.line(line)
        return self

    def line(self, line: str) -> None:
        match = LINE.match(line)
        assert match is not None, line
        if match["time"]:
            self.at = int(match["time"]) * PER_MS
        effects = self.happen(self.event(match["what"]))
        if match["effects"] is not None:
            seen = [type(effect).__name__ for effect in effects]
            assert seen == match["effects"].split(), f"{line.strip()}\n  gave {' '.join(seen)}"

    def happen(self, event: ev.Event) -> list[fx.Effect]:
        effects = self.core.receive(event)
        self.referee.watch(event, effects)
        self.effects += effects
        for effect in effects:
            if isinstance(effect, fx.Prepare | fx.StartReply):
                self.newest = effect.generation
            elif isinstance(effect, fx.Recognise):
                self.asked = effect.number
        return effects

    def event(self, what: str) -> ev.Event:
        """An event from its words."""
        words, _, late = what.partition(" of ")
        generation = int(late) if late else self.newest
        name, _, rest = words.partition(" ")
        return getattr(self, f"_{name}")(rest.strip(), generation)  # type: ignore[no-any-return]

    # --- looking at what came of it ----------------------------------------------------------

    def last(self, kind: type) -> Any:
        """The newest effect of a kind."""
        return next(effect for effect in reversed(self.effects) if isinstance(effect, kind))

    def all(self, kind: type) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def said(self) -> list[str]:
        """The assistant's spoken items as they are remembered."""
        found = []
        for item in self.core.history:
            if isinstance(item, MessageItem) and item.role == "assistant":
                part = item.content[0]
                found.append(part.transcript if isinstance(part, OutputAudio) else part.text)
        return found

    # --- the vocabulary ----------------------------------------------------------------------

    def _voice(self, rest: str, generation: int) -> ev.Event:
        kinds = {"suspected": ev.SpeechSuspected, "denied": ev.SpeechDenied}
        return {**kinds, "confirmed": ev.SpeechConfirmed}[rest](self.at)

    def _speech(self, rest: str, generation: int) -> ev.Event:
        verb, _, ms = rest.partition(" ")
        when = int(ms) * PER_MS if ms else self.at
        if verb == "starts":
            return ev.SpeechStarted(when, self.at)
        return ev.SpeechEnded(when, self.at)

    def _pause(self, rest: str, generation: int) -> ev.Event:
        return ev.SpeechPaused(self.at)

    def _resume(self, rest: str, generation: int) -> ev.Event:
        return ev.SpeechResumed(self.at)

    def _idle(self, rest: str, generation: int) -> ev.Event:
        return ev.IdleTimedOut(int(rest) * PER_MS, self.at)

    def _button(self, rest: str, generation: int) -> ev.Event:
        return {"echo": ev.BargeInDenied}[rest](self.at)

    def _reads(self, rest: str, generation: int) -> ev.Event:
        """What the model reads in the speech it was last asked about; `unsure` or `nothing`.

        `3.5 phones: nothing` counts phones, too.
        """
        phones, _, words = rest.rpartition(" phones: ")
        text, sure = words.removeprefix("unsure "), not words.startswith("unsure ")
        known = {"nothing": "", "unknown": None}.get(text, text)
        n_phones = float(phones) if phones else None
        return ev.Recognised(self.asked, known, "en", sure, n_phones)

    def _append(self, rest: str, generation: int) -> ev.Event:
        return ev.InputAppended(self.at)

    def _commit(self, rest: str, generation: int) -> ev.Event:
        return ev.CommitRequested(self.at, "evt")

    def _clear(self, rest: str, generation: int) -> ev.Event:
        return ev.ClearRequested(self.at, "evt")

    def _write(self, rest: str, generation: int) -> ev.Event:
        item_id, _, text = rest.partition(" ")
        return ev.ItemCreateRequested(MessageItem(item_id, "user", (InputText(text),)))

    def _answer(self, rest: str, generation: int) -> ev.Event:
        call_id, _, output = rest.partition(" ")
        return ev.ItemCreateRequested(CallOutputItem("", call_id, output))

    def _delete(self, rest: str, generation: int) -> ev.Event:
        return ev.ItemDeleteRequested(rest, "evt")

    def _truncate(self, rest: str, generation: int) -> ev.Event:
        item_id, end_ms = rest.split()
        return ev.TruncateRequested(item_id, 0, int(end_ms), "evt")

    def _respond(self, rest: str, generation: int) -> ev.Event:
        options = ResponseOptions(in_conversation=rest != "aside")
        return ev.ResponseRequested(options, interrupt=rest == "interrupting")

    def _cancel(self, rest: str, generation: int) -> ev.Event:
        return ev.CancelRequested(rest or None, "evt")

    def _say(self, rest: str, generation: int) -> ev.Event:
        return ev.SayRequested(rest)

    def _instruct(self, rest: str, generation: int) -> ev.Event:
        return ev.SettingsChanged(replace(self.core.settings, instructions=rest))

    def _close(self, rest: str, generation: int) -> ev.Event:
        return ev.SessionClosed()

    def _heard(self, rest: str, generation: int) -> ev.Event:
        return ev.ReplyHeard(generation, rest, "en")

    def _text(self, rest: str, generation: int) -> ev.Event:
        token, _, text = rest.partition(" ")
        return ev.ReplyText(generation, text, int(token))

    def _audio(self, rest: str, generation: int) -> ev.Event:
        token, ms = rest.split()
        return ev.ReplyAudio(generation, b"\1\0" * (int(ms) * PER_MS), int(token))

    def _call(self, rest: str, generation: int) -> ev.Event:
        call_id, name, needs = rest.split()
        return ev.ReplyToolCall(generation, call_id, name, "{}", needs == "waits")

    def _done(self, rest: str, generation: int) -> ev.Event:
        return ev.ReplyDone(generation, rest or "completed")  # type: ignore[arg-type]

    def _fails(self, rest: str, generation: int) -> ev.Event:
        return ev.ReplyFailed(generation, rest)

    def _tool(self, rest: str, generation: int) -> ev.Event:
        call_id, _, output = rest.partition(" ")
        return ev.ToolReturned(generation, call_id, output)

    def _played(self, rest: str, generation: int) -> ev.Event:
        sent, heard = (int(ms) * PER_MS for ms in rest.split())
        return ev.PlayoutAdvanced(generation, sent, heard)

    def _sent(self, rest: str, generation: int) -> ev.Event:
        return ev.PlayoutSent(generation)

    def _drained(self, rest: str, generation: int) -> ev.Event:
        return ev.PlayoutDrained(generation, int(rest) * PER_MS if rest else None)

    def _kept(self, rest: str, generation: int) -> ev.Event:
        ms, _, text = rest.partition(" ")
        return ev.DialogueTruncated(generation, int(ms) * PER_MS, text)


CLIENT_TOOL = Tool("fridge", "", "{}")
