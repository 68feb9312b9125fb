"""Barge-in: what each preset makes of a voice during a reply. One table, no state.

               suspected   started   confirmed   denied or paused
    instant    pause       stop      stop        resume
    polite     pause       hold      stop        resume
    wait       -           hold      stop        -
    off        -           queue     -           -

"hold" keeps the speech in mind in case it is confirmed; "queue" opens the next turn while the
reply goes on.
"""

from __future__ import annotations

from typing import Literal

from .settings import BargeIn, Settings

Stage = Literal["suspected", "started", "confirmed", "denied"]
Verdict = Literal["pause", "resume", "hold", "queue", "stop", "ignore"]

_TABLE: dict[BargeIn, dict[Stage, Verdict]] = {
    "instant": {"suspected": "pause", "started": "stop", "confirmed": "stop", "denied": "resume"},
    "polite": {"suspected": "pause", "started": "hold", "confirmed": "stop", "denied": "resume"},
    "wait": {"suspected": "ignore", "started": "hold", "confirmed": "stop", "denied": "ignore"},
    "off": {"suspected": "ignore", "started": "queue", "confirmed": "ignore", "denied": "ignore"},
}


def verdict(settings: Settings, stage: Stage) -> Verdict:
    """What to do with the running reply at this stage of the user's speech."""
    preset: BargeIn = settings.barge_in if settings.interrupt_response else "off"
    return _TABLE[preset][stage]
