"""Barge-in: what each preset makes of a voice during a reply. One table, no state.

                suspected   started   understood
    instant     pause       stop      stop
    polite      pause       ask       stop
    wait        -           ask       queue
    off         -           -         -
    forbidden   -           queue     queue       a client's `interrupt_response: false`

"ask" has the model write down what is being said, and holds the speech until then: a murmur or
a noise is forgotten, and a paused reply goes on; a stop phrase silences the assistant, whatever
the table says; anything else is "understood". "queue" opens the next turn while the reply goes
on. A suspicion that comes to nothing lets a paused reply go on.
"""

from __future__ import annotations

from typing import Literal

from .settings import BargeIn, Settings

Stage = Literal["suspected", "started", "understood"]
Verdict = Literal["pause", "ask", "queue", "stop", "ignore"]

_TABLE: dict[BargeIn | Literal["forbidden"], dict[Stage, Verdict]] = {
    "instant": {"suspected": "pause", "started": "stop", "understood": "stop"},
    "polite": {"suspected": "pause", "started": "ask", "understood": "stop"},
    "wait": {"suspected": "ignore", "started": "ask", "understood": "queue"},
    "off": {"suspected": "ignore", "started": "ignore", "understood": "ignore"},
    "forbidden": {"suspected": "ignore", "started": "queue", "understood": "queue"},
}

YIELDING: frozenset[BargeIn] = frozenset({"instant", "polite"})
"""The presets that let speech stop a reply."""


def yields(settings: Settings) -> bool:
    """Whether a mere suspicion pauses the reply."""
    return verdict(settings, "suspected") == "pause"


def verdict(settings: Settings, stage: Stage) -> Verdict:
    """What to do with the running reply at this stage of the user's speech."""
    return _TABLE[settings.barge_in if settings.interrupt_response else "forbidden"][stage]
