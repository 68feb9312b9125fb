"""Flow models and vocoders of random weights, at the full and at smaller sizes."""

from __future__ import annotations

import math

import torch
from torch import nn

from vivavoce.models.ming.conformer import ConformerConfig
from vivavoce.models.ming.flow import CausalFlow, FlowConfig, VoicePrompt
from vivavoce.models.ming.flow_estimator import EstimatorConfig
from vivavoce.models.ming.vocoder import Hift, HiftConfig

N_CODES, MELS, SPEAKER = 4096, 80, 192
ENCODERS = {
    "full": ConformerConfig(512, 512, 8, 2048, 6, 4, look_ahead=3),
    "half": ConformerConfig(256, 256, 4, 1024, 6, 4, look_ahead=3),
    "small": ConformerConfig(128, 128, 2, 512, 3, 2, look_ahead=3),
}
# Channels, heads, hidden, layers per stage, middle stages. Heads are 64 wide.
ESTIMATORS = {
    "full": (256, 8, 1024, 4, 12),
    "half": (128, 4, 512, 4, 6),
    "small": (64, 2, 256, 1, 4),
}
VOCODER_CHANNELS = {"full": 512, "half": 256, "small": 64}
SIZES = tuple(ENCODERS)


def random_flow(size: str, seed: int, n_steps: int = 10, chunk: int = 50) -> CausalFlow:
    """A flow model as v1.5's is taken to be ("full"), or narrower and shallower."""
    channels, n_heads, hidden, n_layers, n_mid = ESTIMATORS[size]
    estimator = EstimatorConfig(
        dim_in=4 * MELS,
        n_mels=MELS,
        levels=(channels,),
        n_heads=n_heads,
        head_dim=64,
        hidden=hidden,
        n_layers=n_layers,
        n_mid_blocks=n_mid,
        time_dim=4 * channels,
    )
    config = FlowConfig(N_CODES, SPEAKER, ENCODERS[size], estimator, chunk, n_steps)
    return _settled(CausalFlow(config), seed)


def random_vocoder(size: str, seed: int) -> Hift:
    """The 24 kHz vocoder."""
    config = HiftConfig(
        n_mels=MELS,
        channels=VOCODER_CHANNELS[size],
        ups=((16, 8), (11, 5), (7, 3)),
        kernels=(3, 7, 11),
        source_kernels=(7, 7, 11),
        n_fft=16,
        n_sines=9,
        pitch_channels=VOCODER_CHANNELS[size],
        n_pitch_convs=5,
        rate_hz=24_000,
        smooth_phase=True,
    )
    return _settled(Hift(config), seed)


def random_voice(n_codes: int, seed: int) -> VoicePrompt:
    """A voice with a prompt of so many codes."""
    generator = torch.Generator().manual_seed(seed)
    mel = torch.randn(n_codes, MELS, generator=generator)
    speaker = torch.randn(SPEAKER, generator=generator)
    return VoicePrompt(speaker, random_codes(n_codes, seed), mel)


def random_codes(n: int, seed: int) -> tuple[int, ...]:
    """Speech codes."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(0, N_CODES, (n,), generator=generator).tolist())


def n_parameters(*modules: nn.Module) -> int:
    """Of all modules together."""
    return sum(p.numel() for module in modules for p in module.parameters())


def _settled(module: nn.Module, seed: int) -> nn.Module:
    """Matrices drawn at a width that keeps values finite; norms and gains stay as they are."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.dim() > 1:
            width = 0.5 / math.sqrt(parameter[0].numel())
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.data = drawn * width
    return module.eval().requires_grad_(False)
