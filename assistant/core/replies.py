"""Replies: prepared, dropped, committed, asked for, stopped, cut to what was heard.

Here late parts end: whatever comes for a generation that is not prepared, active or aside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .effects import Commit, Drop, Prepare, ReplySpec, ResumePlayout, StartReply, Transcribe
from .events import (
    DialogueTruncated,
    PlayoutAdvanced,
    PlayoutDrained,
    ReplyFailed,
    ReplyHeard,
    ReplyPart,
    ToolReturned,
)
from .forced import ForcedCall
from .items import InputAudio, Item, MessageItem, OutputAudio
from .notices import Reason, ResponseStatus, TranscriptionCompleted
from .response import Response
from .settings import ResponseOptions
from .state import Spoken, State


class Replies:
    """Moves the responses of a conversation. `on_end` is called when the active one is over."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.on_end: Callable[[], None] = lambda: None

    # --- beginning ---------------------------------------------------------------------------

    def prepare(self, item_id: str) -> None:
        """Speculate: reply to the open turn, whose item will be `item_id`."""
        state = self._state
        state.memory.begin_prepared()
        response = self._new(ResponseOptions(), None, item_id)
        state.prepared = response
        state.out.append(Prepare(response.generation, response.spec))

    def drop_prepared(self) -> None:
        """The turn goes on, or the conversation has changed under the prepared reply."""
        state = self._state
        if state.prepared is not None:
            state.out.append(Drop(state.prepared.generation))
            state.prepared = None
            state.memory.dropped()

    def commit_prepared(self) -> None:
        """The turn is over: all that was held shows at once."""
        state = self._state
        response = state.prepared
        assert response is not None
        state.prepared, state.active = None, response
        state.unanswered, state.answer_later = None, False
        state.memory.replied(response.generation)
        state.out.append(Commit(response.generation))
        for part in response.commit():
            response.show(part)
            self._shown(response, part)
        self._made(response)
        self._settle(response)

    def start(
        self, options: ResponseOptions | None = None, context: tuple[Item, ...] | None = None
    ) -> None:
        """Reply to the conversation, or to `context` alone."""
        state = self._state
        options = options or ResponseOptions()
        self_contained = context is not None or not options.in_conversation
        if options.in_conversation:
            self.drop_prepared()
        if not options.in_conversation and context is None:
            context = tuple(state.past)
        response = self._new(options, context, None if self_contained else state.unanswered)
        if options.in_conversation:
            state.active, state.answer_later = response, False
        else:
            state.asides[response.generation] = response
        if not self_contained:
            state.unanswered = None
            state.memory.begin_reply()
            state.memory.replied(response.generation)
        state.out.append(StartReply(response.generation, response.spec))
        response.commit()

    def say(self, text: str) -> None:
        """Read words aloud, or write them, that the model did not think of."""
        response = self._new(ResponseOptions(), (), None, say=text)
        self._state.active = response
        self._state.out.append(StartReply(response.generation, response.spec))
        response.commit()

    # --- parts -------------------------------------------------------------------------------

    def arrive(self, part: ReplyPart) -> None:
        """The next part from the model."""
        response = self._find(part.generation)
        if response is None:
            return
        if isinstance(part, ReplyFailed):
            self._fail(response, part.message)
            return
        making = not response.model_done
        response.arrive(part)
        if not response.committed:
            return
        if making:
            self._shown(response, part)
            self._made(response)
        self._settle(response)

    def tool_returned(self, event: ToolReturned) -> None:
        response = self._find(event.generation)
        if response is not None:
            response.tool_returned(event.call_id, event.output)

    def advanced(self, event: PlayoutAdvanced) -> None:
        response = self._find(event.generation)
        if response is not None:
            response.ledger.advance(event.sent, event.heard)

    def sent(self, generation: int) -> None:
        response = self._find(generation)
        if response is not None and response.committed:
            response.all_sent()
            self._settle(response)

    def drained(self, event: PlayoutDrained) -> None:
        response = self._find(event.generation)
        if response is None or not response.committed:
            return
        response.drain()
        if event.heard is not None and event.heard < response.ledger.generated:
            response.ledger.advance(response.ledger.generated, event.heard)
            self._unheard(response)
        self._settle(response)

    # --- ending ------------------------------------------------------------------------------

    def stop_active(self, reason: Reason, followed: bool = False) -> None:
        """Cancel the active response; memory keeps what was heard of it.

        Args:
            reason: as the client is told.
            followed: another one begins at once, before anything that waits for its chance.
        """
        response = self._state.active
        if response is not None:
            self._stop(response, "cancelled", reason)
            self._cut_memory(response)
            self._ended(response, followed)

    def stop_aside(self, generation: int) -> None:
        """Cancel an out-of-band response."""
        response = self._state.asides.pop(generation)
        response.stop("cancelled", "client_cancelled")

    def cut_item(self, item_id: str, samples: int) -> None:
        """A client has heard only so much of a spoken item."""
        spoken = self._state.spoken[item_id]
        spoken.cut = samples
        self._show_cut(item_id, samples)
        first = spoken.ledger.round_start
        whole = samples >= spoken.ledger.generated
        told = samples >= first and self._state.memory.truncate(spoken.generation, samples - first)
        if not told and not whole:
            self._state.memory.spoil()

    def truncated(self, event: DialogueTruncated) -> None:
        """The model says which words it kept: those are the item's."""
        for item_id, spoken in self._state.spoken.items():
            item = self._state.history.get(item_id)
            same = spoken.generation == event.generation and not spoken.ledger.round_start
            if same and isinstance(item, MessageItem) and spoken.shown == event.samples:
                kept = OutputAudio(event.text, event.samples)
                self._state.history.replace(replace(item, content=(kept,)))

    # --- inside ------------------------------------------------------------------------------

    def _new(
        self,
        options: ResponseOptions,
        context: tuple[Item, ...] | None,
        user_item: str | None,
        say: str | None = None,
    ) -> Response:
        state, settings = self._state, self._state.settings
        state.generation += 1
        modality = options.modality or settings.modality
        choice = options.tool_choice or settings.tool_choice
        tools = settings.tools if options.tools is None else options.tools
        spec = ReplySpec(
            audio=modality == "audio",
            max_tokens=options.max_output_tokens or settings.max_output_tokens,
            instructions=options.instructions,
            allow_tools=choice != "none",
            tools=options.tools,
            context=context,
            say=say,
            speaking_rate=settings.speaking_rate,
        )
        return Response(
            id=state.ids("resp"),
            generation=state.generation,
            out=state.out,
            ids=state.ids,
            history=state.history if options.in_conversation else None,
            spec=spec,
            modality=modality,
            forced=None if say is not None else ForcedCall.of(choice, tools),
            client_tools=frozenset(tool.name for tool in tools),
            pure_skills=settings.pure_skills,
            metadata=options.metadata,
            uses_dialogue=context is None,
            user_item_id=user_item,
            call_ids=state.call_ids,
        )

    def _find(self, generation: int) -> Response | None:
        """The living response of a generation: the one place where late things are dropped."""
        for response in (self._state.prepared, self._state.active):
            if response is not None and response.generation == generation:
                return response
        return self._state.asides.get(generation)

    def _shown(self, response: Response, part: ReplyPart) -> None:
        message = response.message
        if message is not None and response.history is not None:
            self._state.spoken.setdefault(
                message.item.id, Spoken(response.generation, response.ledger)
            )
        if isinstance(part, ReplyHeard):
            self._understood(response.user_item_id, part.transcript, part.language)

    def _understood(self, item_id: str | None, transcript: str, language: str) -> None:
        if item_id is not None:
            write_transcript(self._state, item_id, transcript, language)

    def _made(self, response: Response) -> None:
        """The model may have made all there is: its dialogue is free for what has waited."""
        if response.model_done and response.uses_dialogue:
            if response.invented:  # the model does not know of the call, the history does
                self._state.memory.spoil()
            self._state.memory.end_reply()

    def _settle(self, response: Response) -> None:
        response.finish_playout()
        if response.finished and not response.ended:
            self._end_pause(response)
            response.complete()
            self._ended(response)

    def _unheard(self, response: Response) -> None:
        """It was played while the loudspeaker was away: it ends with what was heard of it."""
        if response.finished and not response.ended:
            self._stop(response, "incomplete", None)
            self._cut_memory(response)
            self._ended(response)

    def _fail(self, response: Response, message: str) -> None:
        state = self._state
        if response is state.prepared:
            self.drop_prepared()
            state.memory.spoil()
            return
        self._stop(response, "failed", None, message)
        if response.uses_dialogue:
            state.memory.spoil()
            state.memory.end_reply()
        self._ended(response)

    def _stop(
        self,
        response: Response,
        status: ResponseStatus,
        reason: Reason | None,
        error: str | None = None,
    ) -> None:
        """Close it for the client; its spoken item keeps the words that were heard."""
        message = response.message
        if not response.ledger.generated:
            self._end_pause(response)  # else it ends with the sound
        response.stop(status, reason, error)
        spoken = self._state.spoken.get(message.item.id) if message is not None else None
        if spoken is not None and response.modality == "audio":
            spoken.shown = response.ledger.heard

    def _end_pause(self, response: Response) -> None:
        """A voice may be suspected in the reply's last moment: the loudspeaker must not stay
        paused for the next one.
        """
        state = self._state
        if state.paused and response is state.active:
            state.paused = False
            state.out.append(ResumePlayout(response.generation))

    def _ended(self, response: Response, followed: bool = False) -> None:
        state = self._state
        state.asides.pop(response.generation, None)
        if response is not state.active:
            return
        state.active, state.paused = None, False
        if not response.uses_dialogue:
            for item in response.view("completed").output:
                state.memory.add(state.for_model(state.history.get(item.id) or item))
        user_item = state.history.get(response.user_item_id or "")
        if state.settings.transcribe and user_item and transcript_of(user_item) is None:
            state.out.append(Transcribe(user_item.id))  # the reply was silent about it
        if state.memory_is_long:
            state.memory.spoil()
        if not followed:
            self.on_end()

    def _cut_memory(self, response: Response) -> None:
        """Memory = what was heard."""
        memory, ledger = self._state.memory, response.ledger
        if not response.uses_dialogue:
            return
        if response.modality != "audio" or (ledger.complete and ledger.heard == ledger.generated):
            memory.end_reply()
            return
        if ledger.heard < ledger.round_start:
            memory.spoil()
            memory.end_reply()
            return
        cut = (response.generation, ledger.heard - ledger.round_start)
        if memory.busy:
            memory.end_reply(cut)
        elif not memory.truncate(*cut):
            memory.spoil()

    def _show_cut(self, item_id: str, samples: int) -> None:
        item = self._state.history.get(item_id)
        spoken = self._state.spoken.get(item_id)
        if isinstance(item, MessageItem) and spoken is not None:
            spoken.shown = samples
            heard = OutputAudio(spoken.ledger.heard_text(samples), samples)
            self._state.history.replace(replace(item, content=(heard,)))


def transcript_of(item: Item) -> str | None:
    """What was understood of a spoken item so far."""
    if not isinstance(item, MessageItem):
        return None
    audio = (content for content in item.content if isinstance(content, InputAudio))
    return next((content.transcript for content in audio), None)


def write_transcript(state: State, item_id: str, transcript: str, language: str) -> None:
    """Note what was understood of a spoken item, once, and tell the client if it asked."""
    item = state.history.get(item_id)
    if not isinstance(item, MessageItem) or transcript_of(item) is not None:
        return
    for index, content in enumerate(item.content):
        if isinstance(content, InputAudio):
            heard = replace(content, transcript=transcript)
            parts = (*item.content[:index], heard, *item.content[index + 1 :])
            state.history.replace(replace(item, content=parts))
            if state.settings.transcribe:
                state.out.append(
                    TranscriptionCompleted(item_id, index, transcript, language, content.n_samples)
                )
            return
