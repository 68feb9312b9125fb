"""The session in the room, as the microphone's switch knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..streaming.frames import Pcm
from .microphone_control import MICROPHONE_HZ
from .session import Session
from .session_settings import SessionSettings


class SessionHearer:
    """Carries out what the microphone wants of a session.

    Args:
        session: open.
        settings: with which it began; nobody else changes them.
        on_heard: is told how many seconds of sound went in.
    """

    def __init__(
        self,
        session: Session,
        settings: SessionSettings,
        on_heard: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._session = session
        self._settings = settings
        self._on_heard = on_heard
        self._by_hand = False
        self._playing = False

    @property
    def engaged(self) -> bool:
        return self._session.speaking or self._session.listening

    async def hear(self, pcm: Pcm, playing: bool = False) -> None:
        self._on_heard(len(pcm) / MICROPHONE_HZ)
        if playing != self._playing:
            self._playing = playing
            self._session.far_end(playing)
        await self._session.append(pcm, MICROPHONE_HZ)

    async def forget(self, by_hand: bool) -> None:
        self._session.clear()
        if by_hand != self._by_hand:
            self._by_hand = by_hand
            core = replace(self._settings.core, turn_detection=not by_hand)
            self._session.configure(replace(self._settings, core=core))

    async def answer(self) -> None:
        await self.interrupt(by_hand=True)
        self._session.commit()
        self._session.respond()

    async def interrupt(self, by_hand: bool) -> None:
        """The wake word is a voice: it may not interrupt where voices may not."""
        voices_may = self._settings.core.barge_in in ("instant", "polite")
        if self._session.speaking and (by_hand or voices_may):
            self._session.cancel()
