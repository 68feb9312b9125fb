"""How long each spoken turn took, stage by stage.

speech ends     soft end        endpoint   first audio
    |-- silence ----|--------------|-----------|
    |      endpoint silence        |everything |
                    |--first part--|   else
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .core import events
from .core.events import Event
from .core.notices import AudioDelta, Notice


@dataclass(frozen=True)
class TurnTimes:
    """One turn. Sample indices at the input rate, durations in ms of the wall clock.

    Args:
        speech_end: where the user's speech ended.
        endpoint: where the endpoint was sure.
        silence_ms: audio between the two.
        first_audio_ms: from the endpoint's arrival to the first audio sent: everything else.
        prepared_ms: from the soft end to the first part of the prepared reply; None without.
    """

    speech_end: int
    endpoint: int
    silence_ms: float
    first_audio_ms: float
    prepared_ms: float | None


class TurnClock:
    """Watches a session and reports each turn once its first audio is out.

    Args:
        rate_hz: of the input.
        clock: seconds.
        report: takes the times.
    """

    def __init__(
        self, rate_hz: int, clock: Callable[[], float], report: Callable[[TurnTimes], None]
    ) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._report = report
        self._soft_end_s: float | None = None
        self._prepared_s: float | None = None
        self._ended: tuple[events.SpeechEnded, float] | None = None

    def happened(self, event: Event) -> None:
        if isinstance(event, events.SpeechStarted | events.SpeechResumed):
            self._soft_end_s = self._prepared_s = self._ended = None
        elif isinstance(event, events.SpeechPaused):
            self._soft_end_s = self._clock()
        elif isinstance(event, events.ReplyAudio) and self._soft_end_s is not None:
            self._prepared_s = self._prepared_s or self._clock()
        elif isinstance(event, events.SpeechEnded):
            self._ended = (event, self._clock())

    def told(self, notice: Notice) -> None:
        if not isinstance(notice, AudioDelta) or self._ended is None:
            return
        event, ended_s = self._ended
        early = self._prepared_s is not None and self._prepared_s <= ended_s
        prepared_s = self._prepared_s if early else None
        waited = None
        if prepared_s is not None and self._soft_end_s is not None:
            waited = (prepared_s - self._soft_end_s) * 1000
        self._report(
            TurnTimes(
                event.end,
                event.at,
                (event.at - event.end) * 1000 / self._rate_hz,
                (self._clock() - ended_s) * 1000,
                waited,
            )
        )
        self._ended = self._soft_end_s = self._prepared_s = None
