"""A client that notes when every sample left and what the server said of each item."""

from __future__ import annotations

import time

from vivavoce.assistant.client import Connection, Conversation
from vivavoce.assistant.client.connection import Event
from vivavoce.assistant.client.conversation import RATE_HZ
from vivavoce.streaming.frames import Pcm

from .timing import SendLog

RETRIEVE_S = 5.0


class Witness(Conversation):
    """A conversation in real time, from session.created to the last event.

    speech_ends_ms: per user item, where the server says that its speech ends, in input audio.
    told_s: per user item, when it said so.
    cuts_ms: per assistant item, where the server has truncated it.
    arrivals_s: per assistant item, when each piece of its sound came.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, on_event=self._note)
        self.sent = SendLog()
        self.speech_ends_ms: dict[str, int] = {}
        self.told_s: dict[str, float] = {}
        self.cuts_ms: dict[str, int] = {}
        self.arrivals_s: dict[str, list[float]] = {}
        self._retrieved: dict[str, Event] = {}

    async def send_audio(self, pcm: Pcm) -> None:
        self.sent.add(len(pcm), time.perf_counter())
        await super().send_audio(pcm)

    @property
    def audio_in_s(self) -> float:
        """Seconds of sound sent, silence included."""
        return self.sent.n_samples / RATE_HZ

    @property
    def audio_out_s(self) -> float:
        """Seconds of reply sound received."""
        return sum(turn.n_samples for turn in self.turns) / RATE_HZ

    @property
    def silence_ms(self) -> int | None:
        """The silence that ends every turn; None where each ends by what was said."""
        turns = self.session["audio"]["input"]["turn_detection"]
        return turns.get("silence_duration_ms")

    def endpoint_s(self, item_id: str) -> float | None:
        """When the sample left that made an item's endpoint sure, or the news of it came."""
        end_ms = self.speech_ends_ms.get(item_id)
        if end_ms is None:
            return None
        if self.silence_ms is None:
            return self.told_s[item_id]
        return self.sent.sent_s((end_ms + self.silence_ms) * RATE_HZ // 1000)

    async def retrieve(self, item_id: str) -> Event | None:
        """An item as the server holds it now; None when it does not answer."""
        self._retrieved.pop(item_id, None)
        await self.send({"type": "conversation.item.retrieve", "item_id": item_id})
        await self.until(lambda: item_id in self._retrieved, RETRIEVE_S)
        return self._retrieved.get(item_id)

    def _note(self, event: Event) -> None:
        kind = event.get("type")
        if kind == "input_audio_buffer.speech_stopped":
            self.speech_ends_ms[event["item_id"]] = event["audio_end_ms"]
            self.told_s[event["item_id"]] = time.perf_counter()
        elif kind == "response.output_audio.delta":
            self.arrivals_s.setdefault(event["item_id"], []).append(time.perf_counter())
        elif kind == "conversation.item.truncated":
            self.cuts_ms[event["item_id"]] = event["audio_end_ms"]
        elif kind == "conversation.item.retrieved":
            self._retrieved[event["item"]["id"]] = event["item"]
