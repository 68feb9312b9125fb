"""Features of a turn that still grows: samples in any pieces → frames at 100 Hz, kept as a value.

Frames are computed in groups of 32 (320 ms) as soon as their samples exist, so how the samples
were cut never shows in them. The frames after the last whole group are computed when the turn is
taken as over; for Whisper they look at samples mirrored at the end.

    samples  0 ...................... 5159 ......... n      Whisper: frame 31 ends at 160 · 31 + 200
    groups   [       32 frames       ][   32 frames   ][ rest ]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .features import (
    HALF,
    HOP,
    INT16_SCALE,
    STACK,
    STRIDE,
    WINDOW,
    clamped,
    kaldi_fbank,
    log_power_mel,
    normalised,
    stacked,
)

GROUP = 32  # frames computed together


@dataclass(frozen=True, eq=False)
class FrontState:
    """Frames so far and the samples that later ones need.

    Args:
        samples: [n], from the first sample that frame number n_frames looks at.
        groups: frames at 100 Hz, each [32, M].
        n_samples: samples of the turn.
    """

    samples: Tensor
    groups: tuple[Tensor, ...] = ()
    n_samples: int = 0

    @property
    def n_frames(self) -> int:
        """Frames that no later sample changes."""
        return GROUP * len(self.groups)

    def frames(self, first: int, *more: Tensor) -> Tensor:
        """Frames from number `first` on, then those of `more`: [T, M]."""
        groups = self.groups[first // GROUP :]
        return torch.cat([*groups, *more])[first % GROUP :] if groups else torch.cat(more)


class FrontEnd(Protocol):
    """Features of one encoder.

    stride: frames at 100 Hz that one encoder frame stands for; margin: samples that frame 0 looks
    at before the turn's first.
    """

    stride: int
    margin: int

    def raw(self, samples: Tensor) -> Tensor:
        """Frames [T, M] of samples [160 (T - 1) + 400]; nothing yet depends on the whole clip."""

    def rest(self, samples: Tensor, state: FrontState) -> Tensor:
        """The frames after the last whole group if the turn ended here: [T, M]."""

    def features(self, raw: Tensor, n_before: int, loudest: Tensor) -> Tensor:
        """What the encoder takes, [T', M'], for all frames raw [T, M] but the first n_before.

        Args:
            raw: frames; the first has a number divisible by `stride`.
            n_before: frames of `raw` that are only looked at, 0 at a turn's begin, else `stride`.
            loudest: the greatest value in the turn so far.
        """


class WhisperFront:
    """Log-mel: mirrored at both ends of a turn, clamped by its loudest value."""

    stride, margin = 2, HALF

    def __init__(self, n_mels: int) -> None:
        self.n_mels = n_mels

    def raw(self, samples: Tensor) -> Tensor:
        return log_power_mel(samples, self.n_mels)

    def rest(self, samples: Tensor, state: FrontState) -> Tensor:
        n = state.n_samples // HOP - state.n_frames
        if n <= 0 or state.n_samples <= HALF:
            return samples.new_zeros(0, self.n_mels)
        return self.raw(F.pad(samples[None], (0, HALF), mode="reflect")[0])[:n]

    def features(self, raw: Tensor, n_before: int, loudest: Tensor) -> Tensor:
        return clamped(raw[n_before:], loudest)


class SanmFront:
    """Kaldi filter banks, stacked seven every six. cmvn [2, 560] shifts and scales them."""

    stride, margin = STRIDE, 0

    def __init__(self, cmvn: Tensor) -> None:
        self.cmvn = cmvn

    def raw(self, samples: Tensor) -> Tensor:
        return kaldi_fbank(samples * INT16_SCALE, n_mels=self.cmvn.shape[1] // STACK)

    def rest(self, samples: Tensor, state: FrontState) -> Tensor:
        return self.raw(samples)

    def features(self, raw: Tensor, n_before: int, loudest: Tensor) -> Tensor:
        return normalised(stacked(raw)[n_before // STRIDE :], self.cmvn)


def advance(front: FrontEnd, pcm: Tensor, state: FrontState) -> FrontState:
    """After the next samples pcm [n]; any n, also 0."""
    n_samples = state.n_samples + len(pcm)
    state = replace(state, samples=torch.cat([state.samples, pcm]), n_samples=n_samples)
    needed = (GROUP - 1) * HOP + WINDOW
    groups = list(state.groups)
    samples = state.samples
    while len(samples) + (0 if groups else front.margin) >= needed:
        if not groups:
            samples = mirrored(samples, front.margin)
        groups.append(front.raw(samples[:needed]))
        samples = samples[GROUP * HOP :]
    return replace(state, samples=samples, groups=tuple(groups))


def over(front: FrontEnd, state: FrontState) -> Tensor:
    """The frames after the last whole group if the turn ended here: [T, M], T may be 0."""
    if state.groups or state.n_samples <= front.margin:
        return front.rest(state.samples, state)
    return front.rest(mirrored(state.samples, front.margin), state)


def mirrored(samples: Tensor, margin: int) -> Tensor:
    """samples [n], n > margin, with as many mirrored before the first: [margin + n]."""
    return torch.cat([samples[1 : margin + 1].flip(0), samples])
