"""From input sound to the core's speech events: the detector, and where its samples begin."""

from __future__ import annotations

from ..streaming import endpoint as found
from ..streaming.endpoint import EndpointSettings, SpeechDetector
from ..streaming.frames import Pcm
from ..streaming.vad import VadKind, make_vad
from .core import events as core


class Hearing:
    """Finds speech in a stream; can be switched off, on, and to another detector on the way.

    Args:
        settings: when speech begins and ends.
        kind: which detector.
    """

    def __init__(self, settings: EndpointSettings, kind: VadKind) -> None:
        self._settings = settings
        self._kind = kind
        self._origin = 0
        self._detector = SpeechDetector(make_vad(kind), settings)

    def configure(
        self, settings: EndpointSettings, kind: VadKind, at: int
    ) -> list[core.SpeechEvent]:
        """Other settings from now on; another detector begins at sample `at`.

        Gives how the old detector ends: what it held for speech is over.
        """
        self._settings = settings
        self._detector.settings = settings
        if kind == self._kind:
            return []
        ended = [self._event(event) for event in self._detector.flush()]
        self._kind = kind
        self.restart(at)
        return ended

    def restart(self, at: int) -> None:
        """Begin afresh with sample `at`."""
        self._origin = at
        self._detector = SpeechDetector(make_vad(self._kind), self._settings)

    def feed(self, pcm: Pcm) -> list[core.SpeechEvent]:
        """What the next samples [n] at 16 kHz bring."""
        return [self._event(event) for event in self._detector.feed(pcm)]

    def _event(self, event: found.EndpointEvent) -> core.SpeechEvent:
        at = event.at + self._origin
        if isinstance(event, found.Voiced):
            return core.SpeechSuspected(at)
        if isinstance(event, found.Unvoiced):
            return core.SpeechDenied(at)
        if isinstance(event, found.SpeechStarted):
            return core.SpeechStarted(event.start + self._origin, at)
        if isinstance(event, found.Confirmed):
            return core.SpeechConfirmed(at)
        if isinstance(event, found.SoftEnd):
            return core.SpeechPaused(at)
        if isinstance(event, found.Resumed):
            return core.SpeechResumed(at)
        return core.SpeechEnded(event.end + self._origin, at)
