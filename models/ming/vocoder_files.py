"""The vocoder from its file: sizes from tensor shapes, both styles of weight norm, names."""

from __future__ import annotations

import math
import re

import torch

from .checkpoint import CheckpointError, Names, TensorSource, fold_weight_norm, load_into, prefixed
from .vocoder import Hift, HiftConfig

GAN_PREFIX = "generator."
IGNORED = ("stft_window", "m_source.l_sin_gen.*")
RATES_HZ = {480: 24_000, 256: 22_050}  # by samples per frame, where no yaml file says it


def load_vocoder(
    source: TensorSource, rate_hz: int | None = None, device: torch.device | str = "cpu"
) -> Hift:
    """The vocoder of a release, in float32.

    Args:
        source: tensors of `hift.pt` or `hift_v2.pt`, with or without `generator.` before them;
            a training file's discriminators are left out.
        rate_hz: of the waveform; follows from the frame length where not given.
        device: where it runs.

    Raises:
        CheckpointError: tensors are missing, surplus or of other shapes.
    """
    generator = prefixed(source, GAN_PREFIX)
    source = fold_weight_norm(generator if generator.keys() else source)
    with torch.device("meta"):
        vocoder = Hift(hift_config(source, rate_hz))
    load_into(vocoder, source, hift_names(vocoder), IGNORED, torch.float32, device)
    return vocoder.eval()


def hift_config(source: TensorSource, rate_hz: int | None = None) -> HiftConfig:
    """Sizes of a vocoder.

    The strides follow from the down-convolutions of the source: level i takes it down by all
    later strides, with a kernel twice as long, or of 1 at the last level.
    """
    kernels = [source.shape(f"ups.{i}.weight")[2] for i in range(_count(source, r"ups\.(\d+)\."))]
    if not kernels:
        raise CheckpointError(f"{source.origin} is not a HiFT vocoder: it lacks ups.0")
    levels = range(len(kernels))
    down = [max(1, source.shape(f"source_downs.{i}.weight")[2] // 2) for i in levels]
    strides = [kernels[0] // 2, *(down[i - 1] // down[i] for i in levels[1:])]
    n_fft = source.shape("conv_post.weight")[0] - 2
    n_blocks = _count(source, r"resblocks\.(\d+)\.") // len(kernels)
    channels, n_mels, _ = source.shape("conv_pre.weight")
    strided = tuple(zip(kernels, strides, strict=True))
    frame = n_fft // 4 * math.prod(strides)
    rate_hz = rate_hz or RATES_HZ.get(frame)
    if rate_hz is None:
        raise CheckpointError(
            f"{source.origin}: frames of {frame} samples; set sample_rate in the yaml file"
        )
    return HiftConfig(
        n_mels=n_mels,
        channels=channels,
        ups=strided,
        kernels=tuple(_kernel(source, f"resblocks.{j}") for j in range(n_blocks)),
        source_kernels=tuple(_kernel(source, f"source_resblocks.{i}") for i in levels),
        n_fft=n_fft,
        n_sines=source.shape("m_source.l_linear.weight")[1],
        pitch_channels=source.shape("f0_predictor.classifier.weight")[1],
        n_pitch_convs=_count(source, r"f0_predictor\.condnet\.(\d+)\.") // 2 + 1,
        rate_hz=rate_hz,
        smooth_phase=rate_hz != 22_050,
    )


def hift_names(vocoder: Hift) -> Names:
    """Stored name by our name; most are the same."""
    names = {}
    for name in vocoder.state_dict():
        stored = re.sub(r"^pitch\.convs\.(\d+)", _condnet, name)
        stored = stored.replace("pitch.classifier.", "f0_predictor.classifier.")
        names[name] = stored.replace("merge.", "m_source.l_linear.")
    return names


def _condnet(match: re.Match[str]) -> str:
    """Convolutions stand at the even places, activations between."""
    return f"f0_predictor.condnet.{2 * int(match.group(1))}"


def _kernel(source: TensorSource, block: str) -> int:
    return source.shape(f"{block}.convs1.0.weight")[2]


def _count(source: TensorSource, pattern: str) -> int:
    found = [re.match(pattern, key) for key in source.keys()]  # noqa: SIM118 - no mapping
    return 1 + max((int(match.group(1)) for match in found if match), default=-1)
