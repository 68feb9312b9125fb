"""The fixed set of scenes: which are played, by whom, on how many cores."""

from __future__ import annotations

import logging
import math
import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from vivavoce.assistant.settings import AudioSettings, BargeInSettings, Config
from vivavoce.models.catalog import load
from vivavoce.models.dialogue import SpeechModel

from .bystanders import disturbances
from .figures import Results
from .household import Lived
from .interruptions import interruptions
from .own_speech import own_speech
from .places import PLACES, Material
from .turns import LONG_MS, SHORT_MS, turns

MODEL = "nano"


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Args:
        places: names of rooms.
        own_s: seconds of own speech, over all rooms.
        n_interruptions: per preset, over all rooms; so are the next.
        n_bystanders: murmurs and noises.
        n_turns: turns with pauses; half as many with longer pauses.
        presets: of barge-in, for interruptions.
        kinds: ways to treat the echo that are compared.
        compared_s: seconds of own speech for each of them.
        echo: how it is treated everywhere else.
        seed: of all that is drawn.
    """

    places: tuple[str, ...] = tuple(PLACES)
    own_s: float = 3600.0
    n_interruptions: int = 120
    n_bystanders: int = 120
    n_turns: int = 120
    presets: tuple[str, ...] = ("instant", "polite")
    kinds: tuple[str, ...] = ("apm", "duck", "half_duplex", "none")
    compared_s: float = 240.0
    echo: str = "apm"
    seed: int = 1


QUICK = Plan(
    places=("desk",),
    own_s=5.0,
    n_interruptions=1,
    n_bystanders=2,
    n_turns=1,
    presets=("instant",),
    kinds=(),
)
LONGEST_SCENE_S = 150.0
COMPARED_PLACES = ("living room", "kitchen", "overdriven")
N_COMPARED = 5  # interruptions for each of them and each way to treat the echo

Play = Callable[[Material, SpeechModel], Lived[Any]]


@dataclass(frozen=True)
class Scene:
    """Something to be played, in a process of its own, and where its outcome goes."""

    play: Play
    keep: Callable[[Results, Any], None]


def scenes(plan: Plan) -> list[Scene]:
    """All of them, the longest first."""
    found = _own(plan)
    for preset in plan.presets:
        found += _interrupted(plan, preset)
    found += _disturbed(plan, "polite")
    found += _turns(plan)
    for kind in plan.kinds:
        found += _compared(plan, kind)
    return found


def _own(plan: Plan) -> list[Scene]:
    each_s = plan.own_s / len(plan.places)
    n = math.ceil(each_s / LONGEST_SCENE_S)
    config = _config(plan.echo, "polite")
    return [
        Scene(
            partial(
                own_speech, place=place, length_s=each_s / n, config=config, seed=plan.seed + index
            ),
            lambda results, found: results.own.append(found),
        )
        for index in range(n)
        for place in plan.places
    ]


def _interrupted(plan: Plan, preset: str) -> list[Scene]:
    config = _config(plan.echo, preset)
    return [
        Scene(
            partial(interruptions, place=place, chosen=chosen, config=config, seed=plan.seed),
            lambda results, found: results.interrupted[preset].extend(found),
        )
        for place, chosen in _shares(plan.places, plan.n_interruptions)
    ]


def _disturbed(plan: Plan, preset: str) -> list[Scene]:
    config = _config(plan.echo, preset)
    return [
        Scene(
            partial(disturbances, place=place, chosen=chosen, config=config, seed=plan.seed),
            lambda results, found: results.disturbed[preset].extend(found),
        )
        for place, chosen in _shares(plan.places, plan.n_bystanders)
    ]


def _turns(plan: Plan) -> list[Scene]:
    config = _config(plan.echo, "polite")

    def some(n: int, pauses_ms: tuple[float, float], keep: Callable[..., None]) -> list[Scene]:
        return [
            Scene(
                partial(
                    turns,
                    place=place,
                    chosen=chosen,
                    pauses_ms=pauses_ms,
                    config=config,
                    seed=plan.seed,
                ),
                keep,
            )
            for place, chosen in _shares(plan.places, n)
        ]

    short = some(plan.n_turns, SHORT_MS, lambda results, found: results.turns.extend(found))
    longer = plan.n_turns // 2
    return short + some(longer, LONG_MS, lambda results, found: results.hesitant.extend(found))


def _compared(plan: Plan, kind: str) -> list[Scene]:
    config = _config(kind, "instant")
    found = []
    places = [place for place in plan.places if place in COMPARED_PLACES] or plan.places
    n = N_COMPARED * len(places)
    for place, chosen in _shares(places, n):
        own = partial(
            own_speech,
            place=place,
            length_s=plan.compared_s / len(places),
            config=config,
            seed=plan.seed,
        )
        spoken = partial(interruptions, place=place, chosen=chosen, config=config, seed=plan.seed)
        found += [
            Scene(own, lambda results, one: results.cancellers[kind].own.append(one)),
            Scene(spoken, lambda results, some: results.cancellers[kind].interrupted.extend(some)),
        ]
    return found


def _shares(places: Sequence[str], n: int) -> list[tuple[str, slice]]:
    """What of `n` things happens where: by turns."""
    return [(place, slice(index, n, len(places))) for index, place in enumerate(places)]


def _config(echo: str, preset: str) -> Config:
    return Config(
        audio=AudioSettings.model_validate({"echo": echo}),
        barge_in=BargeInSettings.model_validate({"mode": preset}),
    )


# --- playing them ------------------------------------------------------------------------------


def play(plan: Plan, material: Material, cores: int, on_done: Callable[[], None]) -> Results:
    """Everything that the plan asks for."""
    results = Results()
    todo = scenes(plan)
    if cores == 1:
        ears = load(MODEL)
        outcomes = (_timed(scene.play, material, ears) for scene in todo)
        _keep(results, todo, outcomes, on_done)
        return results
    with ProcessPoolExecutor(
        cores, multiprocessing.get_context("spawn"), _begin_worker, (material,)
    ) as pool:
        futures = [pool.submit(_in_worker, scene.play) for scene in todo]
        _keep(results, todo, (future.result() for future in futures), on_done)
    return results


def _keep(
    results: Results,
    todo: Sequence[Scene],
    outcomes: Iterable[tuple[Lived[Any], float]],
    on_done: Callable[[], None],
) -> None:
    for scene, (lived, cpu_s) in zip(todo, outcomes, strict=True):
        scene.keep(results, lived.found)
        results.simulated_s += lived.simulated_s
        results.cpu_s += cpu_s
        on_done()


# --- in a worker's process ---------------------------------------------------------------------

_worker: dict[str, Any] = {}


def _begin_worker(material: Material) -> None:
    logging.basicConfig(level=logging.ERROR)  # the skills nano asks for are not there
    _worker["material"] = material
    _worker["ears"] = load(MODEL)


def _in_worker(scene: Play) -> tuple[Lived[Any], float]:
    return _timed(scene, _worker["material"], _worker["ears"])


def _timed(scene: Play, material: Material, ears: SpeechModel) -> tuple[Lived[Any], float]:
    began_s = time.process_time()
    return scene(material, ears), time.process_time() - began_s
