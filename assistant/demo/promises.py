"""What the demo promises, and whether it came true: its exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .director import Scene
from .script import DECLINING

LEAST_TURNS = 6
LEAST_RESULTS = 2


@dataclass(frozen=True)
class Promise:
    """One thing the demo shows."""

    text: str
    kept: bool


def promises(scenes: Sequence[Scene]) -> list[Promise]:
    """Every promise of the demo, judged by what happened."""
    answered = [scene for scene in scenes if scene.turn is not None and scene.turn.audio]
    results = [scene for scene in scenes if scene.line.result and spoke_result(scene)]
    cuts = [scene for scene in scenes if scene.line.cut_off_after_ms is not None]
    follow_ups = [s for s in scenes if s.line.promise.startswith("a follow-up")]
    refusals = [scene for scene in scenes if scene.line.declined]
    return [
        Promise(f"at least {LEAST_TURNS} turns answered in speech", len(answered) >= LEAST_TURNS),
        Promise(f"{LEAST_RESULTS} tool results spoken", len(results) >= LEAST_RESULTS),
        Promise("the person interrupts a reply", _all(cuts, was_cut_off)),
        Promise("a follow-up is understood from the turn before", _all(follow_ups, did_as_asked)),
        Promise("what it cannot do is declined without any action", _all(refusals, declined)),
        Promise("every line led to what it asked for", all(as_scripted(s) for s in scenes)),
    ]


def as_scripted(scene: Scene) -> bool:
    """Whether the line led to what the script says."""
    if scene.line.declined:
        return declined(scene)
    return did_as_asked(scene)


def did_as_asked(scene: Scene) -> bool:
    """The right action with the right arguments, and no other."""
    if scene.turn is None:
        return False
    done = [(action.name, dict(action.arguments)) for action in scene.turn.actions]
    wanted = [(scene.line.action, dict(scene.line.arguments))] if scene.line.action else []
    return done == wanted


def spoke_result(scene: Scene) -> bool:
    """The action ran and words came after the fixed part of the reply."""
    return did_as_asked(scene) and scene.turn is not None and len(scene.turn.said.split()) >= 3


def was_cut_off(scene: Scene) -> bool:
    return scene.turn is not None and scene.turn.interrupted


def declined(scene: Scene) -> bool:
    turn = scene.turn
    return turn is not None and not turn.actions and turn.said.startswith(DECLINING)


def _all(scenes: Sequence[Scene], check: Callable[[Scene], bool]) -> bool:
    """All of them, and there is one."""
    return bool(scenes) and all(check(scene) for scene in scenes)
