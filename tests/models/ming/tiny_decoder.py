"""Small random flow models and vocoders, made without a checkpoint."""

from dataclasses import replace

import torch

from vivavoce.models.ming.conformer import ConformerConfig
from vivavoce.models.ming.flow import CausalFlow, FlowConfig, VoicePrompt
from vivavoce.models.ming.flow_estimator import EstimatorConfig
from vivavoce.models.ming.flow_files import flow_names
from vivavoce.models.ming.flow_v1 import FlowV1Config, WholeFlow
from vivavoce.models.ming.vocoder import Hift, HiftConfig
from vivavoce.models.ming.vocoder_files import hift_names

MELS, CHUNK, N_CODES = 8, 10, 40
ENCODER = ConformerConfig(16, 16, 2, 24, n_blocks=2, n_up_blocks=1, look_ahead=3, up_ratio=1)
ESTIMATOR = EstimatorConfig(
    dim_in=4 * MELS,
    n_mels=MELS,
    levels=(16,),
    n_heads=2,
    head_dim=8,
    hidden=32,
    n_layers=1,
    n_mid_blocks=1,
    time_dim=16,
)
HIFT = HiftConfig(
    n_mels=MELS,
    channels=16,
    ups=((16, 8), (11, 5), (7, 3)),
    kernels=(3, 7),
    source_kernels=(7, 7, 11),
    n_fft=16,
    n_sines=9,
    pitch_channels=8,
    n_pitch_convs=2,
    rate_hz=24_000,
    smooth_phase=True,
)


def settled(module, seed=0):
    """Every parameter drawn anew from a seed; nothing is left at zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        is_gain = name.endswith(("norm.weight", "norm_1.weight", "norm_2.weight", "alpha"))
        parameter.data = 1 + 0.1 * values if is_gain else 0.2 * values
    return module.eval().requires_grad_(False)


def causal_flow(up_ratio=1, n_steps=3):
    encoder = replace(ENCODER, up_ratio=up_ratio)
    config = FlowConfig(N_CODES, 12, encoder, ESTIMATOR, chunk=CHUNK, n_steps=n_steps)
    return settled(CausalFlow(config))


def whole_flow():
    encoder = replace(ENCODER, look_ahead=0, n_up_blocks=0)
    estimator = replace(ESTIMATOR, levels=(16, 16))
    return settled(WholeFlow(FlowV1Config(N_CODES, 12, encoder, estimator, n_steps=2)))


def hift(v1=False):
    if not v1:
        return softer(settled(Hift(HIFT)))
    ups = ((16, 8), (16, 8))
    config = replace(HIFT, ups=ups, source_kernels=(7, 11), rate_hz=22_050, smooth_phase=False)
    return softer(settled(Hift(config)))


def softer(vocoder):
    """Far from the limits of its waveform."""
    vocoder.conv_post.weight.data *= 0.02
    vocoder.conv_post.bias.data -= 1
    return vocoder


def voice(n_codes=12, ratio=1, seed=1):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, N_CODES, (n_codes,), generator=generator).tolist()
    mel = torch.randn(n_codes * ratio, MELS, generator=generator) if n_codes else None
    return VoicePrompt(torch.randn(12, generator=generator), tuple(codes), mel)


def speech_codes(n, seed=2):
    return torch.randint(0, N_CODES, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


def stored(flow):
    """The flow model's tensors under their stored names."""
    tensors = {}
    for name, theirs in flow_names(flow).items():
        value = flow.state_dict()[name]
        if isinstance(theirs, str):
            tensors[theirs] = value
        elif len(theirs.inputs) == 1:
            tensors[theirs.inputs[0]] = value[..., None]
        else:
            tensors.update(zip(theirs.inputs, value.chunk(3), strict=True))
    return tensors


def stored_vocoder(vocoder):
    """The vocoder's tensors under their stored names."""
    names, tensors = hift_names(vocoder), vocoder.state_dict()
    return {names[name]: value for name, value in tensors.items()}
