"""Names and folders → models."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Literal

import torch

from . import hub as hubs
from .dialogue import SpeechModel
from .load_options import LoadOptions
from .nano.inventory import examine_nano
from .nano.model import FOLDER as NANO_FOLDER
from .nano.model import NanoModel
from .report import Report

SHIPPED = ("nano",)
PUBLISHED = (
    "inclusionAI/Ming-Lite-Omni-1.5",
    "inclusionAI/Ming-Lite-Omni",
    "inclusionAI/Ming-Lite-Omni-Preview",
)
"""Repositories on the hub that are known to load; others of the same kind do too."""

Kind = Literal["nano", "ming"]
_ON_THE_HUB = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class UnknownModel(ValueError):
    """There is no such model; the message names those there are."""


def load(name: str, options: LoadOptions | None = None) -> SpeechModel:
    """Load a model by name, from a folder, or from the hub, whence it is downloaded first.

    Args:
        name: one of SHIPPED, a folder, or a repository on the hub ("organisation/name").
        options: device, number format, quantisation and the hub's address.

    Raises:
        UnknownModel: none of those, or a kind of model that is not known.
        HubError: it could not be downloaded; the message says what to do.
        FileNotFoundError, CheckpointError: the folder lacks something; the message says what.
        ValueError: options the model cannot be loaded with, or too little memory.
    """
    options = options or LoadOptions()
    options.set_threads()
    if name == "nano":
        return _nano(None, options)
    folder = obtain(name, options.hub)
    if kind_of(folder) == "nano":
        return _nano(folder, options)
    from .ming.loading import load_ming

    try:
        model = load_ming(folder, options)
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise ValueError(
            "it does not fit into memory; set model.quantize to int8 or int4 "
            f"(`vivavoce models verify {name}` says what each takes)"
        ) from None
    if not Path(os.path.expanduser(name)).is_dir():
        model.name = repository(name)  # the folder in the hub's cache is named by a commit
    return model


def find(name: str) -> Path | None:
    """The folder of a model if it is on this machine; None for a shipped one or one that is not.

    Raises:
        UnknownModel: neither a folder nor the name of a model.
    """
    if name in SHIPPED:
        return None
    folder = Path(os.path.expanduser(name))
    if name and folder.is_dir():
        return folder
    return hubs.cached(repository(name))


def obtain(name: str, hub: str = "", progress: hubs.Progress | None = None) -> Path:
    """The folder of a model, downloaded if it is not on this machine.

    Raises:
        UnknownModel, HubError: see `load`.
    """
    return find(name) or download(name, hub, progress)


def download(name: str, hub: str = "", progress: hubs.Progress | None = None) -> Path:
    """Bring a model from the hub here, or bring what is here up to date; gives its folder.

    What is not a model of a known kind is not downloaded.

    Raises:
        UnknownModel, HubError: see `load`.
    """
    if name in SHIPPED:
        raise UnknownModel(f"{name} is part of the package")
    repo = repository(name)
    if repo not in PUBLISHED:
        _kind(hubs.read_config(repo, hub), repo)
    return hubs.download(repo, hub, progress)


def repository(name: str) -> str:
    """The repository on the hub that a name stands for; ming-lite-omni-1.5 is enough of one.

    Raises:
        UnknownModel: the name is none of a repository.
    """
    for repo in PUBLISHED:
        if name.lower() in (repo.lower(), repo.split("/")[1].lower()):
            return repo
    if _ON_THE_HUB.fullmatch(name):
        return name
    known = ", ".join((*SHIPPED, *PUBLISHED))
    raise UnknownModel(f"there is no model {name!r}; choose one of: {known}, or a model's folder")


def kind_of(folder: Path) -> Kind:
    """What kind of model lies in a folder, by its config.json, or by its files without one.

    Raises:
        UnknownModel: none that is known.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (folder / "talker").is_dir() and any(folder.glob("*.safetensors")):
            return "ming"  # sizes come from its tensors
        raise UnknownModel(f"{folder} holds no model: it has no config.json") from None
    except (OSError, ValueError) as error:
        raise UnknownModel(f"{path} cannot be read: {error}") from None
    return _kind(config, str(folder))


# --- looking inside --------------------------------------------------------------------------


def examine(name: str) -> Report:
    """What a model on this machine holds, lacks and takes in memory.

    Args:
        name: a folder, a name of SHIPPED, or a repository that was downloaded.

    Raises:
        UnknownModel: none of those, or not on this machine.
        CheckpointError: a folder that nothing can be said of.
    """
    folder = folder_of(name)
    if kind_of(folder) == "ming":
        from .ming.inventory import examine as examine_ming

        return examine_ming(folder)
    return examine_nano(folder)


def folder_of(name: str) -> Path:
    """The folder of a model on this machine, a shipped one too. Raises UnknownModel."""
    if name in SHIPPED:
        return NANO_FOLDER
    folder = find(name)
    if folder is None:
        raise UnknownModel(
            f"{name} is not (wholly) on this machine: `vivavoce models download {name}`"
        )
    return folder


# --- kinds -----------------------------------------------------------------------------------


def _kind(config: object, where: str) -> Kind:
    if isinstance(config, dict):
        named = str(config.get("model_type", ""))
        if named == "bailingmm" or "llm_config" in config and "audio_config" in config:
            return "ming"
        if {"mel", "encoder", "thinker", "talker", "audio_decoder"} <= config.keys():
            return "nano"
        if named:
            raise UnknownModel(
                f"{where} holds a model of the kind {named!r}; known are Ming-Lite-Omni and nano"
            )
    raise UnknownModel(f"{where} holds no model of a known kind: Ming-Lite-Omni or nano")


def _nano(folder: Path | None, options: LoadOptions) -> NanoModel:
    """nano is small: it computes on the CPU in fp32, with weights as they are or in 8 bits."""
    asked = (
        ("device", options.device, ("auto", "cpu")),
        ("dtype", options.dtype, ("auto", "float32")),
        ("quantize", options.quantize, ("none", "int8")),
    )
    for setting, value, possible in asked:
        if value not in possible:
            raise ValueError(f"nano takes {' or '.join(possible)} for model.{setting}, not {value}")
    bits = options.quantize if options.quantize == "int8" else None
    return NanoModel.load(bits=bits) if folder is None else NanoModel.load(folder, bits)
