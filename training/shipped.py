"""The weights the project ships, as files: fp16 safetensors, computed with as fp32.

Stages start from them where a stage before has left no checkpoint, so that a fresh clone can go
on training, and the evaluation measures them and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

NANO = Path(__file__).resolve().parents[1] / "models" / "nano"


def save_half(module: nn.Module, path: Path) -> None:
    """Write a module's tensors in fp16."""
    tensors = {name: t.detach().cpu().half() for name, t in module.state_dict().items()}
    save_file(tensors, path)
    path.chmod(0o644)  # safetensors leaves files to their owner alone


def load_half(module: nn.Module, path: Path) -> None:
    """Fill a module from a file of `save_half`."""
    weights: dict[str, torch.Tensor] = load_file(path)
    module.load_state_dict({name: t.float() for name, t in weights.items()})


def load_shipped(modules: Mapping[str, nn.Module], speaker: str = "") -> None:
    """Fill the modules of a stage, or of a speaker's codec, that are shipped.

    Raises:
        FileNotFoundError: the speaker's are not.
    """
    for name, module in modules.items():
        if name in ("encoder", "projector"):
            _load_part(module, NANO / "ear.safetensors", name)
        elif name in ("talker", "audio_decoder"):
            _load_part(module, NANO / f"{name}.safetensors", speaker)
        elif name == "codec_encoder":
            load_half(module, codec_encoder_file(speaker))
        else:
            load_half(module, NANO / f"{name}.safetensors")


def codec_encoder_file(speaker: str) -> Path:
    """The encoder of a speaker's codes; nano itself does not need it, so it lies here."""
    return Path(__file__).with_name(f"codec_encoder_{speaker}.safetensors")


def _load_part(module: nn.Module, path: Path, part: str) -> None:
    start = f"{part}."
    tensors = {key: t.float() for key, t in load_file(path).items() if key.startswith(start)}
    if not tensors:
        raise FileNotFoundError(f"{path.name} has no {part} part: begin without --from-shipped")
    module.load_state_dict({key.removeprefix(start): t for key, t in tensors.items()})


def save_part(module: nn.Module, path: Path, part: str) -> None:
    """Write one part of a file in fp16; its other parts stay."""
    own = {f"{part}.{key}": t.detach().cpu().half() for key, t in module.state_dict().items()}
    before = load_file(path) if path.exists() else {}
    others = {key: t for key, t in before.items() if not key.startswith(f"{part}.")}
    save_file({**others, **own}, path)
    path.chmod(0o644)
