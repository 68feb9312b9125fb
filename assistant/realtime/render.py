"""From the core's notices to events on the wire; one notice is one event.

The core has put them in order; nothing is added, held back or reordered here.
"""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core import notices as core
from ..core.items import Item
from ..languages import language_code
from . import server_events as wire
from .render_items import ItemSound, item_out
from .render_response import response_out
from .response_object import Response
from .session_object import SessionObject
from .settings import AudioFormat, Modality
from .wire import ServerEvent


class EventIds:
    """Unique event ids: a random stem and a counter."""

    def __init__(self) -> None:
        self._stem = secrets.token_hex(6)
        self._count = itertools.count(1)

    def next(self) -> str:
        return f"event_{self._stem}{next(self._count):06d}"


@dataclass(frozen=True)
class ResponseSound:
    """How a response sounds; it keeps what it began with."""

    format: AudioFormat
    voice: str


@dataclass
class Renderer:
    """Writes one session's events.

    Args:
        session: gives the session object in effect.
        conversation_id: shown in responses that belong to the conversation.
        input_rate_hz: rate of the core's input times.
        sound_of: an item's sound, for conversation.item.retrieved; None where there is none.
        encode: 16-bit PCM of a response (id, pcm) as bytes in that response's format.
    """

    session: Callable[[], SessionObject]
    conversation_id: str
    input_rate_hz: int
    sound_of: Callable[[Item], ItemSound | None]
    encode: Callable[[str, bytes], bytes]
    response_sounds: dict[str, ResponseSound] = field(default_factory=dict)
    _ids: EventIds = field(default_factory=EventIds)

    def error(
        self,
        code: str,
        message: str,
        param: str | None = None,
        event_id: str | None = None,
        *,
        ours: bool = False,
    ) -> ServerEvent:
        """An error event; `event_id` is the client's own, `ours` takes the blame."""
        body = error_body(code, message, param, event_id, ours=ours)
        return self._event(wire.ErrorEvent, error=body)

    def session_created(self) -> ServerEvent:
        return self._event(wire.SessionCreated, session=self.session())

    def session_updated(self) -> ServerEvent:
        return self._event(wire.SessionUpdated, session=self.session())

    def notice(self, notice: core.Notice) -> ServerEvent:
        """The event that tells the client this notice."""
        return _TABLE[type(notice)](self, notice)

    def milliseconds(self, samples: int) -> int:
        return samples * 1000 // self.input_rate_hz

    def _event(self, model: type[ServerEvent], **fields: Any) -> ServerEvent:
        return model(event_id=self._ids.next(), **fields)

    # --- input ---

    def _speech_started(self, notice: core.SpeechStartedNotice) -> ServerEvent:
        start_ms = self.milliseconds(notice.start)
        return self._event(wire.SpeechStarted, item_id=notice.item_id, audio_start_ms=start_ms)

    def _speech_stopped(self, notice: core.SpeechStoppedNotice) -> ServerEvent:
        end_ms = self.milliseconds(notice.end)
        return self._event(wire.SpeechStopped, item_id=notice.item_id, audio_end_ms=end_ms)

    def _committed(self, notice: core.InputCommitted) -> ServerEvent:
        return self._event(
            wire.InputCommitted,
            item_id=notice.item_id,
            previous_item_id=notice.previous_item_id,
        )

    def _cleared(self, notice: core.InputCleared) -> ServerEvent:
        return self._event(wire.InputCleared)

    def _timed_out(self, notice: core.TimeoutTriggered) -> ServerEvent:
        return self._event(
            wire.TimeoutTriggered,
            item_id=notice.item_id,
            audio_start_ms=self.milliseconds(notice.start),
            audio_end_ms=self.milliseconds(notice.end),
        )

    # --- items ---

    def _item_added(self, notice: core.ItemAdded) -> ServerEvent:
        return self._event(
            wire.ItemAdded,
            previous_item_id=notice.previous_item_id,
            item=item_out(notice.item),
        )

    def _item_done(self, notice: core.ItemDone) -> ServerEvent:
        return self._event(
            wire.ItemDone,
            previous_item_id=notice.previous_item_id,
            item=item_out(notice.item),
        )

    def _retrieved(self, notice: core.ItemRetrieved) -> ServerEvent:
        sound = self.sound_of(notice.item)
        return self._event(wire.ItemRetrieved, item=item_out(notice.item, sound))

    def _deleted(self, notice: core.ItemDeleted) -> ServerEvent:
        return self._event(wire.ItemDeleted, item_id=notice.item_id)

    def _truncated(self, notice: core.ItemTruncated) -> ServerEvent:
        return self._event(
            wire.ItemTruncated,
            item_id=notice.item_id,
            content_index=notice.content_index,
            audio_end_ms=notice.audio_end_ms,
        )

    def _transcribed(self, notice: core.TranscriptionCompleted) -> ServerEvent:
        seconds = notice.n_samples / self.input_rate_hz
        return self._event(
            wire.TranscriptionCompleted,
            item_id=notice.item_id,
            content_index=notice.content_index,
            transcript=notice.transcript,
            languages=_languages(notice.language),
            usage=wire.DurationUsage(seconds=round(seconds, 3)),
        )

    def _not_transcribed(self, notice: core.TranscriptionFailed) -> ServerEvent:
        return self._event(
            wire.TranscriptionFailed,
            item_id=notice.item_id,
            content_index=notice.content_index,
            error=wire.TranscriptionError(
                type="server_error", code="transcription_failed", message=notice.message
            ),
        )

    # --- responses ---

    def _response(self, view: core.ResponseView) -> Response:
        audio = self.session().audio.output
        sound = self.response_sounds.get(view.id, ResponseSound(audio.format, audio.voice))
        conversation = self.conversation_id if view.in_conversation else None
        return response_out(view, conversation, sound.format, sound.voice)

    def _response_created(self, notice: core.ResponseCreated) -> ServerEvent:
        return self._event(wire.ResponseCreated, response=self._response(notice.response))

    def _response_done(self, notice: core.ResponseDone) -> ServerEvent:
        event = self._event(wire.ResponseDone, response=self._response(notice.response))
        self.response_sounds.pop(notice.response.id, None)
        return event

    def _output_item_added(self, notice: core.OutputItemAdded) -> ServerEvent:
        return self._event(
            wire.OutputItemAdded,
            response_id=notice.response_id,
            output_index=notice.output_index,
            item=item_out(notice.item),
        )

    def _output_item_done(self, notice: core.OutputItemDone) -> ServerEvent:
        return self._event(
            wire.OutputItemDone,
            response_id=notice.response_id,
            output_index=notice.output_index,
            item=item_out(notice.item),
        )

    def _at(self, model: type[wire.PartEvent], place: core.PartPlace, **fields: Any) -> ServerEvent:
        return self._event(
            model,
            response_id=place.response_id,
            item_id=place.item_id,
            output_index=place.output_index,
            content_index=place.content_index,
            **fields,
        )

    def _part_added(self, notice: core.ContentPartAdded) -> ServerEvent:
        return self._at(wire.ContentPartAdded, notice.place, part=_part(notice.modality, ""))

    def _part_done(self, notice: core.ContentPartDone) -> ServerEvent:
        part = _part(notice.modality, notice.text)
        return self._at(wire.ContentPartDone, notice.place, part=part)

    def _text_delta(self, notice: core.TextDelta) -> ServerEvent:
        return self._at(wire.TextDelta, notice.place, delta=notice.delta)

    def _text_done(self, notice: core.TextDone) -> ServerEvent:
        return self._at(wire.TextDone, notice.place, text=notice.text)

    def _transcript_delta(self, notice: core.TranscriptDelta) -> ServerEvent:
        return self._at(wire.TranscriptDelta, notice.place, delta=notice.delta)

    def _transcript_done(self, notice: core.TranscriptDone) -> ServerEvent:
        return self._at(wire.TranscriptDone, notice.place, transcript=notice.transcript)

    def _audio_delta(self, notice: core.AudioDelta) -> ServerEvent:
        return self.audio_delta(notice.place, self.encode(notice.place.response_id, notice.pcm))

    def audio_delta(self, place: core.PartPlace, data: bytes) -> ServerEvent:
        """A piece of sound, `data` in the response's format."""
        return self._at(wire.AudioDelta, place, delta=base64.b64encode(data).decode("ascii"))

    def _audio_done(self, notice: core.AudioDone) -> ServerEvent:
        return self._at(wire.AudioDone, notice.place)

    def _arguments_delta(self, notice: core.ArgumentsDelta) -> ServerEvent:
        return self._event(
            wire.ArgumentsDelta,
            response_id=notice.place.response_id,
            item_id=notice.place.item_id,
            output_index=notice.place.output_index,
            call_id=notice.call_id,
            delta=notice.delta,
        )

    def _arguments_done(self, notice: core.ArgumentsDone) -> ServerEvent:
        return self._event(
            wire.ArgumentsDone,
            response_id=notice.place.response_id,
            item_id=notice.place.item_id,
            output_index=notice.place.output_index,
            call_id=notice.call_id,
            name=notice.name,
            arguments=notice.arguments,
        )

    def _complaint(self, notice: core.ProtocolError) -> ServerEvent:
        return self.error(notice.code, notice.message, notice.param, notice.event_id)


def error_body(
    code: str,
    message: str,
    param: str | None = None,
    event_id: str | None = None,
    *,
    ours: bool = False,
) -> wire.ErrorBody:
    """What an error event says."""
    return wire.ErrorBody(
        type="server_error" if ours else "invalid_request_error",
        code=code,
        message=message,
        param=param,
        event_id=event_id,
    )


def lone_error(code: str, message: str, *, ours: bool = False) -> ServerEvent:
    """An error event for a client that has no session."""
    return wire.ErrorEvent(event_id=EventIds().next(), error=error_body(code, message, ours=ours))


def _part(modality: Modality, text: str) -> wire.Part:
    """A part as the content_part events show it: `text` or `transcript`, never both."""
    if modality == "audio":
        return wire.Part(type="audio", transcript=text)
    return wire.Part(type="text", text=text)


def _languages(name: str) -> list[wire.TranscriptionLanguage] | None:
    code = language_code(name)
    return None if code is None else [wire.TranscriptionLanguage(code=code)]


_TABLE: dict[type, Callable[[Renderer, Any], ServerEvent]] = {
    core.SpeechStartedNotice: Renderer._speech_started,
    core.SpeechStoppedNotice: Renderer._speech_stopped,
    core.InputCommitted: Renderer._committed,
    core.InputCleared: Renderer._cleared,
    core.TimeoutTriggered: Renderer._timed_out,
    core.ItemAdded: Renderer._item_added,
    core.ItemDone: Renderer._item_done,
    core.ItemRetrieved: Renderer._retrieved,
    core.ItemDeleted: Renderer._deleted,
    core.ItemTruncated: Renderer._truncated,
    core.TranscriptionCompleted: Renderer._transcribed,
    core.TranscriptionFailed: Renderer._not_transcribed,
    core.ResponseCreated: Renderer._response_created,
    core.ResponseDone: Renderer._response_done,
    core.OutputItemAdded: Renderer._output_item_added,
    core.OutputItemDone: Renderer._output_item_done,
    core.ContentPartAdded: Renderer._part_added,
    core.ContentPartDone: Renderer._part_done,
    core.TextDelta: Renderer._text_delta,
    core.TextDone: Renderer._text_done,
    core.TranscriptDelta: Renderer._transcript_delta,
    core.TranscriptDone: Renderer._transcript_done,
    core.AudioDelta: Renderer._audio_delta,
    core.AudioDone: Renderer._audio_done,
    core.ArgumentsDelta: Renderer._arguments_delta,
    core.ArgumentsDone: Renderer._arguments_done,
    core.ProtocolError: Renderer._complaint,
}
