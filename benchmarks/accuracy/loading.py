"""Which weights are measured: the shipped ones, a folder of exported ones, or checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.languages import LANGUAGES
from vivavoce.models.catalog import load
from vivavoce.models.layers.quantised import quantise
from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.model import NanoModel


def measured_model(
    weights: Path | None = None,
    checkpoints: Sequence[Path] = (),
    languages: Sequence[str] | None = None,
    int8: bool = False,
) -> NanoModel:
    """nano with the weights to be measured in place of those shipped.

    Args:
        weights: a folder with any of the exported parts; what it lacks is taken as shipped.
        checkpoints: run folders; each brings what its stage trained, later ones win.
        languages: what it is taken to know; default: what the folder's `config.json` says, and
            all of LANGUAGES for checkpoints.
        int8: weights in 8 bits, as `model.quantize` makes them.

    Raises:
        FileNotFoundError: there is nothing to measure at a path.
    """
    model = load("nano")
    assert isinstance(model, NanoModel)
    if weights is not None:
        _take_files(model, weights)
    for folder in checkpoints:
        _take_checkpoint(model, folder)
    if languages is None and checkpoints:
        languages = LANGUAGES
    if languages is not None:
        _know(model, replace(model.config, languages=tuple(languages)))
    if int8:
        for part in model.parts().values():
            quantise(part, "int8")
    return model


def _take_files(model: NanoModel, folder: Path) -> None:
    found = [path for name in model.parts() if (path := folder / f"{name}.safetensors").is_file()]
    if not found:
        raise FileNotFoundError(f"{folder} holds none of nano's parts: {', '.join(model.parts())}")
    for path in found:
        _fill(model.parts()[path.stem], load_file(path))
    config = folder / "config.json"
    if config.is_file():
        _know(model, NanoConfig.from_dict(json.loads(config.read_text(encoding="utf-8"))))


def _take_checkpoint(model: NanoModel, folder: Path) -> None:
    path = folder if folder.is_file() else folder / "checkpoint.pt"
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    own = {
        "encoder": model.ear.encoder,
        "projector": model.ear.projector,
        "thinker": model.thinker,
    }
    for name, weights in state["modules"].items():
        if name in own:
            _fill(own[name], weights)
    print(f"{path}: step {state['step']}, {state.get('minutes', 0.0):.0f} minutes")


def _fill(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    # As shipped: rounded to fp16, computed with as fp32.
    module.load_state_dict({name: t.half().float() for name, t in weights.items()})


def _know(model: NanoModel, config: NanoConfig) -> None:
    model.config, model.languages = config, config.languages
    model.min_intent_probability = config.min_intent_probability
