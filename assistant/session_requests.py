"""What can be asked of a session: one method for each request, none of which waits.

Answers, complaints among them, are notices.
"""

from __future__ import annotations

from dataclasses import replace

from ..streaming.frames import Pcm
from ..streaming.resample import resample
from .core import events
from .core.conversation import Conversation
from .core.events import Event
from .core.items import InputAudio, Item, MessageItem
from .core.settings import ResponseOptions
from .ears import Ears
from .hearing import Hearing
from .sound_store import SoundStore


class SessionRequests:
    """The asking half of a Session; the other half handles what has happened."""

    _conversation: Conversation
    _ears: Ears
    _hearing: Hearing
    _sounds: SoundStore
    _seed: str
    _n_given: int

    def _happened(self, event: Event) -> None:
        raise NotImplementedError

    def _hear(self, new: Pcm) -> None:
        raise NotImplementedError

    def commit(self, event_id: str | None = None) -> None:
        """Make the input so far an item."""
        self._hear(self._ears.flush())
        self._happened(events.CommitRequested(self._ears.end, event_id))
        if self._conversation.buffer_start == self._ears.end:  # it was not refused
            self._hearing.restart(self._ears.end)

    def clear(self, event_id: str | None = None) -> None:
        """Forget the input so far."""
        self._ears.flush()
        self._happened(events.ClearRequested(self._ears.end, event_id))
        self._hearing.restart(self._ears.end)

    def create_item(
        self,
        item: Item,
        after: str | None = None,
        event_id: str | None = None,
        audio: Pcm | None = None,
        audio_rate_hz: int = 24000,
    ) -> None:
        """Add an item; `audio` [n] is the sound of its InputAudio."""
        if audio is not None and item.id not in self._conversation.history:
            item = self.with_sound(item, audio, audio_rate_hz)
        self._happened(events.ItemCreateRequested(item, after, event_id))

    def with_sound(self, item: Item, audio: Pcm, audio_rate_hz: int) -> Item:
        """Keep the sound [n] of a message that a client gave; gives the item, which now has an id.

        `create_item` does this itself; the input items of `respond` need it done before.
        """
        if not isinstance(item, MessageItem):
            return item
        pcm = resample(audio, audio_rate_hz, self._ears.rate_hz)
        self._n_given += 1
        item = replace(item, id=item.id or f"item_{self._seed}given{self._n_given:04d}")
        content = tuple(
            replace(part, n_samples=len(pcm)) if isinstance(part, InputAudio) else part
            for part in item.content
        )
        self._sounds.keep_heard(item.id, pcm)
        return replace(item, content=content)

    def delete_item(self, item_id: str, event_id: str | None = None) -> None:
        self._happened(events.ItemDeleteRequested(item_id, event_id))

    def retrieve_item(self, item_id: str, event_id: str | None = None) -> None:
        self._happened(events.ItemRetrieveRequested(item_id, event_id))

    def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int, event_id: str | None = None
    ) -> None:
        """The client played so much of the item and no more."""
        self._happened(events.TruncateRequested(item_id, content_index, audio_end_ms, event_id))

    def respond(
        self,
        options: ResponseOptions | None = None,
        input_items: tuple[Item, ...] = (),
        event_id: str | None = None,
        interrupt: bool = False,
    ) -> None:
        """Answer now; `interrupt` stops a reply that is being made or played."""
        self._happened(
            events.ResponseRequested(options or ResponseOptions(), input_items, event_id, interrupt)
        )

    def cancel(self, response_id: str | None = None, event_id: str | None = None) -> None:
        """Stop a response, by default the conversation's own."""
        self._happened(events.CancelRequested(response_id, event_id))

    def say(self, text: str) -> None:
        """Say something nobody asked for, at the next chance."""
        self._happened(events.SayRequested(text))

    def deny_barge_in(self) -> None:
        """Somebody is sure that what sounds like speech is none."""
        self._happened(events.BargeInDenied(self._ears.end))
