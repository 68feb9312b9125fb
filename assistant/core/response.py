"""One response: from created to done, whatever the model, the tools and the user do to it.

    held ──commit──> making ──model done──> playing out ──drained──> done(completed)
      │                 │ ▲                      │
    dropped           tools │                  cancel, failure ──> done(cancelled | failed)

While held (speculation) nothing shows: parts are kept and taken again at the commit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .effects import (
    CancelReply,
    ContinueReply,
    Effect,
    FinishPlayout,
    ReplySpec,
    RunTool,
    StopPlayout,
)
from .events import (
    ReplyAudio,
    ReplyDone,
    ReplyHeard,
    ReplyPart,
    ReplyText,
    ReplyToolCall,
    UsageCount,
)
from .forced import ForcedCall
from .history import History
from .items import CallItem, Item, Status
from .ledger import Ledger
from .message import OpenMessage
from .notices import (
    Action,
    ArgumentsDelta,
    ArgumentsDone,
    ItemAdded,
    ItemDone,
    OutputItemAdded,
    OutputItemDone,
    PartPlace,
    Reason,
    ResponseCreated,
    ResponseDone,
    ResponseStatus,
    ResponseView,
)
from .settings import IdFactory, Modality


@dataclass
class Response:
    """Everything about one response; `out` takes its effects.

    Args:
        history: where its items go; None out of band.
        uses_dialogue: it is made by the conversation's dialogue, not by one of its own.
        forced: a call the client insists on; invented: it was made without the model.
        call_ids: of calls shown to the client, its id for each and the model's own.
        client_tools: names the client runs itself.
        user_item_id: the spoken item it answers, for the transcript.
    """

    id: str
    generation: int
    out: list[Effect]
    ids: IdFactory
    history: History | None
    spec: ReplySpec
    modality: Modality
    client_tools: frozenset[str]
    pure_skills: frozenset[str]
    metadata: tuple[tuple[str, str], ...] = ()
    uses_dialogue: bool = True
    user_item_id: str | None = None
    committed: bool = False
    ended: bool = False
    model_done: bool = False
    drained: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    message: OpenMessage | None = None
    language: str | None = None
    forced: ForcedCall | None = None
    invented: bool = False
    call_ids: dict[str, str] = field(default_factory=dict)
    _incomplete: Reason | None = None
    _output: list[Item] = field(default_factory=list)
    _held: list[ReplyPart] = field(default_factory=list)
    _actions: list[Action] = field(default_factory=list)
    _confidences: list[tuple[str, float]] = field(default_factory=list)
    _usage: UsageCount = UsageCount()
    _client_calls: list[ReplyToolCall] = field(default_factory=list)
    _deferred: list[ReplyToolCall] = field(default_factory=list)
    _results: dict[str, str | None] = field(default_factory=dict)
    _round_over: bool = False
    _finishing: bool = False

    # --- parts -------------------------------------------------------------------------------

    def arrive(self, part: ReplyPart) -> None:
        """Take the next part from the model: act on it, then show it or keep it."""
        if self.model_done or self._round_over:  # nothing is made until the tools have answered
            return
        call = self.forced.call(part) if self.forced is not None else None
        if call is not None:
            self._force(part, call)
            return
        if isinstance(part, ReplyToolCall):
            self._call(part)
        elif isinstance(part, ReplyDone):
            self._done(part)
        if self.committed:
            self.show(part)
        else:
            self._held.append(part)

    def commit(self) -> list[ReplyPart]:
        """From now on it counts: tools with consequences run. Gives the parts to be shown."""
        self.committed = True
        self.out.append(ResponseCreated(self.view("in_progress")))
        for call in self._deferred:
            self._run(call)
        held, self._held, self._deferred = self._held, [], []
        return held

    def show(self, part: ReplyPart) -> None:
        """Let the client see a part of a committed reply."""
        if isinstance(part, ReplyHeard):
            self.language = part.language
        elif isinstance(part, ReplyText):
            self._open_message().write(part.text, part.token_index)
        elif isinstance(part, ReplyAudio):
            if self.modality == "audio" and part.pcm:
                self._open_message().speak(part.pcm, part.token_index)
                self.drained = False
        elif isinstance(part, ReplyToolCall):
            if part.confidence is not None:
                self._confidences.append((part.name, part.confidence))
            if part.name not in self.client_tools:
                self._actions.append(Action(part.name, part.arguments, part.confidence))
        elif isinstance(part, ReplyDone):
            self._usage = self._usage + part.usage
            if part.reason == "tool_calls":
                self.ledger.next_round()
            elif part.reason == "max_tokens":
                self._incomplete = "max_output_tokens"

    def tool_returned(self, call_id: str, output: str) -> None:
        """A built-in skill has answered."""
        if call_id in self._results and not self.model_done:
            self._results[call_id] = output
            self._continue()

    def finish_playout(self) -> None:
        """Once the model makes no more: have the outlet play out what it has."""
        if self.committed and self.model_done and not (self.drained or self._finishing):
            self._finishing = True
            self.out.append(FinishPlayout(self.generation))

    def all_sent(self) -> None:
        """All sound has left for a client that still plays; calls for it need not wait so long."""
        self.ledger.advance(self.ledger.generated, self.ledger.heard)
        if self._client_calls:
            self.drain()
        elif self.model_done and self.message is not None:
            self.message.end_part()

    def drain(self) -> None:
        """All sound was played."""
        self.drained = True
        self.ledger.advance(self.ledger.generated, self.ledger.heard)

    @property
    def finished(self) -> bool:
        """Nothing more will come, and all of it has left."""
        return self.committed and self.model_done and self.drained

    # --- the end -----------------------------------------------------------------------------

    def complete(self) -> None:
        """Close a response that has nothing more to say."""
        status: ResponseStatus = "incomplete" if self._incomplete else "completed"
        self._close_message("incomplete" if self._incomplete else "completed")
        for call in self._client_calls:
            self._show_call(call)
        self._end(status, self._incomplete)

    def stop(self, status: ResponseStatus, reason: Reason | None, error: str | None = None) -> None:
        """Close it now, from the inside out; no sound of it is sent any more."""
        if not self.model_done:
            self.out.append(CancelReply(self.generation))
        if self.ledger.generated and not self.ended:
            self.out.append(StopPlayout(self.generation))
        self._close_message("incomplete", heard_only=True)
        self._end(status, reason, error)

    def view(
        self, status: ResponseStatus, reason: Reason | None = None, error: str | None = None
    ) -> ResponseView:
        """The response as its client sees it now."""
        return ResponseView(
            id=self.id,
            status=status,
            reason=reason,
            error=error,
            output=tuple(self._output),
            in_conversation=self.history is not None,
            modality=self.modality,
            max_output_tokens=self.spec.max_tokens,
            metadata=self.metadata,
            actions=tuple(self._actions),
            language=self.language,
            usage=None if status == "in_progress" else self._usage,
            confidences=tuple(self._confidences),
        )

    # --- inside ------------------------------------------------------------------------------

    def _open_message(self) -> OpenMessage:
        if self.message is None:
            place = PartPlace(self.id, self.ids("item"), len(self._output))
            self.message = OpenMessage(
                self.out, place, self.generation, self.modality, self.ledger, self.history
            )
            self.message.open()
        return self.message

    def _close_message(self, status: Status, heard_only: bool = False) -> None:
        if self.message is not None:
            self._output.append(self.message.close(status, heard_only))
            self.message = None

    def _end(self, status: ResponseStatus, reason: Reason | None, error: str | None = None) -> None:
        self.ended = self.model_done = self.drained = True
        self.out.append(ResponseDone(self.view(status, reason, error)))

    def _show_call(self, call: ReplyToolCall) -> None:
        """A function call for the client, whole in one go."""
        item = CallItem(self.ids("item"), self.ids("call"), call.name, "", "in_progress")
        self.call_ids[item.call_id] = call.call_id
        place = PartPlace(self.id, item.id, len(self._output))
        done = replace(item, arguments=call.arguments, status="completed")
        self.out.append(OutputItemAdded(self.id, place.output_index, item))
        previous = None
        if self.history is not None:
            self.history.add(done)
            previous = self.history.previous(item.id)
            self.out.append(ItemAdded(item, previous))
        self.out.append(ArgumentsDelta(place, item.call_id, call.arguments))
        self.out.append(ArgumentsDone(place, item.call_id, call.name, call.arguments))
        if self.history is not None:
            self.out.append(ItemDone(done, previous))
        self.out.append(OutputItemDone(self.id, place.output_index, done))
        self._output.append(done)

    # --- tools -------------------------------------------------------------------------------

    def _call(self, call: ReplyToolCall) -> None:
        if call.name in self.client_tools:
            self._client_calls.append(call)
            if not call.needs_result:  # the model would speak on; the client's answer comes first
                self.out.append(CancelReply(self.generation))
                self._stop_making()
            return
        if call.needs_result:
            self._results[call.call_id] = None
        early = call.needs_result and call.name in self.pure_skills
        if self.committed or early:
            self._run(call)
        else:
            self._deferred.append(call)

    def _force(self, part: ReplyPart, call: ReplyToolCall) -> None:
        """Make the call the client insists on, in place of what the model went on to do."""
        self.invented = not isinstance(part, ReplyToolCall)
        self._client_calls.append(call)
        if isinstance(part, ReplyDone):
            self._usage = self._usage + part.usage
        else:
            self.out.append(CancelReply(self.generation))
        self._stop_making()

    def _run(self, call: ReplyToolCall) -> None:
        self.out.append(
            RunTool(
                self.generation,
                call.call_id,
                call.name,
                call.arguments,
                call.needs_result,
                call.language,
            )
        )

    def _done(self, part: ReplyDone) -> None:
        if part.reason == "tool_calls" and not self._client_calls:
            self._round_over = True
            self._continue()
        else:
            self._stop_making()

    def _continue(self) -> None:
        """Let the model speak on once every tool of the round has answered."""
        results = [(call_id, output) for call_id, output in self._results.items()]
        answered = tuple((call_id, output) for call_id, output in results if output is not None)
        if self._round_over and len(answered) == len(results):
            self._round_over = False
            self._results.clear()
            self.out.append(ContinueReply(self.generation, answered))

    def _stop_making(self) -> None:
        self.model_done = True
        self.ledger.complete = True
