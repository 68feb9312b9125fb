"""From input sound to the core's speech events: the detector, where its samples begin, and how
long it waits for more.

What is known of the moment comes from everywhere: the speaker's pauses from the detector's own
events, whether the words sound finished from the model (`judged`), whether the assistant asked
something from its last reply (`asked`), whether the loudspeaker sounds from the echo canceller
(`far_end`).
"""

from __future__ import annotations

from dataclasses import replace

from ..streaming import endpoint as found
from ..streaming.alarm import Alarm
from ..streaming.endpoint import EndpointSettings, SpeechDetector
from ..streaming.frames import Pcm
from ..streaming.patience import Patience
from ..streaming.pauses import Speaker
from ..streaming.vad import VAD_RATE_HZ, Vad, VadKind, make_vad
from ..streaming.vad_pair import VadPair
from .core import events as core

UNSURE_S = 5.0
"""So long after the loudspeaker first sounded an echo canceller may not know the room yet."""
ECHO_FLOOR_DBFS = -45.0
"""What is softer while the loudspeaker sounds is taken for its echo."""
ALARMED_ONSET_MS = 140
"""Open gate that makes a voice while the reply is paused for it: a light detector goes on hearing
it, and the echo is gone."""


class Hearing:
    """Finds speech in a stream; can be switched off, on, and to another detector on the way.

    Args:
        settings: when speech begins and ends.
        kind: which detector.
        patience: how long a silence ends a turn.
        echo: this machine's loudspeaker may be heard; `far_end` says when.
        yields: a suspicion pauses the reply. Where it does not its echo goes on, and nothing is
            taken for a voice the sooner.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        kind: VadKind,
        patience: Patience | None = None,
        echo: bool = False,
        yields: bool = True,
    ) -> None:
        self.yields = yields
        self._settings = settings
        self._kind = kind
        self._patience = patience or Patience()
        self._echo = echo
        self._speaker = Speaker()
        self._asked = False
        self._far_end = False
        self._far_end_samples = 0
        self.restart(0)

    def configure(
        self, settings: EndpointSettings, kind: VadKind, patience: Patience, at: int
    ) -> list[core.SpeechEvent]:
        """Other settings from now on; another detector begins at sample `at`.

        Gives how the old detector ends: what it held for speech is over.
        """
        self._settings, self._patience = settings, patience
        if kind == self._kind:
            self._apply()
            return []
        ended = [self._event(event) for event in self._detector.flush()]
        self._kind = kind
        self.restart(at)
        return ended

    def restart(self, at: int) -> None:
        """Begin afresh with sample `at`; the speaker is still the same."""
        self._origin = at
        self._fed = self._echo_until = 0
        self._complete: float | None = None
        self._speaker = replace(self._speaker, last_voiced=None, longest=0)
        self._vad = _detectors(self._kind, self._echo)
        self._alarm = Alarm()
        self._choose()
        self._detector = SpeechDetector(self._vad, self._settings)
        self._light = make_vad("webrtc") if self._echo else None
        self._suspected = False
        self._apply()

    def feed(self, pcm: Pcm) -> list[core.SpeechEvent]:
        """What the next samples [n] at 16 kHz bring."""
        self._fed += len(pcm)
        if self._far_end and self._unsure:
            self._echo_until = self._fed
        events = self._alarmed(pcm)
        for event in self._detector.events(pcm):
            self._learn(event)
            if self._tells(event):
                events.append(self._event(event))
        if self._far_end:
            self._far_end_samples += len(pcm)
            self._apply()
        return events

    def _alarmed(self, pcm: Pcm) -> list[core.SpeechEvent]:
        """The first suspicion beside a loudspeaker, and its end where nobody agreed."""
        events: list[core.SpeechEvent] = []
        if self._light is None:
            return events
        for voicing in self._light.feed(pcm):
            known = self._suspected or self._detector.speaking
            armed = self.yields and self._far_end and not self._unsure and not known
            change = self._alarm.step(voicing, armed)
            if change is None:
                continue
            self._choose()
            self._apply()
            if not known:
                told = core.SpeechSuspected if change == "raised" else core.SpeechDenied
                events.append(told(voicing.end + self._origin))
        return events

    def _tells(self, event: found.EndpointEvent) -> bool:
        """Whether an event of the detector says more than the alarm has said."""
        alarmed = self._alarm.raised
        if isinstance(event, found.Voiced | found.Unvoiced):
            self._suspected = isinstance(event, found.Voiced)
            return not alarmed
        if isinstance(event, found.SpeechStarted):
            self._suspected = False
            self._alarm.agree()
            self._choose()
        return True

    # --- what is known of the moment ---------------------------------------------------------

    def judged(self, complete: float | None) -> None:
        """In this pause the model takes the speaker to be done with this probability."""
        self._complete = complete
        self._apply()

    def asked(self, question: bool) -> None:
        """Whether the assistant's last reply was a question."""
        self._asked = question
        self._apply()

    @property
    def answers(self) -> bool:
        """The next turn answers a question of the assistant's."""
        return self._asked

    def far_end(self, active: bool) -> None:
        """Whether the loudspeaker sounds: what is heard may be its echo."""
        self._far_end = active
        self._choose()
        self._apply()

    @property
    def settings(self) -> EndpointSettings:
        """Those in effect at this moment."""
        return self._detector.settings

    def _choose(self) -> None:
        if isinstance(self._vad, VadPair):
            self._vad.choose(strict=not self._alarm.raised)

    def _learn(self, event: found.EndpointEvent) -> None:
        self._speaker = self._speaker.after(event)
        if isinstance(event, found.Resumed | found.Ended):
            self._complete = None
        if isinstance(event, found.Ended):
            self._asked = False
        self._apply()

    @property
    def _unsure(self) -> bool:
        """The canceller may not know the room yet."""
        return self._far_end_samples < UNSURE_S * VAD_RATE_HZ

    def _apply(self) -> None:
        """The detector's settings follow what is known."""
        settings = self._settings
        silence_ms = self._patience.silence_ms(
            settings.silence_ms, self._complete, self._speaker.pauses, self._asked
        )
        settings = replace(settings, silence_ms=silence_ms)
        if self._far_end:
            settings = beside_a_loudspeaker(settings, self._unsure, self._alarm.raised)
        if settings != self._detector.settings:
            self._detector.settings = settings

    def _event(self, event: found.EndpointEvent) -> core.SpeechEvent:
        at = event.at + self._origin
        if isinstance(event, found.Voiced):
            return core.SpeechSuspected(at)
        if isinstance(event, found.Unvoiced):
            return core.SpeechDenied(at)
        if isinstance(event, found.SpeechStarted):
            start, voiced = event.start + self._origin, event.first_voiced + self._origin
            return core.SpeechStarted(start, at, voiced, event.first_voiced < self._echo_until)
        if isinstance(event, found.Confirmed):
            return core.SpeechConfirmed(at)
        if isinstance(event, found.SoftEnd):
            return core.SpeechPaused(at)
        if isinstance(event, found.Resumed):
            return core.SpeechResumed(at)
        return core.SpeechEnded(event.end + self._origin, at)


def beside_a_loudspeaker(
    settings: EndpointSettings, unsure: bool, alarmed: bool = False
) -> EndpointSettings:
    """Settings that take no residue of an echo for speech.

    Args:
        settings: those of a room where nothing sounds.
        unsure: the canceller may not know the room yet.
        alarmed: the reply was paused for a suspicion, so its echo is dying away.
    """
    if alarmed:
        return replace(settings, onset_ms=ALARMED_ONSET_MS, least_dbfs=ECHO_FLOOR_DBFS)
    threshold = max(settings.on_threshold, 0.7 if unsure else 0.5)
    return replace(
        settings,
        on_threshold=threshold,
        off_threshold=max(settings.off_threshold, 0.7 * threshold),
        suspect_ms=max(settings.suspect_ms, 190 if unsure else 95),
        onset_ms=max(settings.onset_ms, 285 if unsure else 190),
        least_dbfs=max(settings.least_dbfs, ECHO_FLOOR_DBFS),
    )


def _detectors(kind: VadKind, echo: bool) -> Vad:
    """The detector asked for; with silero beside a loudspeaker a light one for alarms, too."""
    vad = make_vad(kind)
    if echo and vad.kind == "silero":
        return VadPair(make_vad("webrtc"), vad)
    return vad
