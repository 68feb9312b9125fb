"""Hearing one turn: samples in any pieces → thinker positions and a running transcript.

Everything is computed in whole chunks of 320 ms, so the cut of the input never shows in the
result. The rest of a turn shorter than a chunk is computed when the turn closes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from ..dialogue import Pcm
from ..features import initial_tail, log_mel
from .audio_encoder import AudioEncoder, Encoded, EncoderState
from .config import NanoConfig
from .text import Text
from .thinker import BLANK, AudioProjector, Thinker

FIRST_PHONE = 1
"""Class 0 of the phone head is silence."""


@dataclass(frozen=True, eq=False)
class HearingState:
    """Samples not yet encoded, the encoder's memory, and the tokens read so far.

    confidence: summed probability of the tokens read, for their mean.
    doubt: summed entropy of the frames' phones, in nats, for their mean.
    phones: [n_phones] the greatest probability of each phone, in frames of which it was the best
        guess; empty before the first.
    """

    samples: Tensor
    encoder: EncoderState
    tokens: tuple[int, ...] = ()
    last: int = BLANK
    confidence: float = 0.0
    doubt: float = 0.0
    phones: Tensor = field(default_factory=lambda: torch.zeros(0))
    n_positions: int = 0

    @property
    def n_phones(self) -> float:
        """How many different phones were said, each counted as far as it is sure.

        It tells speech whose words cannot be read from a murmur, which has few, however long.
        """
        return float(self.phones[FIRST_PHONE:].sum())

    @property
    def mean_confidence(self) -> float:
        """Mean probability of the transcript's tokens; 0 where nothing was read."""
        return self.confidence / len(self.tokens) if self.tokens else 0.0

    @property
    def clarity(self) -> float:
        """That, over the perplexity of the phones: people who talk at once may seem to say words,
        but which phones they say stays in doubt.
        """
        return self.mean_confidence * math.exp(-self.doubt / max(1, self.encoder.position))


def samples_of(pcm: Pcm) -> Tensor:
    """A caller's samples [n] as a tensor of our own; they may be read-only, or of another type."""
    return torch.from_numpy(np.array(pcm, dtype=np.float32))


class Ear(nn.Module):
    """Features, encoder and projector, as one stream."""

    def __init__(self, config: NanoConfig, text: Text) -> None:
        super().__init__()
        self.config, self.text = config, text
        self.encoder = AudioEncoder(config.encoder, config.mel.n_mels, config.thinker.vocabulary)
        self.projector = AudioProjector(config.encoder.dim, config.thinker)
        self._frame_samples = 4 * config.mel.hop_samples
        self._chunk_samples = self._frame_samples * config.encoder.chunk_frames

    def initial(self) -> HearingState:
        """Before the first sample of a turn."""
        return HearingState(initial_tail(self.config.mel), self.encoder.initial())

    def hear(
        self, pcm: Tensor, state: HearingState, thinker: Thinker
    ) -> tuple[list[Tensor], HearingState]:
        """The next samples pcm [n] → positions [1, P, D] of each chunk that became whole."""
        state = replace(state, samples=torch.cat([state.samples, pcm[None]], dim=1))
        chunks = []
        while self._n_waiting(state) >= self._chunk_samples:
            positions, state = self._encode(self._chunk_samples, state, thinker)
            chunks.append(positions)
        return chunks, state

    def close(self, state: HearingState, thinker: Thinker) -> tuple[list[Tensor], HearingState]:
        """The turn is over: what is left of its last chunk."""
        n = self._n_waiting(state) // self._frame_samples * self._frame_samples
        if n == 0:
            return [], state
        positions, state = self._encode(n, state, thinker)
        return [positions], state

    def _n_waiting(self, state: HearingState) -> int:
        return state.samples.shape[1] - self.config.mel.window_samples + self.config.mel.hop_samples

    def _encode(
        self, n_samples: int, state: HearingState, thinker: Thinker
    ) -> tuple[Tensor, HearingState]:
        overlap = state.samples.shape[1] - self._n_waiting(state)
        mel = log_mel(state.samples[:, : n_samples + overlap], self.config.mel)
        encoded, encoder = self.encoder.step(mel, state.encoder)
        positions = self.projector(
            encoded.hidden, encoded.ctc, thinker.embedding.weight, self.text.n_special
        )
        state = replace(
            _read(encoded, state),
            samples=state.samples[:, n_samples:],
            encoder=encoder,
            n_positions=state.n_positions + positions.shape[1],
        )
        return positions, state


def _read(encoded: Encoded, state: HearingState) -> HearingState:
    """Greedy CTC: repeated frames are one token, blanks separate."""
    best, ids = encoded.ctc[0].softmax(-1).max(-1)
    tokens, last, confidence = list(state.tokens), state.last, state.confidence
    for probability, token in zip(best.tolist(), ids.tolist(), strict=True):
        if token not in (BLANK, last):
            tokens.append(token)
            confidence += probability
        last = token
    doubt = state.doubt + float(entropy(encoded.phones[0]).sum())
    phones = _surest(encoded.phones[0], state.phones)
    return replace(
        state,
        tokens=tuple(tokens),
        last=last,
        confidence=confidence,
        doubt=doubt,
        phones=phones,
    )


def _surest(logits: Tensor, before: Tensor) -> Tensor:
    """The greatest probability [n_phones] of each phone, with the frames logits [F, n_phones]."""
    best, ids = logits.softmax(-1).max(-1)
    known = before if len(before) else best.new_zeros(logits.shape[-1])
    return known.scatter_reduce(0, ids, best, "amax")


def entropy(logits: Tensor) -> Tensor:
    """Of each row of logits [F, N], in nats: [F]."""
    return torch.special.entr(logits.softmax(-1)).sum(-1)
