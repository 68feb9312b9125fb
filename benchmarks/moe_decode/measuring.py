"""Timing in rounds: every path once a round, a read of memory before each, the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import Tensor

from vivavoce.models.ming.modality import AUDIO
from vivavoce.models.ming.positions import ordinary
from vivavoce.models.ming.thinker import MingThinker, cut

from .paths import Path

Clock = Callable[[], float]
"""Seconds: of the wall, or of the CPU as far as this thread had it."""


@dataclass
class Times:
    """Seconds of one path, round by round, and bytes per second read just before."""

    layers: list[float] = field(default_factory=list)
    head: list[float] = field(default_factory=list)
    bandwidth: list[float] = field(default_factory=list)


class Probe:
    """Reads memory at full speed; between two calls it also empties the processor's caches."""

    def __init__(self, n_bytes: int, clock: Clock) -> None:
        self._block = torch.ones(n_bytes // 4)
        self._n_bytes, self._clock = n_bytes, clock

    def __call__(self) -> float:
        """Bytes per second."""
        return self._n_bytes / _seconds(self._block.sum, self._clock)


def rounds(
    paths: Sequence[Path],
    probe: Probe,
    n: int,
    dim: int,
    clock: Clock,
    done: Callable[[], None],
) -> dict[str, Times]:
    """Measure all paths n times by turns, after two rounds that do not count."""
    found = {path.name: Times() for path in paths}
    for index in range(n + 2):
        x = torch.randn(1, 1, dim)
        for path in paths[index % len(paths) :] + list(paths[: index % len(paths)]):
            one = x if path.batch == 1 else torch.randn(path.batch, 1, dim)
            bandwidth = probe()
            _time(path, one.bfloat16(), found[path.name], bandwidth, clock)
        if index == 1:
            found = {path.name: Times() for path in paths}
        done()
    return found


def _time(path: Path, x: Tensor, times: Times, bandwidth: float, clock: Clock) -> None:
    times.bandwidth.append(bandwidth)
    start = clock()
    x = path.layers(x)
    middle = clock()
    path.head(x)
    times.layers.append(middle - start)
    times.head.append(clock() - middle)


@dataclass(frozen=True)
class Prefill:
    """Seconds to read a whole turn, and to read only what is left when its end is known."""

    whole: float
    left: float


def prefill(thinker: MingThinker, n_turn: int, n_left: int, n_rounds: int, clock: Clock) -> Prefill:
    """Median over rounds, by turns; the rest of the turn was read while it was spoken."""
    x = torch.randn(1, n_turn, thinker.config.dim).to(thinker.embedding.weight.dtype)
    places = ordinary(0, n_turn)[:, None]
    before = n_turn - n_left
    _, heard = thinker.step(x[:, :before], AUDIO, places[:, :, :before], thinker.initial())
    whole, left = [], []
    for _ in range(n_rounds):
        whole.append(_seconds(lambda: thinker.step(x, AUDIO, places, thinker.initial()), clock))
        rest = x[:, before:], AUDIO, places[:, :, before:], cut(heard, before)
        left.append(_seconds(lambda rest=rest: thinker.step(*rest), clock))
    return Prefill(median(whole), median(left))


def _seconds(run: Callable[[], object], clock: Clock) -> float:
    start = clock()
    run()
    return clock() - start
