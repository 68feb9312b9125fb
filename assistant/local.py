"""The conversation with whoever is in the room: this machine's microphone and loudspeaker.

One more client of the core, without a socket in between:

    microphone thread -> queue on the event loop -> Session.append
    loudspeaker thread -> Session.playout_noticed
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from ..streaming.devices import DeviceUnavailable
from ..streaming.frames import Pcm
from ..streaming.playout import Notice as PlayoutNotice
from ..streaming.soundcard import SoundCard
from .core import notices as core
from .metrics import SessionMeter
from .session import Session
from .settings import AudioSettings
from .skills.house import House
from .sound import open_sound_card

log = logging.getLogger(__name__)

MICROPHONE_HZ = 16_000
LONGEST_BACKLOG = 250  # frames of 20 ms that may wait for the event loop


class LocalSound:
    """Microphone and loudspeaker on the event loop's side.

    Args:
        card: open devices.
        frames: what the microphone gave, 20 ms [320] each.
    """

    def __init__(self, card: SoundCard, frames: asyncio.Queue[Pcm]) -> None:
        self.card = card
        self._frames = frames
        self._session: Session | None = None
        self._meter: SessionMeter | None = None
        self._counted = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, audio: AudioSettings, house: House) -> LocalSound | None:
        """Open the devices; None, and a plain sentence in the log, where there are none."""
        loop = asyncio.get_running_loop()
        frames: asyncio.Queue[Pcm] = asyncio.Queue(LONGEST_BACKLOG)

        def keep(pcm: Pcm) -> None:
            if not frames.full():
                frames.put_nowait(pcm)

        def captured(pcm: Pcm) -> None:
            loop.call_soon_threadsafe(keep, pcm)

        def noticed(notice: PlayoutNotice) -> None:
            loop.call_soon_threadsafe(opened[0].noticed, notice)

        opened: list[LocalSound] = []
        try:
            card = open_sound_card(audio, captured, noticed)
        except DeviceUnavailable as error:
            log.warning("No local sound, only the WebSocket is served: %s.", error)
            return None
        opened.append(cls(card, frames))
        house.on_volume.append(lambda percent: card.playout.set_gain(percent / 100))
        return opened[0]

    def report(self) -> dict[str, object]:
        """How the sound fares, for /health."""
        front_end = self.card.front_end
        return {
            "echo": front_end.kind,
            "echo_reduced_db": front_end.erle_db,
            "clock_drift_ppm": front_end.drift_ppm,
        }

    async def converse(self, session: Session, meter: SessionMeter) -> None:
        """Give the microphone to a session that plays on this card."""
        self._session, self._meter = session, meter
        self._counted.enter_context(meter.metrics.session("microphone"))
        await session.open()
        self._task = asyncio.create_task(self._pump(session), name="microphone")
        log.info("listening to the microphone")

    def noticed(self, notice: PlayoutNotice) -> None:
        """What the loudspeaker says of a reply."""
        if self._session is not None:
            self._session.playout_noticed(notice)

    async def close(self) -> None:
        """End the conversation and close the devices; twice is fine."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        await asyncio.to_thread(self.card.close)
        self._counted.close()
        self._task = self._session = None

    async def _pump(self, session: Session) -> None:
        while True:
            pcm = await self._frames.get()
            if self._meter is not None:
                self._meter.heard(len(pcm) / MICROPHONE_HZ)
            try:
                await session.append(pcm, MICROPHONE_HZ)
            except Exception:  # the supervisor of this task: one bad frame must not make it deaf
                log.exception("a microphone frame could not be handled")


def log_notice(notice: core.Notice) -> None:
    """What the local conversation tells, for the log; words only below info."""
    if isinstance(notice, core.TranscriptionCompleted):
        log.debug("heard: %s", notice.transcript)
    elif isinstance(notice, core.TranscriptDone):
        log.debug("said: %s", notice.transcript)
    elif isinstance(notice, core.ResponseDone) and notice.response.status == "failed":
        log.warning("a reply failed: %s", notice.response.error)
    elif isinstance(notice, core.ProtocolError):
        log.warning("the local conversation: %s", notice.message)
