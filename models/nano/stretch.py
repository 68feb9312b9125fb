"""Speaking rate: frames drawn together or apart in time before they become samples.

Frame j of what is spoken lies at position j * rate of what was decoded, between two frames:

    rate 1.5    decoded  0   1   2   3   4   5        spoken frame 1 is half of frames 1 and 2
                spoken   0     1     2     3

Pitch and filters keep their values, so the voice keeps its pitch and its timbre. At rate 1 each
frame is itself, and nothing waits.

Letters: B batch, T frames at 100 Hz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

SLOWEST, FASTEST = 0.25, 4.0


@dataclass(frozen=True, eq=False)
class StretchState:
    """Frames taken and given so far; `before` are the last taken [B, 1, ..], None at rate 1."""

    rate: float
    n_in: int = 0
    n_out: int = 0
    before: tuple[Tensor, ...] | None = None


def initial_stretch(rate: float) -> StretchState:
    """Before the first frame. Raises ValueError for a rate nobody understands."""
    if not SLOWEST <= rate <= FASTEST:
        raise ValueError(f"the speaking rate must be {SLOWEST:g} to {FASTEST:g}, not {rate:g}")
    return StretchState(rate)


def n_spoken(n_decoded: int, rate: float) -> int:
    """How many frames are spoken before position n_decoded."""
    return math.ceil(n_decoded / rate)


def stretch(
    tracks: tuple[Tensor, ...], state: StretchState, last: bool = False
) -> tuple[tuple[Tensor, ...], StretchState]:
    """The next frames [B, T, ..] of each track → those that can be spoken, and the state.

    last: no more frames come, so the last one also stands for the one after it.
    """
    if state.rate == 1:
        return tracks, state
    if state.before is not None:
        tracks = tuple(torch.cat(pair, dim=1) for pair in zip(state.before, tracks, strict=True))
    n = tracks[0].shape[1]
    first = state.n_in - (state.before is not None)  # position of the first frame at hand
    n_in = first + n
    end = n_spoken(n_in if last else max(0, n_in - 1), state.rate)
    position = torch.arange(state.n_out, max(end, state.n_out), dtype=torch.float64) * state.rate
    here = (position.floor().long() - first).clamp(min=0)
    share = (position - first - here).to(tracks[0])[:, None]
    there = (here + 1).clamp(max=n - 1)
    spoken = tuple(x[:, here] * (1 - share) + x[:, there] * share for x in tracks)
    kept = tuple(x[:, -1:] for x in tracks) if n else state.before
    return spoken, replace(state, n_in=n_in, n_out=max(end, state.n_out), before=kept)
