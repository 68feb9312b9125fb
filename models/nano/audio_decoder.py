"""Audio decoder: speech codes → mel → waveform, piece by piece.

    codes 25 Hz ─ FSQ values ─ linear ─ token blocks (1 code look-ahead each)
        ─ × 4 ─ frame blocks @100 Hz, causal ─┬─ mel head
                                              └─ + mel ─ frame blocks ─ magnitude, phase ─ iSTFT

Frame t of the inverse STFT is centred on its own hop, so a sample is final three half-hops
after its frame. A code is heard once `look_ahead` more codes are known.

Letters: B batch, N codes at 25 Hz, T = 4 N frames at 100 Hz, C width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..layers.convnext import ConvNext


@dataclass(frozen=True)
class AudioDecoderConfig:
    """Sizes. rate 16 kHz; hop 160 samples = 100 Hz frames; 4 frames a code."""

    levels: tuple[int, ...] = (8, 8, 8)
    dim: int = 192
    hidden: int = 576
    n_token_blocks: int = 2
    n_mel_blocks: int = 2
    n_wave_blocks: int = 3
    frames_per_code: int = 4
    hop_samples: int = 160
    fft_size: int = 640
    n_mels: int = 80
    rate_hz: int = 16_000

    @property
    def n_codes(self) -> int:
        """Size of the codebook."""
        count = 1
        for level in self.levels:
            count *= level
        return count

    @property
    def samples_per_code(self) -> int:
        """How much audio one code is."""
        return self.frames_per_code * self.hop_samples

    @property
    def look_ahead(self) -> int:
        """How many later codes a code's audio depends on."""
        return self.n_token_blocks


@dataclass(frozen=True, eq=False)
class AudioDecoderState:
    """What the decoder remembers: one tensor per block, and the unfinished samples [B, n]."""

    token_blocks: tuple[Tensor, ...]
    frame_blocks: tuple[Tensor, ...]
    tail: Tensor
    n_skip: int


class AudioDecoder(nn.Module):
    """Speech codes to samples; whole, or step by step with the same result."""

    def __init__(self, config: AudioDecoderConfig) -> None:
        super().__init__()
        self.config = config
        dim, hidden = config.dim, config.hidden
        self.lift = nn.Linear(len(config.levels), dim)
        self.token_blocks = nn.ModuleList(
            ConvNext(dim, hidden, look_ahead=1) for _ in range(config.n_token_blocks)
        )
        self.spread = nn.Linear(dim, config.frames_per_code * dim)
        self.frame_blocks = nn.ModuleList(
            ConvNext(dim, hidden) for _ in range(config.n_mel_blocks + config.n_wave_blocks)
        )
        self.mel_head = nn.Linear(dim, config.n_mels)
        self.from_mel = nn.Linear(config.n_mels, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-5)
        n_bins = config.fft_size // 2 + 1
        self.magnitude = nn.Linear(dim, n_bins)
        self.phase = nn.Linear(dim, n_bins)
        nn.init.constant_(self.magnitude.bias, -3.0)  # about the level of quiet speech
        window = torch.hann_window(config.fft_size) * (2 * config.hop_samples / config.fft_size)
        self.register_buffer("window", window, persistent=False)

    def initial(self, batch: int = 1) -> AudioDecoderState:
        """The state before the first code."""
        config = self.config
        overlap = config.fft_size - config.hop_samples
        return AudioDecoderState(
            tuple(block.initial(batch) for block in self.token_blocks),
            tuple(block.initial(batch) for block in self.frame_blocks),
            self.lift.weight.new_zeros(batch, overlap),
            overlap // 2,
        )

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Whole replies: codes [B, N] → samples [B, N * 640], mel [B, T, n_mels]."""
        return self.synthesize(self.values(codes))

    def synthesize(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """As forward, from quantised values [B, N, len(levels)] in [-1, 1]."""
        x = self.lift(values)
        for block in self.token_blocks:
            x = block(x)
        state = self.initial(values.shape[0])
        frames, mel, _ = self._frames(self._spread(x), state.frame_blocks)
        samples = self._overlap_add(frames, state.tail)
        start = state.n_skip
        return samples[:, start : start + codes_to_samples(values.shape[1], self.config)], mel

    def step(self, codes: Tensor, state: AudioDecoderState) -> tuple[Tensor, AudioDecoderState]:
        """The next codes [B, N], N >= 0 → the samples they complete [B, n], and the state."""
        x = self.lift(self.values(codes))
        token_blocks = []
        for block, block_state in zip(self.token_blocks, state.token_blocks, strict=True):
            x, block_state = block.step(x, block_state)
            token_blocks.append(block_state)
        frames, _, frame_blocks = self._frames(self._spread(x), state.frame_blocks)
        samples = self._overlap_add(frames, state.tail)
        n_final = frames.shape[1] * self.config.hop_samples
        n_skip = min(state.n_skip, n_final)
        new = AudioDecoderState(
            tuple(token_blocks), frame_blocks, samples[:, n_final:], state.n_skip - n_skip
        )
        return samples[:, n_skip:n_final], new

    def flush(self, state: AudioDecoderState) -> Tensor:
        """The samples still due after the last code [B, n]; the stream ends here."""
        x = state.tail.new_zeros(state.tail.shape[0], 0, self.config.dim)
        for block, block_state in zip(self.token_blocks, state.token_blocks, strict=True):
            x = block.flush(x, block_state)
        frames, _, _ = self._frames(self._spread(x), state.frame_blocks)
        samples = self._overlap_add(frames, state.tail)
        return samples[:, state.n_skip : samples.shape[1] - state.tail.shape[1] // 2]

    def values(self, codes: Tensor) -> Tensor:
        """Code numbers [B, N] → quantised values [B, N, len(levels)] in [-1, 1]."""
        digits = []
        for level in self.config.levels:
            digits.append((codes % level) * (2 / (level - 1)) - 1)
            codes = codes // level
        return torch.stack(digits, dim=-1).to(self.lift.weight.dtype)

    def _spread(self, x: Tensor) -> Tensor:
        batch, n, dim = x.shape
        return self.spread(x).view(batch, n * self.config.frames_per_code, dim)

    def _frames(
        self, x: Tensor, states: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Frames [B, T, C] → windowed waves [B, T, fft_size], mel [B, T, n_mels], states."""
        mel, new = x, []
        for i, (block, state) in enumerate(zip(self.frame_blocks, states, strict=True)):
            x, state = block.step(x, state)
            new.append(state)
            if i + 1 == self.config.n_mel_blocks:
                mel = self.mel_head(x)
                x = x + self.from_mel(mel)
        if x.shape[1] == 0:
            return x.new_zeros(x.shape[0], 0, self.config.fft_size), mel, tuple(new)
        x = self.norm(x)
        magnitude = self.magnitude(x).clamp(max=6.0).exp()
        spectrum = torch.polar(magnitude, self.phase(x))
        waves = torch.fft.irfft(spectrum, self.config.fft_size, norm="ortho")
        return waves * self.window, mel, tuple(new)

    def _overlap_add(self, frames: Tensor, tail: Tensor) -> Tensor:
        """Frames [B, T, fft_size] onto the tail → [B, T * hop + fft_size - hop]."""
        batch, n, size = frames.shape
        hop = self.config.hop_samples
        n_parts = size // hop
        parts = frames.view(batch, n, n_parts, hop)
        total = torch.zeros(batch, n + n_parts - 1, hop, dtype=frames.dtype, device=frames.device)
        total[:, : n_parts - 1] = tail.view(batch, n_parts - 1, hop)
        for i in range(n_parts):
            total[:, i : i + n] = total[:, i : i + n] + parts[:, :, i]
        return total.flatten(1)


def codes_to_samples(n_codes: int, config: AudioDecoderConfig) -> int:
    """How many samples n codes become."""
    return n_codes * config.samples_per_code
