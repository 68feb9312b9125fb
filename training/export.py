"""Trained stages → the files the package ships: fp16 safetensors in models/nano."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vivavoce.models.nano.audio_decoder import AudioDecoderConfig
from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.hearing import Ear
from vivavoce.models.nano.talker import Talker, TalkerConfig
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import Thinker
from vivavoce.models.nano.voice import Voice, voices_of

from .codec import load_codec
from .loop import load_modules
from .shipped import NANO, load_half, save_half, shipped_file
from .voices import OWN_VOICES


def voice_config() -> dict[str, Any]:
    """What `config.json` says about the voice."""
    return {
        "talker": asdict(TalkerConfig(vocabulary=Text.shipped().vocabulary)),
        "audio_decoder": asdict(AudioDecoderConfig()),
        "voices": [{"name": voice.name, "language": voice.language} for voice in OWN_VOICES],
    }


def export_voice(folder: Path = NANO) -> list[Path]:
    """Write talker, audio decoder and the codec's encoder as trained last; gives the files.

    Raises:
        FileNotFoundError: a stage has not been trained.
    """
    talker = Talker(TalkerConfig(vocabulary=Text.shipped().vocabulary))
    if not load_modules("talker", {"talker": talker}):
        raise FileNotFoundError("the talker is untrained: run `python -m training --stage talker`")
    modules = {"talker": talker, **load_codec().parts()}
    files = {shipped_file(name, folder): module for name, module in modules.items()}
    for path, module in files.items():
        save_half(module, path)
    return list(files)


def export_understanding(
    stage: str = "joint", folder: Path = NANO, languages: Sequence[str] = ("en",)
) -> list[Path]:
    """Write encoder, projector, thinker and config.json as the stage left them; gives the files.

    Args:
        stage: whose checkpoint is taken.
        folder: where they go.
        languages: those the stage was trained in.

    Raises:
        FileNotFoundError: the stage has not been trained.
    """
    config, text = NanoConfig(languages=tuple(languages)), Text.shipped()
    ear, thinker = Ear(config, text), Thinker(config.thinker)
    modules = {"encoder": ear.encoder, "projector": ear.projector, "thinker": thinker}
    if not load_modules(stage, modules):
        raise FileNotFoundError(f"run `python -m training --stage {stage}` first")
    save_half(ear, folder / "ear.safetensors")
    save_half(thinker, folder / "thinker.safetensors")
    data = asdict(config) | voice_config()
    (folder / "config.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return [folder / name for name in ("ear.safetensors", "thinker.safetensors", "config.json")]


def load_voice(folder: Path = NANO) -> Voice:
    """The exported voice, in fp32."""
    voice = Voice(
        TalkerConfig(vocabulary=Text.shipped().vocabulary),
        AudioDecoderConfig(),
        Text.shipped(),
        voices_of(voice_config()),
    )
    for name, module in (("talker", voice.talker), ("audio_decoder", voice.decoder)):
        load_half(module, folder / f"{name}.safetensors")
    return voice.eval().requires_grad_(False)
