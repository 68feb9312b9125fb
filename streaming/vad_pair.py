"""Two detectors of voice, one of which answers: a light one, and a stricter one for hard times.

    light   |--|--|--|--|--|--|--|--|--|--|--|--|   fed always: what it knows of the noise lasts
    strict              |------|------|             fed while it is chosen
    answers |--|--|--|--|------|------|-|--|--|--   without gap or overlap
                     ^ choose(True)    ^ choose(False)

The strict one is warmed up with the last half second before its first answer counts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .frames import EMPTY, Pcm
from .vad import Vad, VadState, Voicing

WARM_UP_SAMPLES = 8192


class VadPair:
    """A Vad made of two; see the module's text."""

    def __init__(self, light: Vad, strict: Vad) -> None:
        self._light, self._strict = light, strict
        self._is_strict = False
        self._moved_by = 0
        self._position = 0
        self._left_over: list[Voicing] = []
        self._recent: Pcm = EMPTY

    @property
    def kind(self) -> str:
        """Of the detector that answers."""
        return self._answering.kind

    @property
    def frame_samples(self) -> int:
        return self._answering.frame_samples

    @property
    def position(self) -> int:
        return self._position

    def choose(self, strict: bool) -> None:
        """Which detector answers from now on."""
        if strict == self._is_strict:
            return
        self._is_strict = strict
        if strict:
            self._warm_up()
            self._left_over = []

    def feed(self, pcm: Pcm) -> list[Voicing]:
        light = self._light.feed(pcm)
        if self._is_strict:
            self._left_over += light
            answers = [self._moved(voicing) for voicing in self._strict.feed(pcm)]
        else:
            answers = self._left_over + light
            self._left_over = []
        self._recent = np.concatenate((self._recent, pcm))[-2 * WARM_UP_SAMPLES :]
        answers = [_from(self._position, v) for v in answers if v.end > self._position]
        if answers:
            self._position = answers[-1].end
            self._left_over = [v for v in self._left_over if v.end > self._position]
        return answers

    def snapshot(self) -> VadState:
        memory = (
            self._light.snapshot(),
            self._strict.snapshot(),
            self._is_strict,
            self._moved_by,
            tuple(self._left_over),
        )
        return VadState("pair", self._position, self._recent.copy(), memory)

    def restore(self, state: VadState) -> None:
        if state.kind != "pair":
            raise ValueError(f"a {state.kind} state cannot go into a pair of detectors")
        light, strict, self._is_strict, self._moved_by, left_over = state.memory
        self._light.restore(light)
        self._strict.restore(strict)
        self._left_over = list(left_over)
        self._position, self._recent = state.position, state.waiting.copy()

    def reset(self) -> None:
        self._light.reset()
        self._strict.reset()
        self._is_strict = False
        self._moved_by = 0
        self._position = 0
        self._left_over = []
        self._recent = EMPTY

    @property
    def _answering(self) -> Vad:
        return self._strict if self._is_strict else self._light

    def _warm_up(self) -> None:
        """Let the strict one hear what was last, in whole frames up to where it takes over."""
        n_new = self._light.position + len(self._light.snapshot().waiting) - self._position
        known, new = np.split(self._recent, [len(self._recent) - n_new])
        size = self._strict.frame_samples
        n_frames = min(len(known), WARM_UP_SAMPLES) // size
        self._strict.reset()
        self._strict.feed(known[len(known) - n_frames * size :])
        self._moved_by = self._position - self._strict.position
        self._strict.feed(new)  # less than a frame: all before it was answered for

    def _moved(self, voicing: Voicing) -> Voicing:
        """An answer of the strict one, which counts from where it was warmed up."""
        by = self._moved_by
        return replace(voicing, start=voicing.start + by, end=voicing.end + by)


def _from(position: int, voicing: Voicing) -> Voicing:
    """An answer without what another one said already."""
    return replace(voicing, start=max(voicing.start, position))
