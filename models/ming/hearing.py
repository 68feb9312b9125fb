"""Hearing one turn: samples in any pieces → thinker positions, state kept as a value.

Neither encoder is causal: every frame sees the whole turn, so no position is final before the
turn ends. Two ways to live with that:

exact (the default)   Features are kept as they come. `settle` encodes the whole turn, at a pause
                      or at its end; what it gives is what the released model hears in the clip.
                      A turn that goes on is encoded again at the next pause.
blocks                Every block is encoded once, in a window with some of the turn before it
                      and a little after it, and its positions are final: `hear` gives them while
                      the person speaks, to be prefilled. An approximation.

    turn    |-------- before --------|==== block ====|- after -|
    window  |----------------------- one encoding -------------|   keeps ====

What blocks change: cosine between a position in block mode and the exact one, mean (lowest), on
16 s of speech with the random encoders of the reference tests, 400 and 266 positions. Default
sizes first; tests/models/ming/test_hearing.py measures that line.

    block    before    after     Whisper-size       SANM
    1.92 s   3.84 s    0.48 s    0.920 (0.717)      0.9990 (0.9957)
    1.92 s   all       0.48 s    0.932 (0.717)      0.9993 (0.9957)
    1.92 s   all       3.84 s    0.976 (0.868)      0.9997 (0.9983)
    7.68 s   all       0.48 s    0.975 (0.887)      0.9997 (0.9984)

Random attention looks everywhere alike, so the first blocks, which miss most of the turn, differ
most; trained attention is more local, and no figure for it is known. Hence exact is the default.
A turn that ends before its first block is final is exact in both ways.

Letters: n samples at 16 kHz, P positions (25 Hz Whisper-size, 16.67 Hz SANM), D thinker width.
Source: arXiv 2506.09344 §2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..load_options import Blocks
from .audio_projector import AUDIO_PROJECTOR_NAMES, AudioProjector
from .checkpoint import CheckpointError, TensorSource, load_into
from .config import MingConfig
from .features import HOP, RATE_HZ
from .front_ends import FrontEnd, FrontState, SanmFront, WhisperFront, advance, over
from .parts import Parts
from .sanm_encoder import SanmEncoder
from .whisper_encoder import WhisperEncoder, whisper_names

FRAME_RATE_HZ = RATE_HZ / HOP


@dataclass(frozen=True, eq=False)
class HearingState:
    """One turn so far.

    Args:
        front: features, and samples not yet in any.
        n_final: positions given by `hear`.
        n_windowed: frames at 100 Hz in the windows encoded so far.
        loudest: greatest value among them.
        settled: samples of the turn when it was last settled, and what `settle` gave.
    """

    front: FrontState
    n_final: int = 0
    n_windowed: int = 0
    loudest: Tensor | None = None
    settled: tuple[int, Tensor] | None = None

    @property
    def seconds(self) -> float:
        """Length of the turn."""
        return self.front.n_samples / RATE_HZ


class Ear(nn.Module):
    """Features, encoder and projector of one kind, as one stream."""

    def __init__(
        self,
        front: FrontEnd,
        encoder: WhisperEncoder | SanmEncoder,
        projector: AudioProjector,
        blocks: Blocks | None = None,
    ) -> None:
        super().__init__()
        self.front, self.encoder, self.projector = front, encoder, projector
        self._stride = front.stride * projector.config.stride
        self._blocks = None if blocks is None else _in_positions(blocks, self.rate_hz)

    @property
    def rate_hz(self) -> float:
        """Positions per second."""
        return FRAME_RATE_HZ / self._stride

    @property
    def longest_s(self) -> float | None:
        """The longest turn it can hear; None where there is no limit."""
        n = getattr(self.encoder.config, "n_ctx", None)
        return None if n is None else n * self.front.stride / FRAME_RATE_HZ

    def initial(self) -> HearingState:
        """Before the first sample of a turn."""
        return HearingState(FrontState(torch.zeros(0)))

    def hear(self, pcm: Tensor, state: HearingState) -> tuple[Tensor, HearingState]:
        """The next samples pcm [n] → positions [1, P, D] that became final; P is 0 without blocks.

        Raises:
            ValueError: the turn is longer than `longest_s`; the state before stays good.
        """
        state = replace(state, front=advance(self.front, pcm, state.front))
        if self.longest_s is not None and state.seconds > self.longest_s:
            raise ValueError(f"a spoken turn may be {self.longest_s:g} s long")
        pieces = [self._none()]
        while self._blocks is not None and self._has_block(self._blocks, state):
            positions, state = self._block(self._blocks, state)
            pieces.append(positions)
        return torch.cat(pieces, dim=1), state

    def settle(self, state: HearingState) -> tuple[Tensor, HearingState]:
        """All positions after those that `hear` gave, [1, P, D], as if the turn ended here.

        At a pause, or at the end of the turn. The state returned knows the result, so that
        settling once more without new samples costs nothing; it can go on hearing.
        """
        n_samples = state.front.n_samples
        if state.settled is not None and state.settled[0] == n_samples:
            return state.settled[1], state
        rest = over(self.front, state.front)
        n_frames = state.front.n_frames + len(rest)
        positions = self._none()
        if n_frames > state.n_final * self._stride:
            loudest = self._loudest(state, state.front.frames(state.n_windowed, rest))
            positions = self._window(state, rest, n_frames, loudest)
        return positions, replace(state, settled=(n_samples, positions))

    def whole(self, pcm: Tensor) -> Tensor:
        """A whole turn pcm [n] → positions [1, P, D], exact also where blocks are set."""
        state = self.initial()
        return self.settle(replace(state, front=advance(self.front, pcm, state.front)))[0]

    def _has_block(self, blocks: _InPositions, state: HearingState) -> bool:
        return state.front.n_frames >= self._stride * (state.n_final + blocks.block + blocks.after)

    def _block(self, blocks: _InPositions, state: HearingState) -> tuple[Tensor, HearingState]:
        """Encode the next block, whose window has come to its end."""
        n_windowed = self._stride * (state.n_final + blocks.block + blocks.after)
        n_new = n_windowed - state.n_windowed
        loudest = self._loudest(state, state.front.frames(state.n_windowed)[:n_new])
        nothing = state.front.groups[0][:0]
        positions = self._window(state, nothing, n_windowed, loudest)[:, : blocks.block]
        n_final = state.n_final + blocks.block
        return positions, replace(state, n_final=n_final, n_windowed=n_windowed, loudest=loudest)

    def _window(self, state: HearingState, rest: Tensor, n_frames: int, loudest: Tensor) -> Tensor:
        """Encode up to frame n_frames (100 Hz) → the positions after the final ones."""
        n_before = 0 if self._blocks is None else self._blocks.before
        first = max(0, state.n_final - n_before)
        n_context = self.front.stride if first else 0
        start = first * self._stride - n_context
        raw = state.front.frames(start, rest)[: n_frames - start]
        features = self.front.features(raw, n_context, loudest)[None]
        frames = self.encoder(
            features.to(self.projector.linear.weight.device),
            first_position=first * self.projector.config.stride,
        )
        return self.projector(frames)[:, state.n_final - first :]

    def _none(self) -> Tensor:
        return self.projector.linear.weight.new_zeros(1, 0, self.projector.config.dim)

    @staticmethod
    def _loudest(state: HearingState, frames: Tensor) -> Tensor:
        """The greatest value of the turn, after more frames [T, M], T may be 0."""
        known = [] if state.loudest is None else [state.loudest]
        return torch.stack([*known, *([frames.max()] if len(frames) else [])]).max()


class _InPositions(NamedTuple):
    """Blocks counted in positions."""

    block: int
    before: int
    after: int


def _in_positions(blocks: Blocks, rate_hz: float) -> _InPositions:
    return _InPositions(
        max(1, round(blocks.block_s * rate_hz)),
        round(blocks.before_s * rate_hz),
        round(blocks.after_s * rate_hz),
    )


def whisper_ear(
    parts: Parts,
    config: MingConfig,
    blocks: Blocks | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Ear:
    """The Whisper-size ear of a checkpoint (v1, v1.5); `dtype` and `device` as in `load_into`.

    Raises:
        CheckpointError: the checkpoint has none, or its tensors do not fit.
    """
    if parts.whisper is None or parts.whisper_projector is None:
        raise CheckpointError("this checkpoint has no Whisper-size audio encoder")
    front = WhisperFront(config.whisper.n_mels)
    with torch.device("meta"):
        projector = AudioProjector(config.whisper_projector)
        ear = Ear(front, WhisperEncoder(config.whisper), projector, blocks)
    names = whisper_names(parts.whisper, config.whisper)
    load_into(ear.encoder, parts.whisper, names, dtype=dtype, device=device)
    return _with_projector(ear, parts.whisper_projector, dtype, device)


def sanm_ear(
    parts: Parts,
    config: MingConfig,
    cmvn: Tensor,
    blocks: Blocks | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Ear:
    """The SANM ear of a checkpoint (v1, Preview); cmvn [2, 560] is `read_cmvn("am.mvn")`.

    Raises:
        CheckpointError: the checkpoint has none, or its tensors do not fit.
    """
    if parts.sanm is None or parts.sanm_projector is None:
        raise CheckpointError("this checkpoint has no SANM audio encoder")
    if cmvn.shape != (2, config.sanm.input_dim):
        raise CheckpointError(
            f"am.mvn has {cmvn.shape[1]} values where the encoder takes {config.sanm.input_dim}"
        )
    with torch.device("meta"):
        projector = AudioProjector(config.sanm_projector)
        ear = Ear(SanmFront(cmvn), SanmEncoder(config.sanm), projector, blocks)
    load_into(ear.encoder, parts.sanm, dtype=dtype, device=device)
    return _with_projector(ear, parts.sanm_projector, dtype, device)


def _with_projector(
    ear: Ear,
    source: TensorSource,
    dtype: torch.dtype | None,
    device: torch.device | str | None,
) -> Ear:
    load_into(ear.projector, source, AUDIO_PROJECTOR_NAMES, dtype=dtype, device=device)
    return ear.eval()
