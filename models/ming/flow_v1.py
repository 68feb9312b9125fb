"""Speech codes to mel frames by flow matching, whole utterances (v1 and Preview).

As v1.5 (flow.py), but every frame sees all others: no look-ahead layer and no chunks. The mel has
its own rate, rate / hop = 86.13 Hz at 22.05 kHz, so the mean mel is stretched by a length
regulator before the solver.

Letters: N codes, T mel frames, M mel bins, C channels, G groups.

Source: arXiv 2407.05407 §2.3; checkpoint file `flow.pt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.kv_cache import KvCache
from .conformer import ConformerConfig, ConformerEncoder
from .flow import VoicePrompt, guided, solver_times
from .flow_estimator import EstimatorConfig, TimeEmbedding, TransformerLayer

GROUPS = 8
CODES_HZ = 50


@dataclass(frozen=True)
class FlowV1Config:
    """A flow model. rate_hz / hop is the mel's frame rate; n_steps: of the solver."""

    n_codes: int
    speaker_dim: int
    encoder: ConformerConfig
    estimator: EstimatorConfig
    n_regulator_convs: int = 4
    rate_hz: int = 22_050
    hop: int = 256
    n_steps: int = 8
    guidance: float = 0.7


class ConvNorm(nn.Module):
    """Convolution of three taps, group norm, Mish over x [B, C, T]."""

    def __init__(self, dim_in: int, dim: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dim_in, dim, 3, padding=1)
        self.norm = nn.GroupNorm(groups, dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.mish(self.norm(self.conv(x)))


class LengthRegulator(nn.Module):
    """Stretches [B, M, N] to T frames (nearest) and smooths it."""

    def __init__(self, n_mels: int, n_convs: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(ConvNorm(n_mels, n_mels, 1) for _ in range(n_convs))
        self.project = nn.Conv1d(n_mels, n_mels, 1)

    def forward(self, x: Tensor, n_frames: int) -> Tensor:
        x = F.interpolate(x, size=n_frames, mode="nearest")
        for conv in self.convs:
            x = conv(x)
        return self.project(x)


class Stage(nn.Module):
    """A resnet, attention layers, and a convolution that may change the number of frames."""

    def __init__(
        self, config: EstimatorConfig, dim_in: int, dim: int, resample: nn.Module | None
    ) -> None:
        super().__init__()
        c = config
        self.conv_1, self.conv_2 = ConvNorm(dim_in, dim, GROUPS), ConvNorm(dim, dim, GROUPS)
        self.time = nn.Linear(c.time_dim, dim)
        self.residual = nn.Conv1d(dim_in, dim, 1)
        self.layers = nn.ModuleList(
            TransformerLayer(dim, c.n_heads, c.head_dim, c.hidden) for _ in range(c.n_layers)
        )
        self.resample = resample

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x [B, C_in, T] → [B, C, T], before resampling."""
        y = self.conv_1(x) + self.time(F.mish(time))[:, :, None]
        y = (self.conv_2(y) + self.residual(x)).transpose(1, 2)
        for layer in self.layers:
            y, _ = layer(y, KvCache(), keep=False)
        return y.transpose(1, 2)


class Estimator(nn.Module):
    """Velocity of all frames: a U-Net that halves the frame rate at every level but the last."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        c, levels = config, config.levels
        self.time = TimeEmbedding(c.dim_in, c.time_dim)
        self.down, self.mid, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs = (c.dim_in, *levels)
        for i, dim in enumerate(levels):
            stride = 1 if i == len(levels) - 1 else 2
            resample = nn.Conv1d(dim, dim, 3, stride=stride, padding=1)
            self.down.append(Stage(c, inputs[i], dim, resample))
        for _ in range(c.n_mid_blocks):
            self.mid.append(Stage(c, levels[-1], levels[-1], None))
        outputs = (*levels[::-1][1:], levels[0])
        for i, (dim_in, dim) in enumerate(zip(levels[::-1], outputs, strict=True)):
            if i == len(levels) - 1:
                self.up.append(Stage(c, 2 * dim_in, dim, nn.Conv1d(dim, dim, 3, padding=1)))
            else:
                double = nn.ConvTranspose1d(dim, dim, 4, stride=2, padding=1)
                self.up.append(Stage(c, 2 * dim_in, dim, double))
        self.final = ConvNorm(levels[0], levels[0], GROUPS)
        self.project = nn.Conv1d(levels[0], c.n_mels, 1)

    def forward(self, x: Tensor, t: float) -> Tensor:
        """x [B, 4 M, T]: noisy mel, mu, speaker, condition → velocity [B, M, T]."""
        time, saved = self.time(t), []
        for stage in self.down:
            x = stage(x, time)
            saved.append(x)
            x = stage.resample(x)
        for stage in self.mid:
            x = stage(x, time)
        for stage in self.up:
            skip = saved.pop()
            x = stage.resample(stage(torch.cat([x[:, :, : skip.shape[2]], skip], 1), time))
        return self.project(self.final(x))


class WholeFlow(nn.Module):
    """Codes → mel of a whole utterance."""

    def __init__(self, config: FlowV1Config) -> None:
        super().__init__()
        self.config = c = config
        n_mels = c.estimator.n_mels
        self.embedding = nn.Embedding(c.n_codes, c.encoder.dim_in)
        self.speaker = nn.Linear(c.speaker_dim, n_mels)
        self.encoder = ConformerEncoder(c.encoder)
        self.project = nn.Linear(c.encoder.dim, n_mels)
        self.regulator = LengthRegulator(n_mels, c.n_regulator_convs)
        self.estimator = Estimator(c.estimator)

    def n_frames(self, n_codes: int) -> int:
        """Mel frames of so many codes."""
        return int(n_codes / CODES_HZ * self.config.rate_hz / self.config.hop)

    def mean(self, codes: Sequence[int]) -> Tensor:
        """The mean mel [1, M, T] of codes [N]."""
        index = torch.as_tensor(codes, dtype=torch.long, device=self.project.weight.device)
        hidden = self.encoder(self.embedding(index.reshape(1, -1).clamp(min=0)))
        return self.regulator(self.project(hidden).transpose(1, 2), self.n_frames(len(codes)))

    def forward(self, codes: Sequence[int], voice: VoicePrompt, noise: Tensor) -> Tensor:
        """Codes after the voice's prompt → mel.

        Args:
            codes: the new codes.
            voice: speaker and prompt, of whose mel only the length counts: so many frames are
                cut from the front.
            noise: standard normal [T, M] for prompt and new frames.
        Returns:
            mel [T - T of the prompt, M], natural log.
        """
        mu = self.mean([*voice.codes, *codes])
        speaker = self.speaker(F.normalize(voice.speaker.to(mu).reshape(1, -1), dim=-1))
        guide = torch.cat([mu, speaker[:, :, None].expand_as(mu), torch.zeros_like(mu)], dim=1)
        guide = torch.cat([guide, torch.zeros_like(guide)])  # with guidance and without
        x, times = noise.to(mu).t()[None], solver_times(self.config.n_steps)
        for t, end in zip(times, times[1:], strict=False):
            velocity = self.estimator(torch.cat([x.expand(2, -1, -1), guide], dim=1), t)
            x = x + (end - t) * guided(velocity, self.config.guidance)
        return x[0].t()[0 if voice.mel is None else voice.mel.shape[0] :]
