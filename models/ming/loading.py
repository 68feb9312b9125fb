"""A folder in the released layout → MingModel."""

from __future__ import annotations

from pathlib import Path

import torch

from ..layers.quantised import Bits, fitted
from ..load_options import Blocks, LoadOptions
from .checkpoint import CheckpointError
from .config import MingConfig
from .detokenizer import WholeDetokenizer
from .detokenizer_files import load_detokenizer
from .features import read_cmvn
from .hearing import Ear, sanm_ear, whisper_ear
from .model import MingModel
from .mouth import Mouth
from .parts import Parts, open_parts
from .pictures import PictureSettings
from .talker_files import load_speaker
from .thinker_files import load_thinker
from .tokenizer import TextTokenizer
from .vision import Eye, load_eye


def load_ming(folder: Path, options: LoadOptions | None = None) -> MingModel:
    """Read a checkpoint.

    On a CPU, in the format they are stored in, the experts stay mapped to the disk until used.

    Args:
        folder: in the released layout, of any release.
        options: where and in which number format it computes, and its habits.

    Raises:
        CheckpointError: names what is missing or does not fit.
        ValueError: options this machine cannot do.
    """
    options = options or LoadOptions()
    parts, config = open_parts(folder), MingConfig.from_folder(folder)
    if parts.thinker is None:
        raise CheckpointError(f"{folder} holds no language model: no tensor begins with `model.`")
    device = options.torch_device()
    stored = parts.thinker.tensor("model.norm.weight").dtype
    dtype = options.torch_dtype(stored)
    bits = None if options.quantize == "none" else options.quantize
    mapped = device.type == "cpu" and dtype == stored
    thinker = load_thinker(
        config.thinker, parts.thinker, dtype, device, "listed" if mapped else "stacked", bits
    )
    ear, scribe = _ears(folder, parts, config, options.ming.blocks, dtype, device)
    return MingModel(
        name=folder.name,
        config=config,
        tokenizer=TextTokenizer.from_folder(folder),
        ear=ear,
        scribe=scribe,
        thinker=thinker,
        mouth=_mouth(folder, parts, config, dtype, device, bits),
        eye=_eye(folder, parts, config, dtype, device),
        folder=folder,
        options=options.ming,
    )


def _ears(
    folder: Path,
    parts: Parts,
    config: MingConfig,
    blocks: Blocks | None,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Ear, Ear]:
    """The ear for conversation and the one for writing down; only v1 has two.

    Its makers use SANM for spoken questions and Whisper to transcribe.
    """
    sanm = whisper = None
    if parts.sanm is not None:
        cmvn = read_cmvn(folder / "am.mvn")
        sanm = sanm_ear(parts, config, cmvn, blocks, dtype, device)
    if parts.whisper is not None:
        whisper = whisper_ear(parts, config, blocks, dtype, device)
    ear, scribe = sanm or whisper, whisper or sanm
    if ear is None or scribe is None:
        raise CheckpointError(f"{folder} holds no audio encoder")
    return ear, scribe


def _eye(
    folder: Path, parts: Parts, config: MingConfig, dtype: torch.dtype, device: torch.device
) -> Eye | None:
    if parts.vision is None or parts.vision_projector is None:
        return None
    return load_eye(parts, config.vision, dtype, device, PictureSettings.from_folder(folder))


def _mouth(
    folder: Path,
    parts: Parts,
    config: MingConfig,
    dtype: torch.dtype,
    device: torch.device,
    bits: Bits | None,
) -> Mouth | None:
    """Talker and audio decoder; None where the folder has no talker at all."""
    if parts.talker is None and not (folder / "talker").is_dir():
        return None
    speaker = load_speaker(folder, config, parts.talker, dtype, device)
    fitted(speaker.talker, bits)
    # The flow model stays in fp32: ten steps of an ODE are no place for rounding.
    detokenizer = load_detokenizer(folder / "talker", device=device)
    return Mouth(speaker, detokenizer, isinstance(detokenizer, WholeDetokenizer))
