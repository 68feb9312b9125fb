"""Barge-in: what each preset makes of a voice during a reply. One table, no state.

               suspected   started   confirmed
    instant    pause       stop      stop
    polite     pause       hold      stop
    wait       -           queue     -
    off        -           -         -

"hold" keeps the speech in mind in case it is confirmed; "queue" opens the next turn while the
reply goes on. A suspicion that comes to nothing lets a paused reply go on.
"""

from __future__ import annotations

from typing import Literal

from .settings import BargeIn, Settings

Stage = Literal["suspected", "started", "confirmed"]
Verdict = Literal["pause", "hold", "queue", "stop", "ignore"]

_TABLE: dict[BargeIn, dict[Stage, Verdict]] = {
    "instant": {"suspected": "pause", "started": "stop", "confirmed": "stop"},
    "polite": {"suspected": "pause", "started": "hold", "confirmed": "stop"},
    "wait": {"suspected": "ignore", "started": "queue", "confirmed": "ignore"},
    "off": {"suspected": "ignore", "started": "ignore", "confirmed": "ignore"},
}


def verdict(settings: Settings, stage: Stage) -> Verdict:
    """What to do with the running reply at this stage of the user's speech."""
    preset: BargeIn = settings.barge_in if settings.interrupt_response else "wait"
    return _TABLE[preset][stage]
