"""Audio decoder: speech codes → mel → waveform, piece by piece.

    codes 25 Hz ─ FSQ values ─ linear ─ token blocks (1 code look-ahead each)
        ─ × 4 ─ frame blocks @100 Hz, causal ─┬─ mel head
                                              └─ + mel ─ frame blocks ─┬─ pitch ─ pulses ┐
                          samples ◄─ overlap-add ◄─ Σ filter × STFT ◄──┴─ filters   noise┘

Codes mean another sound in each voice, so every code comes with the number of its voice. To speak
faster or slower the frames are drawn together or apart before they become samples: see stretch.py.

Frame t filters the 640 samples of pulses and noise that end with its own hop, so a sample is
final three hops later. A code is heard once `look_ahead` more codes are known.

Letters: B batch, N codes at 25 Hz, T = 4 N frames at 100 Hz, C width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.convnext import ConvNext
from .excitation import ExcitationState, excite, initial_excitation, noise_table
from .stretch import StretchState, initial_stretch, stretch

PITCH_HZ = 100.0  # the mean of the recordings; the pitch head gives the logarithm above it


@dataclass(frozen=True)
class AudioDecoderConfig:
    """Sizes. rate 16 kHz; hop 160 samples = 100 Hz frames; 4 frames a code.

    Args:
        pitch_scales: how far above the pitch of its recordings each voice speaks.
    """

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
    pitch_scales: tuple[float, ...] = (1.7, 1.4, 1.4)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AudioDecoderConfig:
        """From the content of config.json."""
        lists = {name: tuple(data[name]) for name in ("levels", "pitch_scales")}
        return cls(**{**data, **lists})

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
    """What the decoder remembers.

    Args:
        token_blocks: one tensor a block, as frame_blocks.
        voices: those of the codes that wait for later ones [B, n].
        stretch: what the speaking rate needs of the frames before.
        excitation: the oscillator's phase.
        pulses: the last 480 samples of the pulses [B, n]; noise: of the noise.
        tail: samples that later frames still add to [B, n].
        n_skip: samples before the first that are not yet dropped.
    """

    token_blocks: tuple[Tensor, ...]
    frame_blocks: tuple[Tensor, ...]
    voices: Tensor
    stretch: StretchState
    excitation: ExcitationState
    pulses: Tensor
    noise: Tensor
    tail: Tensor
    n_skip: int


class Decoded(NamedTuple):
    """samples [B, N * 640]; mel [B, T, n_mels]; log_pitch [B, T] above PITCH_HZ."""

    samples: Tensor
    mel: Tensor
    log_pitch: Tensor


class Frames(NamedTuple):
    """What the network says of each frame: mel, log pitch [B, T, 1], two filters [B, T, bins]."""

    mel: Tensor
    log_pitch: Tensor
    pulse_filter: Tensor
    noise_filter: Tensor


class AudioDecoder(nn.Module):
    """Speech codes to samples; whole, or step by step with the same result."""

    def __init__(self, config: AudioDecoderConfig) -> None:
        super().__init__()
        self.config = config
        dim, hidden = config.dim, config.hidden
        self.lift = nn.Linear(len(config.levels), dim)
        self.voices = nn.Embedding(len(config.pitch_scales), dim)
        nn.init.zeros_(self.voices.weight)
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
        self.pitch = nn.Linear(dim, 1)
        self.pulse_filter = nn.Linear(dim, n_bins)
        self.noise_filter = nn.Linear(dim, n_bins)
        for head in (self.pulse_filter, self.noise_filter):
            nn.init.constant_(head.bias, -4.0)  # about the level of quiet speech
        # Cut out and add up with the same window; the squares of its shifts sum to 1.
        window = torch.hann_window(config.fft_size) * (2 * config.hop_samples / config.fft_size)
        self.register_buffer("window", window.sqrt(), persistent=False)
        self.register_buffer("noise", noise_table(), persistent=False)
        scales = torch.tensor(config.pitch_scales)
        self.register_buffer("pitch_scales", scales, persistent=False)

    def initial(self, batch: int = 1, rate: float = 1.0) -> AudioDecoderState:
        """The state before the first code; at rate 2 it speaks twice as fast."""
        config, like = self.config, self.lift.weight
        overlap = config.fft_size - config.hop_samples
        nothing = like.new_zeros(batch, overlap)
        return AudioDecoderState(
            tuple(block.initial(batch) for block in self.token_blocks),
            tuple(block.initial(batch) for block in self.frame_blocks),
            torch.zeros(batch, 0, dtype=torch.long, device=like.device),
            initial_stretch(rate),
            initial_excitation(batch, config.pitch_scales[0] * PITCH_HZ, like.device),
            *(nothing, nothing, nothing),
            n_skip=overlap,
        )

    def forward(self, codes: Tensor, voices: Tensor, rate: float = 1.0) -> Decoded:
        """Whole replies from codes [B, N], each in its voice [B, N]."""
        return self.synthesize(self.values(codes), voices, rate=rate)

    def synthesize(
        self, values: Tensor, voices: Tensor, pitch_hz: Tensor | None = None, rate: float = 1.0
    ) -> Decoded:
        """As forward, from quantised values [B, N, len(levels)] in [-1, 1].

        pitch_hz: the pitch to take [B, T] where training knows it.
        """
        x = self._lifted(values, voices)
        for block in self.token_blocks:
            x = block(x)
        state = self.initial(values.shape[0], rate)
        frames, _ = self._frames(self._spread(x), state.frame_blocks)
        samples, state = self._waves(frames, voices, state, pitch_hz, last=True)
        samples = torch.cat([samples, state.tail[:, state.n_skip :]], dim=1)
        return Decoded(samples, frames.mel, frames.log_pitch.squeeze(-1))

    def step(
        self, codes: Tensor, voices: Tensor, state: AudioDecoderState
    ) -> tuple[Tensor, AudioDecoderState]:
        """The next codes [B, N], N >= 0, and their voices → the samples they complete [B, n]."""
        x = self._lifted(self.values(codes), voices)
        token_blocks = []
        for block, block_state in zip(self.token_blocks, state.token_blocks, strict=True):
            x, block_state = block.step(x, block_state)
            token_blocks.append(block_state)
        voices = torch.cat([state.voices, voices], dim=1)
        state = replace(state, token_blocks=tuple(token_blocks), voices=voices[:, x.shape[1] :])
        frames, frame_blocks = self._frames(self._spread(x), state.frame_blocks)
        state = replace(state, frame_blocks=frame_blocks)
        return self._waves(frames, voices[:, : x.shape[1]], state)

    def flush(self, state: AudioDecoderState) -> Tensor:
        """The samples still due after the last code [B, n]; the stream ends here."""
        x = state.tail.new_zeros(state.tail.shape[0], 0, self.config.dim)
        for block, block_state in zip(self.token_blocks, state.token_blocks, strict=True):
            x = block.flush(x, block_state)
        frames, _ = self._frames(self._spread(x), state.frame_blocks)
        samples, state = self._waves(frames, state.voices, state, last=True)
        return torch.cat([samples, state.tail[:, state.n_skip :]], dim=1)

    def values(self, codes: Tensor) -> Tensor:
        """Code numbers [B, N] → quantised values [B, N, len(levels)] in [-1, 1]."""
        digits = []
        for level in self.config.levels:
            digits.append((codes % level) * (2 / (level - 1)) - 1)
            codes = codes // level
        return torch.stack(digits, dim=-1).to(self.lift.weight.dtype)

    def _lifted(self, values: Tensor, voices: Tensor) -> Tensor:
        lifted: Tensor = self.lift(values) + self.voices(voices)
        return lifted

    def _spread(self, x: Tensor) -> Tensor:
        batch, n, dim = x.shape
        return self.spread(x).view(batch, n * self.config.frames_per_code, dim)

    def _frames(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Frames, tuple[Tensor, ...]]:
        """Frames [B, T, C] through the frame blocks and heads, and the blocks' states."""
        mel, new = x, []
        for i, (block, state) in enumerate(zip(self.frame_blocks, states, strict=True)):
            x, state = block.step(x, state)
            new.append(state)
            if i + 1 == self.config.n_mel_blocks:
                mel = self.mel_head(x)
                x = x + self.from_mel(mel)
        x = self.norm(x)
        filters = (head(x).clamp(max=3.0).exp() for head in (self.pulse_filter, self.noise_filter))
        return Frames(mel, self.pitch(x).clamp(-0.8, 0.8), *filters), tuple(new)

    def _waves(
        self,
        frames: Frames,
        voices: Tensor,
        state: AudioDecoderState,
        pitch_hz: Tensor | None = None,
        last: bool = False,
    ) -> tuple[Tensor, AudioDecoderState]:
        """Filter the excitation of frames [B, T, ..] → final samples [B, n], and the state."""
        config = self.config
        if pitch_hz is None:
            scales = self.pitch_scales[voices].repeat_interleave(config.frames_per_code, dim=1)
            pitch_hz = scales * PITCH_HZ * frames.log_pitch.detach().squeeze(-1).exp()
        tracks = (pitch_hz[..., None], frames.pulse_filter, frames.noise_filter)
        (pitch, pulse_filter, noise_filter), stretched = stretch(tracks, state.stretch, last)
        if pitch.shape[1] == 0:
            return state.tail[:, :0], replace(state, stretch=stretched)
        pulses, noise, excitation = excite(
            pitch.squeeze(-1), state.excitation, self.noise, config.hop_samples, config.rate_hz
        )
        pulses = torch.cat([state.pulses, pulses], dim=1)
        noise = torch.cat([state.noise, noise], dim=1)
        spectrum = self._spectra(pulses) * pulse_filter + self._spectra(noise) * noise_filter
        waves = torch.fft.irfft(spectrum, config.fft_size) * self.window
        samples = self._overlap_add(waves, state.tail)
        n_final = waves.shape[1] * config.hop_samples
        n_skip = min(state.n_skip, n_final)
        overlap = state.pulses.shape[1]
        new = replace(
            state,
            stretch=stretched,
            excitation=excitation,
            pulses=pulses[:, -overlap:],
            noise=noise[:, -overlap:],
            tail=samples[:, n_final:],
            n_skip=state.n_skip - n_skip,
        )
        return samples[:, n_skip:n_final], new

    def _spectra(self, samples: Tensor) -> Tensor:
        """Windowed spectra [B, T, bins] of samples [B, overlap + T * hop]."""
        frames = samples.unfold(-1, self.config.fft_size, self.config.hop_samples)
        return torch.fft.rfft(frames * self.window)

    def _overlap_add(self, frames: Tensor, tail: Tensor) -> Tensor:
        """Frames [B, T, fft_size] onto the tail → [B, T * hop + fft_size - hop]."""
        n = frames.shape[1]
        size, hop = self.config.fft_size, self.config.hop_samples
        length = n * hop + size - hop
        summed = F.fold(
            frames.transpose(1, 2), (1, length), kernel_size=(1, size), stride=(1, hop)
        )[:, 0, 0]
        return summed + F.pad(tail, (0, length - tail.shape[1]))
