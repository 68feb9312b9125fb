"""What was measured, against its targets: one table, and everything as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.latency.report import Figure, machine
from benchmarks.latency.timing import percentile

from .bystanders import Disturbance
from .interruptions import PATIENCE_S, Interruption
from .noises import NOISES
from .own_speech import OwnSpeech
from .turns import SpokenTurn

CAUGHT_MS = 1000.0
NEVER_MS = 1000 * PATIENCE_S  # of who was not noticed: so long they were waited for
NAN = float("nan")


@dataclass
class Compared:
    """One way to treat the echo."""

    own: list[OwnSpeech] = field(default_factory=list)
    interrupted: list[Interruption] = field(default_factory=list)


@dataclass
class Results:
    """All scenes of a run.

    Args:
        own: nobody but the assistant speaks.
        interrupted: by preset.
        disturbed: by preset.
        turns: with pauses up to 400 ms.
        hesitant: with longer ones.
        cancellers: own speech and interruptions by what is done about the echo.
        simulated_s: seconds of the room.
        cpu_s: seconds of computing for them.
    """

    own: list[OwnSpeech] = field(default_factory=list)
    interrupted: dict[str, list[Interruption]] = field(default_factory=lambda: defaultdict(list))
    disturbed: dict[str, list[Disturbance]] = field(default_factory=lambda: defaultdict(list))
    turns: list[SpokenTurn] = field(default_factory=list)
    hesitant: list[SpokenTurn] = field(default_factory=list)
    cancellers: dict[str, Compared] = field(default_factory=lambda: defaultdict(Compared))
    simulated_s: float = 0.0
    cpu_s: float = 0.0


def figures(results: Results) -> list[Figure]:
    """All of them, with the targets of those that have one."""
    found: list[Figure] = []
    if results.own:
        found += own_figures(results.own)
    for preset, interrupted in results.interrupted.items():
        found += interruption_figures(interrupted, preset)
    for preset, disturbed in results.disturbed.items():
        found += disturbance_figures(disturbed, preset)
    if results.turns:
        found += turn_figures(results.turns, "100 to 400 ms", at_most=2.0)
    if results.hesitant:
        found += turn_figures(results.hesitant, "500 to 900 ms", at_most=None)
    for kind, compared in results.cancellers.items():
        found += canceller_figures(compared, kind)
    if results.cpu_s:
        pace = results.simulated_s / results.cpu_s
        found.append(Figure("the simulation", "faster than real time, one core", pace, "times"))
    return found


def own_figures(own: Sequence[OwnSpeech]) -> list[Figure]:
    """Does it interrupt itself?"""
    part = "own speech with echo, nobody else speaks"
    spoken_s = sum(one.spoken_s for one in own)
    silent = 100 * sum(one.silent_s for one in own) / spoken_s
    return [
        Figure(part, "speech measured", spoken_s / 60, "min"),
        Figure(part, "false barge-ins", _per_hour(o.n_stopped for o in own) / spoken_s, "/ h", 1.0),
        Figure(
            part, "pauses for a suspicion", _per_hour(o.n_paused for o in own) / spoken_s, "/ h"
        ),
        Figure(part, "time lost by them", silent, "%"),
        *(
            Figure(part, f"echo return loss, {place}", mean(o.erle_db for o in some), "dB")
            for place, some in _by_place(own).items()
        ),
    ]


def interruption_figures(done: Sequence[Interruption], preset: str) -> list[Figure]:
    """Does it yield, and how fast?"""
    part = f"interruptions, {preset}"
    caught = [one for one in done if (one.stopped_ms or 1e9) <= CAUGHT_MS]
    silent = [one for one in done if one.silence_ms is not None and one.silence_ms <= CAUGHT_MS]
    confirmed = 350.0 if preset == "instant" else None
    return [
        Figure(part, "people who interrupted", len(done), "people"),
        Figure(part, "caught within 1 s", share(len(caught), len(done)), "%", None, 95.0),
        Figure(part, "silent for good within 1 s", share(len(silent), len(done)), "%"),
        *_pair(part, "suspicion → silence", [o.suspicion_to_silence_ms for o in done], 60.0),
        *_pair(
            part,
            "first voiced sample → silence",
            [NEVER_MS if o.silence_ms is None else o.silence_ms for o in done],
        ),
        *_pair(part, "  with the loudspeaker's delay", [o.audible_ms for o in done]),
        *_pair(
            part,
            "first voiced sample → stop confirmed",
            [NEVER_MS if o.stopped_ms is None else o.stopped_ms for o in done],
            confirmed,
        ),
    ]


def disturbance_figures(done: Sequence[Disturbance], preset: str) -> list[Figure]:
    """Does it speak on, and say every sample once?"""
    part = f"backchannels and noises, {preset}"
    whole = sum(not one.ended and not one.fault for one in done)
    kinds = defaultdict(list)
    for one in done:
        kinds["noises" if one.name in (*NOISES, "babble") else "backchannels"].append(one)
    target = 90.0 if preset == "polite" else None
    return [
        Figure(part, "sounds", len(done), "sounds"),
        Figure(part, "replies that went on, whole", share(whole, len(done)), "%", None, target),
        *(
            Figure(part, f"  {kind}", share(sum(not o.ended for o in some), len(some)), "%")
            for kind, some in sorted(kinds.items())
        ),
        Figure(
            part,
            "replies with a lost or repeated sample",
            sum(bool(o.fault) for o in done),
            "replies",
            0.0,
        ),
        *_pair(part, "silent in the reply", [one.silent_ms for one in done if not one.ended]),
    ]


def turn_figures(done: Sequence[SpokenTurn], pauses: str, at_most: float | None) -> list[Figure]:
    """Does it wait, and not too long?"""
    part = f"turns with pauses of {pauses}"
    cut = sum(one.n_cuts > 0 for one in done)
    return [
        Figure(part, "turns", len(done), "turns"),
        Figure(part, "false ends per 100 turns", share(cut, len(done)), "", at_most),
        Figure(part, "turns that never ended", sum(o.delay_ms is None for o in done), "turns", 0.0),
        *_pair(part, "last voiced sample → end", [o.delay_ms for o in done if not o.n_cuts]),
    ]


def canceller_figures(compared: Compared, kind: str) -> list[Figure]:
    """The same rooms with another way to treat the echo."""
    part = f"compared: echo = {kind}"
    own, done = compared.own, compared.interrupted
    spoken_s = sum(one.spoken_s for one in own)
    caught = sum((one.stopped_ms or 1e9) <= CAUGHT_MS for one in done)
    deaf = kind in ("duck", "half_duplex")  # what passes is silence, and says nothing of a loss
    loss = [] if deaf else [Figure(part, "echo return loss", mean(o.erle_db for o in own), "dB")]
    return [
        *loss,
        Figure(part, "false barge-ins", _per_hour(o.n_stopped for o in own) / spoken_s, "/ h"),
        Figure(
            part, "pauses for a suspicion", _per_hour(o.n_paused for o in own) / spoken_s, "/ h"
        ),
        Figure(part, "interruptions caught within 1 s, instant", share(caught, len(done)), "%"),
    ]


def as_json(results: Results, shown: Sequence[Figure], settings: dict[str, Any]) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "machine": machine(),
        "settings": settings,
        "figures": [{**asdict(f), "name": f.name.strip(), "met": f.met} for f in shown],
        "own": [asdict(one) for one in results.own],
        "interrupted": _by_name(results.interrupted),
        "disturbed": _by_name(results.disturbed),
        "turns": [asdict(one) for one in results.turns],
        "hesitant": [asdict(one) for one in results.hesitant],
        "cancellers": {kind: asdict(one) for kind, one in results.cancellers.items()},
    }


def _by_name(scenes: Mapping[str, Sequence[Any]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [asdict(one) for one in some] for name, some in scenes.items()}


def share(n: int, of: int) -> float:
    """In percent; nothing of nothing is not a number."""
    return 100 * n / of if of else NAN


def mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else NAN


def _per_hour(counts: Iterable[int]) -> float:
    """To be divided by seconds."""
    return 3600.0 * sum(counts)


def _by_place(own: Sequence[OwnSpeech]) -> dict[str, list[OwnSpeech]]:
    places: dict[str, list[OwnSpeech]] = defaultdict(list)
    for one in own:
        places[one.place].append(one)
    return places


def _pair(
    part: str, name: str, values: Iterable[float | None], p95_at_most: float | None = None
) -> list[Figure]:
    known = [value for value in values if value is not None]
    return [
        Figure(part, f"{name}, p50", percentile(known, 50), "ms"),
        Figure(part, f"{name}, p95", percentile(known, 95), "ms", p95_at_most),
    ]
