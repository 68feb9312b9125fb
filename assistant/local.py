"""The conversation with whoever is in the room: this machine's microphone and loudspeaker.

One more client of the core, without a socket in between:

    microphone thread -> MicrophoneControl -> SessionHearer -> Session.append
    loudspeaker thread -> Session.playout_noticed
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import asdict

from ..streaming.playout import Notice as PlayoutNotice
from ..streaming.soundcard import SoundCard
from .core import notices as core
from .local_hearer import SessionHearer
from .metrics import Metrics, SessionMeter
from .microphone_control import MicrophoneControl
from .session import Session
from .session_settings import SessionSettings
from .settings import AudioSettings, MicrophoneSettings
from .skills.house import House
from .switched_sound import open_switched_sound

log = logging.getLogger(__name__)


class LocalSound:
    """Microphone and loudspeaker on the event loop's side.

    Args:
        card: open devices.
        microphone: the switch between the card and the conversation.
    """

    def __init__(self, card: SoundCard, microphone: MicrophoneControl) -> None:
        self.card = card
        self.microphone = microphone
        self._session: Session | None = None
        self._counted = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, audio: AudioSettings, microphone: MicrophoneSettings, house: House, metrics: Metrics
    ) -> LocalSound:
        """Open the devices.

        Raises:
            DeviceUnavailable: there are none.
            UserError: what the configuration wants of the sound needs a package that is not here.
        """
        loop = asyncio.get_running_loop()

        def noticed(notice: PlayoutNotice) -> None:
            loop.call_soon_threadsafe(opened[0].noticed, notice)

        opened: list[LocalSound] = []
        card, control = await open_switched_sound(
            audio,
            microphone,
            noticed,
            metrics.microphone_changed,
            metrics.woken,
            metrics.microphone_dropped,
        )
        opened.append(cls(card, control))
        house.on_volume.append(lambda percent: card.playout.set_gain(percent / 100))
        return opened[0]

    def report(self) -> dict[str, object]:
        """How the sound fares, for /health."""
        front_end = self.card.front_end
        return {
            "echo": front_end.kind,
            "echo_reduced_db": front_end.erle_db,
            "clock_drift_ppm": self.card.drift_ppm,
            "microphone": asdict(self.microphone.status),
        }

    async def converse(
        self, session: Session, settings: SessionSettings, meter: SessionMeter
    ) -> None:
        """Give the microphone to a session, begun with `settings`, that plays on this card."""
        self._session = session
        self._counted.enter_context(meter.metrics.session("microphone"))
        await session.open()
        hearer = SessionHearer(session, settings, meter.heard)
        await self.microphone.begin(self.card, hearer)
        self._task = asyncio.create_task(self.microphone.run(), name="microphone")

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
        self.microphone.close()
        self._counted.close()
        self._task = self._session = None


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
