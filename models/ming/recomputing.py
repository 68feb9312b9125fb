"""v1.5's detokeniser as the reference runs it: every call computes the whole prefix again.

Cost grows with the square of the length. It is here to compare with (tests, benchmarks.detokenizer)
and as the way to the reference's exact sound; the product streams with detokenizer.py.

    codes so far   hop + 3 more than spoken → flow over all of them → frames not spoken yet
    first hop      longer, so that prompt + hop is a multiple of the hop
    end            flow over all, without chunk masks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..dialogue import Pcm
from .detokenizer import aligned, as_pcm, check_speed, piece_seed, stretched
from .flow import CausalFlow, VoicePrompt
from .timeline import Timeline
from .vocoder import Hift
from .vocoding import Draw, PiecewiseVocoder, VocoderState


@dataclass(frozen=True, eq=False)
class RecomputedState:
    """One sentence being spoken: its codes, and how many of them were."""

    voice: VoicePrompt
    seed: int
    speed: float
    vocoder: VocoderState
    codes: tuple[int, ...] = ()
    n_spoken: int = 0
    timeline: Timeline = field(default_factory=Timeline)
    n_pieces: int = 0


class RecomputingDetokenizer:
    """See detokenizer.Detokenizer. `draw` replays recorded random numbers."""

    def __init__(self, flow: CausalFlow, hift: Hift, draw: Draw | None = None) -> None:
        self.flow, self.hop = flow, flow.config.chunk
        self.rate_hz = hift.config.rate_hz
        self._ahead = flow.config.encoder.look_ahead
        self._vocoder = PiecewiseVocoder(hift, as_reference=True, draw=draw)

    def open(self, voice: VoicePrompt, seed: int = 0, speed: float = 1.0) -> RecomputedState:
        """Before the first code; with another speed the sound comes at the end of the sentence."""
        check_speed(speed)
        voice = aligned(voice, self.flow.ratio)
        return RecomputedState(voice, seed, speed, self._vocoder.initial())

    @torch.inference_mode()
    def push(self, codes: Sequence[int], state: RecomputedState) -> tuple[Pcm, RecomputedState]:
        """The next codes [N] → the sound [S] they complete."""
        state = replace(state, codes=(*state.codes, *codes))
        pieces = [np.zeros(0, np.float32)]
        while state.speed == 1:
            end = state.n_spoken + self._hop(state)
            if len(state.codes) < end + self._ahead:
                break
            pcm, state = self._speak(state, end, last=False)
            pieces.append(pcm)
        return np.concatenate(pieces), state

    @torch.inference_mode()
    def flush(self, state: RecomputedState) -> tuple[Pcm, RecomputedState]:
        """The rest of the sentence; the next one starts with the prompt alone."""
        pcm, state = self._speak(state, len(state.codes), last=True)
        fresh = self.open(state.voice, state.seed, state.speed)
        return pcm, replace(fresh, timeline=state.timeline, n_pieces=state.n_pieces)

    def _hop(self, state: RecomputedState) -> int:
        """Codes of the next call."""
        if state.n_spoken:
            return self.hop
        return self.hop + -len(state.voice.codes) % self.hop

    def _speak(self, state: RecomputedState, end: int, last: bool) -> tuple[Pcm, RecomputedState]:
        """The sound of the codes up to `end`."""
        seed, frame = piece_seed(state.seed, state.n_pieces), self._vocoder.frame
        mel = state.vocoder.mel[:0]
        if end > state.n_spoken:
            codes = state.codes if last else state.codes[: end + self._ahead]
            mel = self.flow.whole(codes, state.voice, chunked=not last, last=last)
            mel = mel[state.n_spoken * self.flow.ratio :]
        if state.speed != 1:
            mel = stretched(mel, int(len(mel) / state.speed))
        timeline = state.timeline.plus(end - state.n_spoken, len(mel), frame)
        pcm, vocoder = self._vocoder.step(mel, state.vocoder, seed, last)
        after = replace(
            state, n_spoken=end, vocoder=vocoder, timeline=timeline, n_pieces=state.n_pieces + 1
        )
        return as_pcm(pcm), after
