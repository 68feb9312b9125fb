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
CODEC_ENCODERS = Path(__file__).parent


def save_half(module: nn.Module, path: Path) -> None:
    """Write a module's tensors in fp16."""
    tensors = {name: t.detach().cpu().half() for name, t in module.state_dict().items()}
    save_file(tensors, path)
    path.chmod(0o644)  # safetensors leaves files to their owner alone


def load_half(module: nn.Module, path: Path) -> None:
    """Fill a module from a file of `save_half`."""
    weights: dict[str, torch.Tensor] = load_file(path)
    module.load_state_dict({name: t.float() for name, t in weights.items()})


def load_shipped(modules: Mapping[str, nn.Module]) -> None:
    """Fill the modules of a stage, or of the codec, that are shipped."""
    ear = load_file(NANO / "ear.safetensors")
    for name, module in modules.items():
        if name in ("encoder", "projector"):
            start = f"{name}."
            own = {key[len(start) :]: t.float() for key, t in ear.items() if key.startswith(start)}
            module.load_state_dict(own)
        else:
            load_half(module, shipped_file(name))


def shipped_file(name: str, folder: Path = NANO) -> Path:
    """Where a module's weights lie; the codec's encoders, which nano does not need, lie here."""
    beside = name.startswith("codec_encoder") and folder == NANO
    return (CODEC_ENCODERS if beside else folder) / f"{name}.safetensors"
