"""The first suspicion of a voice beside a sounding loudspeaker: quick, and easily taken back.

An echo canceller swallows part of a voice for as long as the reply sounds, and a detector that
shall not mistake its residue for speech sees too little of it for too long. So a light detector
cries first. The reply is paused, its echo dies away, and the careful detector judges what is left:

    loudspeaker  ============.          paused                .==========
    voicing      ........####|###.............................|..........
                            Raised                         Cleared: nobody agreed
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

    suspect_ms: int = 40
    """Open frames before the alarm, counted down by closed ones."""
    least_dbfs: float = -47.0
    """A softer frame is closed, whatever the detector says."""
    quiet_ms: int = 150
    """Closed frames that clear it."""
    patience_ms: int = 450
    """It is cleared after so long in any case: the careful detector had its time."""
    calm_ms: int = 200
    """Closed frames before it can be raised anew; what never pauses is no voice."""


@dataclass(frozen=True)
class AlarmState:
    """Counts in samples.

    Args:
        raised_at: where it was raised; None while it is not.
        run: leaky count of open frames.
        quiet: closed frames in a row.
        spent: it was cleared, and has not been calm since.
    """

    raised_at: int | None = None
    run: int = 0
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

    def step(self, voicing: Voicing, armed: bool) -> Change | None:
        """What one more frame changes; it is raised only while `armed`."""
        state = self._state = _counted(self._state, voicing, self.settings)
        if state.raised_at is not None:
            late = voicing.end - state.raised_at >= _samples(self.settings.patience_ms)
            if not late and state.quiet < _samples(self.settings.quiet_ms):
                return None
            self._state = replace(state, raised_at=None, run=0, spent=True)
            return "cleared"
        if not armed or state.spent or state.run < _samples(self.settings.suspect_ms):
            return None
        self._state = replace(state, raised_at=voicing.end)
        return "raised"

    def agree(self) -> None:
        """The careful detector found speech: the rest is its affair."""
        self._state = replace(self._state, raised_at=None, run=0, spent=True)


def _counted(state: AlarmState, voicing: Voicing, settings: AlarmSettings) -> AlarmState:
    length = voicing.end - voicing.start
    if voicing.probability >= 0.5 and voicing.level_dbfs >= settings.least_dbfs:
        return replace(state, run=state.run + length, quiet=0)
    quiet = state.quiet + length
    spent = state.spent and quiet < _samples(settings.calm_ms)
    return replace(state, run=max(state.run - length, 0), quiet=quiet, spent=spent)


def _samples(duration_ms: int) -> int:
    return samples(duration_ms, VAD_RATE_HZ)
