"""Voices of models by name: listed, and made for those that take them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from .catalog import SHIPPED, folder_of, kind_of
from .dialogue import Pcm, Unsupported
from .ming import voices as ming
from .ming.voice_prompt import load_voice_prompt
from .nano.voice import shipped_voices


@dataclass(frozen=True)
class Voice:
    """A voice that a model can speak with.

    Args:
        name: what `assistant.voice` and a session's voice say.
        file: where it is kept; None for a voice that is part of the model.
        prompt_s: seconds of speech that it goes on from.
        text: what is said in them.
    """

    name: str
    file: Path | None = None
    prompt_s: float = 0.0
    text: str = ""


def voices(name: str) -> list[Voice]:
    """The voices of a model on this machine.

    Raises:
        UnknownModel: there is no such model, or not on this machine.
        CheckpointError: a voice that cannot be read.
    """
    folder = folder_of(name)
    if kind_of(folder) == "nano":
        return [Voice(voice.name) for voice in shipped_voices(folder)]
    found = []
    for voice, path in ming.voices_of(folder).items():
        prompt = load_voice_prompt(path)
        found.append(Voice(voice, path, len(prompt.codes) / ming.CODES_HZ, prompt.text))
    return found


def add_voice(
    name: str, voice: str, pcm: Pcm, rate_hz: int, text: str, replace: bool = False
) -> None:
    """Make a voice of a recording and keep it with the model.

    Args:
        name: of the model.
        voice: of the new voice.
        pcm: the recording [n], 1 to 30 s of one person.
        rate_hz: its sampling rate.
        text: what is said in it, word for word.
        replace: whether a voice of that name may be overwritten.

    Raises:
        UnknownModel, CheckpointError: see `voices`; or the model lacks what voices are made with.
        ValueError: name, recording or text cannot be used.
        Unsupported: the model has a voice of its own only.
    """
    ming.add_voice(_taking_voices(name), voice, torch.from_numpy(pcm), rate_hz, text, replace)


def import_voice(name: str, voice: str, file: Path, replace: bool = False) -> None:
    """Keep a copy of a speaker file with the model; arguments and errors as of `add_voice`."""
    ming.import_voice(_taking_voices(name), voice, file, replace)


def _taking_voices(name: str) -> Path:
    folder = folder_of(name)
    if kind_of(folder) != "ming":
        kind = name if name in SHIPPED else "nano"
        raise Unsupported(
            f"{kind} speaks with its own voice only; voices are made for a Ming model: --model"
        )
    return folder
