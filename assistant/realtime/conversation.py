"""One client's conversation: its events carried to the session, the session's notices back.

Knows no socket: text comes in through `handle`, events go out through `send`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from ..core import notices as core
from ..core.items import Item, MessageItem
from ..errors import PeerFault
from ..metrics import SessionMeter
from . import client_events as asked
from .client_events import event_id_of, parse_event, parse_json
from .items import AnyItemIn, ItemReference
from .render import Renderer, ResponseSound
from .render_items import ItemSound
from .service import Service
from .session_object import Offer, SessionEditor, SessionObject, known_voice
from .settings import AudioFormat, ToolChoice
from .sound import InputStream, OutputStream, as_format
from .translate import (
    IncomingItem,
    check_length,
    incoming_item,
    picture_in,
    response_options,
    session_settings,
    weight,
)
from .wire import ServerEvent

log = logging.getLogger(__name__)


class Conversation:
    """See the module's text.

    Args:
        service: makes the session.
        offer: what the session object announces.
        meter: counts what is told.
        send: takes each event for the client; must not block.
    """

    def __init__(
        self,
        service: Service,
        offer: Offer,
        meter: SessionMeter,
        send: Callable[[ServerEvent], None],
    ) -> None:
        self._base = service.base
        self._offer = offer
        self._meter = meter
        self._send = send
        self._editor = SessionEditor(offer, _fresh_id("sess"))
        self._input = InputStream(self.wire_session.audio.input.format)
        self._outputs: dict[str, OutputStream] = {}
        self._asked_format: AudioFormat | None = None
        self._has_spoken = False
        self._sees = "image" in service.modalities
        self._calls = service.calls_functions
        self._most_text = service.most_text
        self._weights: dict[str, int] = {}
        self._renderer = Renderer(
            session=lambda: self.wire_session,
            conversation_id=_fresh_id("conv"),
            input_rate_hz=self._base.core.input_rate_hz,
            sound_of=self._sound_of,
            encode=self._encode,
        )
        self._settings = session_settings(self.wire_session, self._base)
        self._session = service.open_session(self._told, self._settings)

    @property
    def wire_session(self) -> SessionObject:
        """The session object in effect."""
        return self._editor.session

    async def open(self) -> None:
        """Make the model ready; the first event follows."""
        await self._session.open()
        self._send(self._renderer.session_created())

    async def close(self) -> None:
        await self._session.close()

    # --- from the client ---

    async def handle(self, text: str) -> None:
        """One message; whatever is wrong with it is told to the client and nobody else."""
        event_id: str | None = None
        try:
            data = parse_json(text)
            event_id = event_id_of(data)
            event = parse_event(data)
            await _HANDLERS[type(event)](self, event)
        except PeerFault as fault:
            self.complain(fault.code, fault.message, fault.param, event_id)
        except Exception:  # a fault of ours must not end the conversation
            log.exception("a client event could not be handled")
            self.complain("internal_error", "the daemon failed on this event", None, event_id, True)

    def complain(
        self,
        code: str,
        message: str,
        param: str | None = None,
        event_id: str | None = None,
        ours: bool = False,
    ) -> None:
        """Send an error event."""
        self._meter.error(code)
        self._send(self._renderer.error(code, message, param, event_id, ours=ours))

    async def _update(self, event: asked.SessionUpdate) -> None:
        session = self._editor.update(event.session, voice_locked=self._has_spoken)
        self._settings = session_settings(session, self._base)
        self._input.switch(session.audio.input.format)
        self._session.configure(self._settings)
        self._send(self._renderer.session_updated())
        if event.session.get("tools"):
            self._warn_of_tools(session.tool_choice, "session.tools", event.event_id)

    async def _append(self, event: asked.InputAudioAppend) -> None:
        if event.playing is not None:
            self._session.far_end(event.playing)
        for pcm in self._input.feed(event.audio):
            self._meter.heard(len(pcm) / self._input.rate_hz)
            await self._session.append(pcm, self._input.rate_hz)
            await asyncio.sleep(0)

    async def _commit(self, event: asked.InputAudioCommit) -> None:
        self._session.commit(event.event_id)

    async def _clear(self, event: asked.InputAudioClear) -> None:
        self._input.reset()
        self._session.clear(event.event_id)

    async def _create_item(self, event: asked.ItemCreate) -> None:
        item = self._incoming(event.item, "item")
        if sum(self._weights.values()) + weight(item.item) > self._most_text:
            raise PeerFault("invalid_value", "the conversation holds no more items", "item")
        self._session.create_item(
            item.item, event.previous_item_id, event.event_id, item.sound, item.rate_hz
        )

    async def _retrieve_item(self, event: asked.ItemRetrieve) -> None:
        self._session.retrieve_item(event.item_id, event.event_id)

    async def _delete_item(self, event: asked.ItemDelete) -> None:
        self._session.delete_item(event.item_id, event.event_id)

    async def _truncate_item(self, event: asked.ItemTruncate) -> None:
        self._session.truncate_item(
            event.item_id, event.content_index, event.audio_end_ms, event.event_id
        )

    async def _respond(self, event: asked.ResponseCreate) -> None:
        wanted = event.response or asked.ResponseSettings()
        options = response_options(wanted, self.wire_session)
        items = [
            self._heard_item(item)
            for item in wanted.input or ()
            if not isinstance(item, ItemReference)
        ]
        self._asked_format = self._response_format(wanted)
        if wanted.tools:
            choice = wanted.tool_choice or self.wire_session.tool_choice
            self._warn_of_tools(choice, "response.tools", event.event_id)
        self._session.respond(options, tuple(items), event.event_id, bool(wanted.interrupt))
        self._asked_format = None

    def _warn_of_tools(self, choice: ToolChoice, param: str, event_id: str | None) -> None:
        """They were taken; a client that waits for calls of them must know that none will come."""
        if choice == "auto" and not self._calls:
            message = (
                f"{self._offer.model} calls no functions of its own accord: the tools were taken, "
                "but only a tool_choice that forces one has any effect"
            )
            self.complain("unsupported", message, param, event_id)

    def _heard_item(self, given: AnyItemIn) -> Item:
        """An item to be answered that is in no conversation; the session keeps its sound."""
        incoming = self._incoming(given, "response.input")
        if incoming.sound is None:
            return incoming.item
        return self._session.with_sound(incoming.item, incoming.sound, incoming.rate_hz)

    def _incoming(self, given: AnyItemIn, param: str) -> IncomingItem:
        rate_hz = self._base.core.input_rate_hz
        item = incoming_item(given, self._input.format, rate_hz, param)
        check_length(item.item, param)
        if not self._sees and (where := picture_in(item.item)) is not None:
            message = f"{self._offer.model} takes no pictures"
            raise PeerFault("invalid_value", message, f"{param}.content.{where}")
        return item

    async def _cancel(self, event: asked.ResponseCancel) -> None:
        self._session.cancel(event.response_id, event.event_id)

    async def _clear_output(self, event: asked.OutputAudioClear) -> None:
        raise PeerFault(
            "invalid_event_for_transport",
            "output_audio_buffer.clear is for WebRTC and SIP; send response.cancel and "
            "conversation.item.truncate",
            "type",
        )

    def _response_format(self, wanted: asked.ResponseSettings) -> AudioFormat | None:
        output = wanted.audio.output if wanted.audio else None
        if output is None:
            return None
        if output.voice is not None:  # a dialogue has one voice, the session's
            known_voice(output.voice, self._offer, "response.audio.output.voice")
        return output.format

    # --- from the session ---

    def _told(self, notice: core.Notice) -> None:
        """Tell the client; a notice that cannot be written is our fault, not the session's."""
        try:
            for event in self._events(notice):
                self._send(event)
        except Exception:  # the core must not be disturbed by its reporter
            log.exception("a notice could not be told")
            self.complain("internal_error", "the daemon could not report something", ours=True)

    def _events(self, notice: core.Notice) -> list[ServerEvent]:
        self._meter.notice(notice, self._settings.output_rate_hz)
        events: list[ServerEvent] = []
        if isinstance(notice, core.ResponseCreated):
            self._begin_sound(notice.response.id)
        elif isinstance(notice, core.AudioDelta):
            self._has_spoken = True
        elif isinstance(notice, core.AudioDone):
            events += self._last_sound(notice.place)
        elif isinstance(notice, core.ResponseDone):
            self._outputs.pop(notice.response.id, None)
        elif isinstance(notice, core.ItemAdded):
            self._weights[notice.item.id] = weight(notice.item)
        elif isinstance(notice, core.ItemDeleted):
            self._weights.pop(notice.item_id, None)
        return [*events, self._renderer.notice(notice)]

    def _begin_sound(self, response_id: str) -> None:
        """A response keeps the format it began with."""
        audio = self.wire_session.audio.output
        sound = ResponseSound(self._asked_format or audio.format, audio.voice)
        self._renderer.response_sounds[response_id] = sound
        self._outputs[response_id] = OutputStream(self._settings.output_rate_hz, sound.format)

    def _last_sound(self, place: core.PartPlace) -> list[ServerEvent]:
        """What a resampler still held back, as one more piece."""
        output = self._outputs.get(place.response_id)
        rest = output.flush() if output else b""
        return [self._renderer.audio_delta(place, rest)] if rest else []

    def _encode(self, response_id: str, pcm: bytes) -> bytes:
        return self._outputs[response_id].feed(pcm)

    def _sound_of(self, item: Item) -> ItemSound | None:
        kept = self._session.item_audio(item.id)
        if kept is None:
            return None
        pcm16, from_hz = kept
        audio = self.wire_session.audio
        spoken_by_us = isinstance(item, MessageItem) and item.role == "assistant"
        audio_format = audio.output.format if spoken_by_us else audio.input.format
        return ItemSound(as_format(pcm16, from_hz, audio_format))


def _fresh_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(10)}"


_HANDLERS: dict[type, Callable[[Conversation, Any], Awaitable[None]]] = {
    asked.SessionUpdate: Conversation._update,
    asked.InputAudioAppend: Conversation._append,
    asked.InputAudioCommit: Conversation._commit,
    asked.InputAudioClear: Conversation._clear,
    asked.ItemCreate: Conversation._create_item,
    asked.ItemRetrieve: Conversation._retrieve_item,
    asked.ItemDelete: Conversation._delete_item,
    asked.ItemTruncate: Conversation._truncate_item,
    asked.ResponseCreate: Conversation._respond,
    asked.ResponseCancel: Conversation._cancel,
    asked.OutputAudioClear: Conversation._clear_output,
}
