"""The first suspicion of a voice beside a sounding loudspeaker: quick, and easily taken back.

An echo canceller swallows part of a voice for as long as the reply sounds, and a detector that
shall not mistake its residue for speech sees too little of it for too long. So a light detector
cries first. The reply is paused, its echo dies away, and the careful detector judges what is left:

    loudspeaker  ============.          paused                .==========
    voicing      ........####|###.............................|..........
                            Raised                         Cleared: nobody agreed

Who goes on speaking, clearly and after the pause has taken hold, makes it `sure`: gaps between
words count nothing against them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .frames import samples
from .vad import VAD_RATE_HZ, Voicing

Change = Literal["raised", "cleared"]


@dataclass(frozen=True)
class AlarmSettings:
    """When to cry, in ms, and from which level on."""

    suspect_ms: int = 30
    """Open frames before the alarm, counted down by closed ones."""
    sure_ms: int = 120
    """Open frames, from before the alarm on, that make a voice; gaps do not count them down."""
    pause_ms: int = 30
    """From the alarm until the loudspeaker is silent."""
    after_pause_ms: int = 40
    """Open frames at `clear_dbfs` or louder after that: no echo is left, so somebody is there."""
    clear_dbfs: float = -38.0
    least_dbfs: float = -47.0
    """A softer frame is closed, whatever the detector says."""
    quiet_ms: int = 250
    """Closed frames that clear it."""
    patience_ms: int = 600
    """It is cleared after so long in any case: the careful detector had its time."""
    calm_ms: int = 200
    """Closed frames before it can be raised anew; what never pauses is no voice."""


@dataclass(frozen=True)
class AlarmState:
    """Counts in samples.

    Args:
        raised_at: where it was raised; None while it is not.
        run: leaky count of open frames.
        voiced: count of open frames since the first of `run`.
        clear: those after the pause that were loud.
        quiet: closed frames in a row.
        spent: it was cleared, and has not been calm since.
    """

    raised_at: int | None = None
    run: int = 0
    voiced: int = 0
    clear: int = 0
    quiet: int = 0
    spent: bool = False


class Alarm:
    """Cries for a light detector's voicings; see the module's text."""

    def __init__(self, settings: AlarmSettings | None = None) -> None:
        self.settings = settings or AlarmSettings()
        self._state = AlarmState()

    @property
    def raised(self) -> bool:
        """Whether somebody is suspected."""
        return self._state.raised_at is not None

    @property
    def sure(self) -> bool:
        """Whether whoever is suspected goes on speaking now that the reply is paused."""
        enough = self._state.voiced >= _samples(self.settings.sure_ms)
        return self.raised and enough and self._clear_enough

    @property
    def _clear_enough(self) -> bool:
        return self._state.clear >= _samples(self.settings.after_pause_ms)

    def step(self, voicing: Voicing, armed: bool) -> Change | None:
        """What one more frame changes; it is raised only while `armed`."""
        state = self._state = _counted(self._state, voicing, self.settings)
        if state.raised_at is not None:
            late = voicing.end - state.raised_at >= _samples(self.settings.patience_ms)
            if not late and state.quiet < _samples(self.settings.quiet_ms):
                return None
            self._state = AlarmState(quiet=state.quiet, spent=True)
            return "cleared"
        if not armed or state.spent or state.run < _samples(self.settings.suspect_ms):
            return None
        self._state = replace(state, raised_at=voicing.end)
        return "raised"

    def agree(self) -> None:
        """The careful detector found speech: the rest is its affair."""
        self._state = AlarmState(quiet=self._state.quiet, spent=True)


def _counted(state: AlarmState, voicing: Voicing, settings: AlarmSettings) -> AlarmState:
    length = voicing.end - voicing.start
    if voicing.probability >= 0.5 and voicing.level_dbfs >= settings.least_dbfs:
        clear = state.clear + length * _is_clear(state, voicing, settings)
        run, voiced = state.run + length, state.voiced + length
        return replace(state, run=run, voiced=voiced, clear=clear, quiet=0)
    quiet, run = state.quiet + length, max(state.run - length, 0)
    spent = state.spent and quiet < _samples(settings.calm_ms)
    if run == 0 and state.raised_at is None:
        state = replace(state, voiced=0, clear=0)
    return replace(state, run=run, quiet=quiet, spent=spent)


def _is_clear(state: AlarmState, voicing: Voicing, settings: AlarmSettings) -> bool:
    """Whether an open frame can be no echo."""
    if state.raised_at is None or voicing.level_dbfs < settings.clear_dbfs:
        return False
    return voicing.start - state.raised_at >= _samples(settings.pause_ms)


def _samples(duration_ms: int) -> int:
    return samples(duration_ms, VAD_RATE_HZ)
