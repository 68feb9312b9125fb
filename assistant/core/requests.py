"""What a client asks for, and what it is told when it cannot have it."""

from __future__ import annotations

from dataclasses import replace

from .bargein import yields
from .effects import Transcribe
from .events import (
    CancelRequested,
    ClearRequested,
    ClientEvent,
    CommitRequested,
    InputAppended,
    ItemCreateRequested,
    ItemDeleteRequested,
    ItemRetrieveRequested,
    ResponseRequested,
    SayRequested,
    SettingsChanged,
    TruncateRequested,
)
from .items import CallOutputItem, InputAudio, Item, MessageItem, OutputAudio
from .memory import Sound
from .notices import (
    InputCleared,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemRetrieved,
    ItemTruncated,
    ProtocolError,
)
from .replies import Replies
from .settings import Settings
from .state import State, Turn
from .turns import Turns

SHORTEST_COMMIT_MS = 100
LONGEST_UNHEARD_MS = 30_000
"""With turn detection, a commit by hand takes at most so much input that was not speech."""


class Requests:
    """Carries out requests, or answers with a ProtocolError that names the request."""

    def __init__(self, state: State, replies: Replies, turns: Turns) -> None:
        self._state = state
        self._replies = replies
        self._turns = turns

    def receive(self, event: ClientEvent) -> None:
        if isinstance(event, InputAppended):
            self._appended()
        elif isinstance(event, CommitRequested):
            self._commit(event)
        elif isinstance(event, ClearRequested):
            self._clear(event)
        elif isinstance(event, ItemCreateRequested):
            self._create(event)
        elif isinstance(event, ItemDeleteRequested):
            self._delete(event)
        elif isinstance(event, ItemRetrieveRequested):
            self._retrieve(event)
        elif isinstance(event, TruncateRequested):
            self._truncate(event)
        elif isinstance(event, ResponseRequested):
            self._respond(event)
        elif isinstance(event, SayRequested):
            self._turns.say(event.text)
        elif isinstance(event, CancelRequested):
            self._cancel(event)
        elif isinstance(event, SettingsChanged):
            self._change(event.settings)

    # --- input buffer ------------------------------------------------------------------------

    def _appended(self) -> None:
        if not self._state.settings.turn_detection and self._state.turn is None:
            self._turns.open_by_hand()

    def _commit(self, event: CommitRequested) -> None:
        state = self._state
        start = self._commit_start(event.at)
        if event.at - start < self._input_samples(SHORTEST_COMMIT_MS):
            buffered_ms = (event.at - start) * 1000 // state.settings.input_rate_hz
            self._complain(
                "input_audio_buffer_commit_empty",
                f"the input audio buffer holds {buffered_ms} ms; "
                f"at least {SHORTEST_COMMIT_MS} ms can be committed",
                None,
                event.event_id,
            )
            return
        self._replies.drop_prepared()
        self._turns.drop_candidate()  # whatever the voice was about to become, it is committed now
        self._turns.heed()
        if state.turn is None:
            state.turn = Turn(state.ids("item"), Sound(start), announced=False)
            state.memory.hear(state.turn.sound)
        self._turns.commit(event.at)
        if state.settings.transcribe and state.unanswered is not None:
            state.out.append(Transcribe(state.unanswered))

    def _commit_start(self, at: int) -> int:
        state = self._state
        if state.turn is not None:
            return state.turn.sound.start
        if state.settings.turn_detection:
            return max(state.buffer_start, at - self._input_samples(LONGEST_UNHEARD_MS))
        return state.buffer_start

    def _clear(self, event: ClearRequested) -> None:
        self._turns.forget()
        self._state.buffer_start = event.at
        self._state.out.append(InputCleared())

    # --- items -------------------------------------------------------------------------------

    def _create(self, event: ItemCreateRequested) -> None:
        state = self._state
        item = event.item if event.item.id else replace(event.item, id=state.ids("item"))
        wrong = self._wrong_with(item, event.after)
        if wrong is not None:
            self._complain(*wrong, event.event_id)
            return
        self._replies.drop_prepared()
        at_end = event.after is None or event.after == state.history.last_id
        state.history.add(item, event.after)
        if at_end or len(state.history) == 1:
            state.memory.add(state.for_model(item))
        else:
            state.memory.spoil()
        if isinstance(item, MessageItem) and any(isinstance(c, InputAudio) for c in item.content):
            state.unanswered = item.id
        previous = state.history.previous(item.id)
        state.out += [ItemAdded(item, previous), ItemDone(item, previous)]

    def _wrong_with(self, item: Item, after: str | None) -> tuple[str, str, str] | None:
        """Code, message and param of what forbids adding the item; None where nothing does."""
        history = self._state.history
        turn = self._state.turn
        if item.id in history or (turn is not None and item.id == turn.item_id):
            message = f"an item with the id {item.id!r} is already in the conversation"
            return "item_create_invalid_item_id", message, "item.id"
        if after not in (None, "root") and after not in history:
            message = f"there is no item {after!r} to put the new one after"
            return "item_create_invalid_item_id", message, "previous_item_id"
        if isinstance(item, CallOutputItem) and history.call(item.call_id) is None:
            message = f"there is no function call {item.call_id!r} in the conversation"
            return "invalid_value", message, "item.call_id"
        return None

    def _delete(self, event: ItemDeleteRequested) -> None:
        state = self._state
        active = state.active.message if state.active is not None else None
        if event.item_id not in state.history:
            self._unknown("item_delete_invalid_item_id", event.item_id, event.event_id)
        elif active is not None and active.item.id == event.item_id:
            self._complain(
                "item_delete_invalid_item_id",
                f"item {event.item_id!r} is still being spoken; cancel its response first",
                "item_id",
                event.event_id,
            )
        else:
            self._replies.drop_prepared()
            state.history.remove(event.item_id)
            state.spoken.pop(event.item_id, None)
            state.unanswered = None if state.unanswered == event.item_id else state.unanswered
            state.memory.spoil()
            state.out.append(ItemDeleted(event.item_id))

    def _retrieve(self, event: ItemRetrieveRequested) -> None:
        state = self._state
        item = state.history.get(event.item_id)
        if item is None:
            self._unknown("item_retrieve_invalid_item_id", event.item_id, event.event_id)
            return
        message = state.active.message if state.active is not None else None
        if message is not None and message.item.id == event.item_id:
            item = message.so_far
        state.out.append(ItemRetrieved(item))

    def _truncate(self, event: TruncateRequested) -> None:
        state = self._state
        item = state.history.get(event.item_id)
        if item is None:
            self._unknown("item_truncate_invalid_item_id", event.item_id, event.event_id)
            return
        active = state.active.message if state.active is not None else None
        under_way = active is not None and active.item.id == item.id
        wrong = self._wrong_cut(event, active.so_far if active and under_way else item)
        if wrong is not None:
            self._complain(*wrong, event.event_id)
            return
        if under_way:  # the client has stopped playing it: it need not be spoken any further
            self._replies.stop_active("client_cancelled")
        self._replies.drop_prepared()
        samples = event.audio_end_ms * state.settings.output_rate_hz // 1000
        self._replies.cut_item(item.id, min(samples, state.spoken[item.id].limit))
        state.out.append(ItemTruncated(item.id, event.content_index, event.audio_end_ms))

    def _wrong_cut(self, event: TruncateRequested, item: Item) -> tuple[str, str, str] | None:
        """What forbids a truncation: not a spoken item, or beyond what was sent of it."""
        content = item.content if isinstance(item, MessageItem) else ()
        spoken = self._state.spoken.get(item.id)
        if spoken is None or not content or not isinstance(content[0], OutputAudio):
            message = f"item {item.id!r} is not spoken by the assistant and cannot be truncated"
            return "invalid_value", message, "item_id"
        if event.content_index != 0:
            return "invalid_value", f"item {item.id!r} has content index 0 only", "content_index"
        rate_hz = self._state.settings.output_rate_hz
        sent_ms = -(-spoken.limit * 1000 // rate_hz)
        if not 0 <= event.audio_end_ms <= sent_ms:
            message = f"the audio of {item.id!r} is {sent_ms} ms long, not {event.audio_end_ms} ms"
            return "invalid_value", message, "audio_end_ms"
        return None

    # --- responses ---------------------------------------------------------------------------

    def _respond(self, event: ResponseRequested) -> None:
        state, options = self._state, event.options
        missing = [i for i in options.input_ids or () if i not in state.history]
        if options.in_conversation and state.active is not None and not event.interrupt:
            self._complain(
                "conversation_already_has_active_response",
                f"response {state.active.id!r} is in progress; "
                "wait until it is done or cancel it first",
                None,
                event.event_id,
            )
            return
        if missing:
            message = f"there is no item {missing[0]!r} in the conversation"
            self._complain("invalid_value", message, "response.input", event.event_id)
            return
        if options.in_conversation:
            self._replies.stop_active("client_cancelled", followed=True)
        self._replies.start(options, self._context(event))

    def _context(self, event: ResponseRequested) -> tuple[Item, ...] | None:
        state = self._state
        if event.options.input_ids is None and not event.input_items:
            return None
        known = [state.history.get(item_id) for item_id in event.options.input_ids or ()]
        items = [item for item in known if item is not None]
        new = [
            item if item.id else replace(item, id=state.ids("item")) for item in event.input_items
        ]
        return tuple(state.for_model(item) for item in (*items, *new))

    def _cancel(self, event: CancelRequested) -> None:
        state = self._state
        wanted = event.response_id
        aside = next((r for r in state.asides.values() if r.id == wanted), None)
        if aside is not None:
            self._replies.stop_aside(aside.generation)
        elif state.active is not None and wanted in (None, state.active.id):
            self._replies.stop_active("client_cancelled")
        else:
            self._complain(
                "response_cancel_not_active",
                "there is no such response in progress to cancel",
                "response_id" if wanted else None,
                event.event_id,
            )

    # --- settings ----------------------------------------------------------------------------

    def _change(self, new: Settings) -> None:
        state, old = self._state, self._state.settings
        known_to_model = ("instructions", "voice", "language", "tools")
        if any(getattr(old, name) != getattr(new, name) for name in known_to_model):
            self._replies.drop_prepared()
            state.memory.spoil()
        state.settings = new
        if old.turn_detection != new.turn_detection:
            self._switch_detection(new.turn_detection)
        if not yields(new):  # whoever speaks just now cannot interrupt the reply any more
            self._turns.resume_playout()

    def _switch_detection(self, detect: bool) -> None:
        """By voice to by hand: the open turn stays the buffer's. By hand to by voice: it goes."""
        state = self._state
        if detect:
            self._turns.forget()
            return
        self._replies.drop_prepared()
        self._turns.deny()
        self._turns.heed()
        if state.turn is not None:
            state.turn.announced = False
            state.memory.go_on(state.turn.sound)
            state.buffer_start = state.turn.sound.start

    # --- complaints --------------------------------------------------------------------------

    def _unknown(self, code: str, item_id: str, event_id: str | None) -> None:
        self._complain(code, f"there is no item {item_id!r}", "item_id", event_id)

    def _complain(self, code: str, message: str, param: str | None, event_id: str | None) -> None:
        self._state.out.append(ProtocolError(code, message, param, event_id))

    def _input_samples(self, duration_ms: int) -> int:
        return duration_ms * self._state.settings.input_rate_hz // 1000
