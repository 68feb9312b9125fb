"""Names and folders → models."""

from __future__ import annotations

from pathlib import Path

from .dialogue import SpeechModel
from .nano.model import NanoModel

SHIPPED = ("nano",)


class UnknownModel(ValueError):
    """There is no such model; the message names those there are."""


def load(name: str) -> SpeechModel:
    """Load a model by name, or from a folder in nano's layout.

    Raises:
        UnknownModel: neither a name nor a folder.
        FileNotFoundError: a weight file is missing; the message says which.
    """
    if name == "nano":
        return NanoModel.load()
    if Path(name).is_dir():
        return NanoModel.load(Path(name))
    raise UnknownModel(f"there is no model {name!r}; choose one of: {', '.join(SHIPPED)}")
