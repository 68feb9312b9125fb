"""One live conversation: sound and requests in, notices and sound out.

    engine = Engine(model)                                  # one for the whole process
    session = Session(engine, emit, SessionSettings(...), skills=SkillSet(...))
    await session.open()
    await session.append(pcm, 24000)                        # float32 [n], any cut, any pace
    session.commit(event_id="evt_1")                        # requests: one method each
    await session.close()

`emit(notice)` is called on the event loop, one notice after another in the order of the wire;
it must not block. Every complaint about a request is a ProtocolError notice with its event_id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..streaming.endpoint import EndpointSettings
from ..streaming.vad import VadKind
from .core.items import Item
from .core.notices import Notice
from .core.settings import ResponseOptions, Settings

Emit = Callable[[Notice], None]


@dataclass(frozen=True)
class SessionSettings:
    """Everything that can be set about a session.

    Args:
        core: how the conversation behaves.
        endpoint: when speech begins and ends.
        vad: which detector judges that.
        output_rate_hz: rate of AudioDelta.pcm.
        send_lead_ms: how far audio is sent ahead of real time, so that a barge-in finds most of
            it unsent; None sends it as fast as it is made.
        idle_timeout_ms: silence after a reply before the assistant speaks up; None never.
    """

    core: Settings = Settings()
    endpoint: EndpointSettings = EndpointSettings()
    vad: VadKind = "webrtc"
    output_rate_hz: int = 24000
    send_lead_ms: int | None = 500
    idle_timeout_ms: int | None = None


class Session:
    """See the module's text. (Interface first; the body follows.)"""

    async def open(self) -> None: ...
    async def append(self, pcm: object, rate_hz: int) -> None: ...
    async def close(self) -> None: ...
    def configure(self, settings: SessionSettings) -> None: ...
    def commit(self, event_id: str | None = None) -> None: ...
    def clear(self, event_id: str | None = None) -> None: ...
    def create_item(
        self,
        item: Item,
        after: str | None = None,
        event_id: str | None = None,
        audio: object | None = None,
        audio_rate_hz: int = 24000,
    ) -> None: ...
    def delete_item(self, item_id: str, event_id: str | None = None) -> None: ...
    def retrieve_item(self, item_id: str, event_id: str | None = None) -> None: ...
    def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int, event_id: str | None = None
    ) -> None: ...
    def respond(
        self,
        options: ResponseOptions = ResponseOptions(),
        input_items: tuple[Item, ...] = (),
        event_id: str | None = None,
    ) -> None: ...
    def cancel(self, response_id: str | None = None, event_id: str | None = None) -> None: ...
    def item_audio(self, item_id: str) -> tuple[bytes, int] | None:
        """PCM16 of an item (user or assistant) and its rate_hz, None where there is none."""
