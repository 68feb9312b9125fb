"""The vocoder run piece by piece, with cross-faded seams.

HiFT looks a few frames to both sides, so each piece is vocoded together with the last frames of
the piece before, whose final samples were held back; both versions are blended:

    before   ....................─────held─────
    piece                        ┌─ context ──┬─────── new ───────┬──held──┐
    out                     ─────╳╳╳╳╳╳╳╳╳╳╳╳╳─────────────────────

The context's source is reused, and its pitch goes on where it stopped, so that voiced sounds have
no seam of phase. `as_reference` switches both of the reference's habits on: the phase starts anew
and the Hamming window blends with weights that sum to about 1.08.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .vocoder import Draws, Hift

N_CONTEXT = 8  # frames held back and vocoded again: 160 ms at 50 Hz

Draw = Callable[[int, int], Draws]
"""(frames, seed) → what is random about their source."""


@dataclass(frozen=True, eq=False)
class VocoderState:
    """The last frames [F, M], their source [F * frame], and the samples held back.

    turns: of the fundamental at the centre of the last frame.
    """

    mel: Tensor
    source: Tensor
    held: Tensor
    turns: Tensor


class PiecewiseVocoder:
    """Mel pieces in, waveform pieces out, one frame length each."""

    def __init__(self, hift: Hift, as_reference: bool = False, draw: Draw | None = None) -> None:
        self.hift, self.as_reference = hift, as_reference
        self._draw = draw or hift.draws
        self.frame = hift.config.frame

    def initial(self) -> VocoderState:
        """Before the first frame."""
        weight = self.hift.merge.weight
        empty = weight.new_zeros(0)
        mel = weight.new_zeros(0, self.hift.config.n_mels)
        return VocoderState(mel, empty, empty, empty.double().sum())

    def step(
        self, mel: Tensor, state: VocoderState, seed: int, last: bool = False
    ) -> tuple[Tensor, VocoderState]:
        """The next frames → the samples that are final.

        Args:
            mel: [T, M], natural log; T may be 0.
            state: after the piece before.
            seed: of what is random in this piece.
            last: let out all; else the last N_CONTEXT frames are held back.
        Returns:
            waveform [S] and the state.
        """
        if mel.shape[0] == 0:
            return self._nothing_new(state, last)
        n_known = state.mel.shape[0]
        frames = torch.cat([state.mel, mel.to(state.mel)])
        source, turns = self._source(frames, state, seed)
        speech = self.hift.decode(frames.t()[None], source)[0]
        due = blended(
            speech[n_known * self.frame - len(state.held) :], state.held, self.as_reference
        )
        n_held = 0 if last else min(len(due), N_CONTEXT * self.frame)
        kept = frames[-N_CONTEXT:]
        kept_source = source[0, 0, source.shape[2] - len(kept) * self.frame :]
        state = VocoderState(kept, kept_source, due[len(due) - n_held :], turns)
        return due[: len(due) - n_held], state

    def _source(self, frames: Tensor, state: VocoderState, seed: int) -> tuple[Tensor, Tensor]:
        """Source [1, 1, S] of known and new frames, and the turns after them."""
        pitch = self.hift.pitch(frames.t()[None])
        draws, reused = self._draw(len(frames), seed), len(state.source)
        if self.as_reference:
            source, after = self.hift.source(pitch, draws), state.turns
        else:
            turns = self.hift.turns(pitch)
            n_known = state.mel.shape[0]
            start = state.turns - turns[n_known - 1] if n_known else state.turns
            source, after = self.hift.source(pitch, draws, start), (start + turns[-1]) % 1
            reused -= self.frame // 2 if n_known else 0  # from the last centre on it was a guess
        source[0, 0, :reused] = state.source[:reused]
        return source, after

    def _nothing_new(self, state: VocoderState, last: bool) -> tuple[Tensor, VocoderState]:
        if not last:
            return state.held[:0], state
        return state.held, VocoderState(state.mel, state.source, state.held[:0], state.turns)


def blended(new: Tensor, old: Tensor, as_reference: bool) -> Tensor:
    """`new`, its beginning faded in over the fading samples `old`."""
    n = len(old)
    if n == 0:
        return new
    window = torch.hamming_window(2 * n, periodic=False, dtype=new.dtype, device=new.device)
    rising, falling = window[:n], window[n:]
    if not as_reference:
        rising, falling = rising / (rising + falling), falling / (rising + falling)
    return torch.cat([new[:n] * rising + old * falling, new[n:]])
