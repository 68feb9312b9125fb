"""What the audio decoder filters into a voice: pulses at the pitch, and noise.

A network that only sees a few frames cannot keep the phase of a long vowel; an oscillator can.
So the decoder predicts pitch and two filters a frame, and the oscillator's phase is the state
(harmonic plus noise: DDSP, arXiv 2001.04643; neural source-filter, arXiv 1904.12088).

Letters: B batch, T frames at 100 Hz, H hop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

NOISE_SAMPLES = 1 << 16  # 4 seconds, then it repeats
HIGHEST_HZ = 7_600.0


@dataclass(frozen=True, eq=False)
class ExcitationState:
    """phase [B] in fp64 radians, the last frame's pitch [B] in Hz, samples made so far."""

    phase: Tensor
    pitch_hz: Tensor
    n_samples: int = 0


def initial_excitation(batch: int, pitch_hz: float, device: torch.device) -> ExcitationState:
    """Before the first frame."""
    phase = torch.zeros(batch, dtype=torch.float64, device=device)
    return ExcitationState(phase, torch.full((batch,), pitch_hz, device=device))


def noise_table() -> Tensor:
    """White noise of deviation 1 [NOISE_SAMPLES], the same for every voice."""
    return torch.randn(NOISE_SAMPLES, generator=torch.Generator().manual_seed(0))


def excite(
    pitch_hz: Tensor, state: ExcitationState, noise: Tensor, hop: int, rate_hz: int
) -> tuple[Tensor, Tensor, ExcitationState]:
    """Pulses and noise [B, T * H], both of deviation about 1, for pitch [B, T] in Hz.

    The pitch glides from frame to frame. A pulse train is the sum of all cosines below
    HIGHEST_HZ, in closed form (Dirichlet kernel):  1 + 2 Σ cos kφ = sin((K + ½)φ) / sin(φ/2).
    """
    batch, n_frames = pitch_hz.shape
    before = torch.cat([state.pitch_hz[:, None], pitch_hz[:, :-1]], dim=1)
    glide = torch.arange(1, hop + 1, device=pitch_hz.device) / hop
    pitch = (before[..., None] + (pitch_hz - before)[..., None] * glide).flatten(1)
    phase = state.phase[:, None] + (pitch.double() * (2 * math.pi / rate_hz)).cumsum(1)
    phase = phase.remainder(2 * math.pi)
    harmonics = HIGHEST_HZ / pitch
    n_harmonics = harmonics.floor()
    half = phase.float() / 2
    below = half.sin()
    kernel = ((2 * n_harmonics + 1) * half).sin() / torch.where(below.abs() < 1e-4, 1.0, below)
    pulses = (torch.where(below.abs() < 1e-4, 2 * n_harmonics + 1, kernel) - 1) / 2
    # The next harmonic fades in, so that the pulses change with the pitch, never jump.
    pulses = pulses + (harmonics - n_harmonics) * (2 * (n_harmonics + 1) * half).cos()
    pulses = pulses * (2 * pitch / HIGHEST_HZ).sqrt()
    index = torch.arange(state.n_samples, state.n_samples + n_frames * hop, device=noise.device)
    hiss = noise[index % NOISE_SAMPLES].expand(batch, -1)
    if n_frames == 0:
        return pulses, hiss, state
    end = ExcitationState(phase[:, -1], pitch_hz[:, -1], state.n_samples + n_frames * hop)
    return pulses, hiss, end
