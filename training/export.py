"""Trained stages → the files the package ships: fp16 safetensors in models/nano."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from vivavoce.models.nano.audio_decoder import AudioDecoderConfig
from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.hearing import Ear
from vivavoce.models.nano.talker import Talker, TalkerConfig
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import Thinker
from vivavoce.models.nano.voice import Voice

from .codec import load_codec
from .loop import load_modules
from .shipped import CODEC_ENCODER, NANO, load_half, save_half


def voice_sizes() -> dict[str, TalkerConfig | AudioDecoderConfig]:
    """What `config.json` says about the voice."""
    return {
        "talker": TalkerConfig(vocabulary=Text.shipped().vocabulary),
        "audio_decoder": AudioDecoderConfig(),
    }


def export_voice(folder: Path = NANO) -> list[Path]:
    """Write talker, audio decoder and the codec's encoder as trained last; gives the files.

    Raises:
        FileNotFoundError: a stage has not been trained.
    """
    talker = Talker(TalkerConfig(vocabulary=Text.shipped().vocabulary))
    if not load_modules("talker", {"talker": talker}):
        raise FileNotFoundError("the talker is untrained: run `python -m training --stage talker`")
    codec = load_codec()
    files = {
        folder / "talker.safetensors": talker,
        folder / "audio_decoder.safetensors": codec.decoder,
        CODEC_ENCODER if folder == NANO else folder / CODEC_ENCODER.name: codec.encoder,
    }
    for path, module in files.items():
        save_half(module, path)
    return list(files)


def export_understanding(stage: str = "joint", folder: Path = NANO) -> list[Path]:
    """Write encoder, projector, thinker and config.json as the stage left them; gives the files.

    Raises:
        FileNotFoundError: the stage has not been trained.
    """
    config, text = NanoConfig(), Text.shipped()
    ear, thinker = Ear(config, text), Thinker(config.thinker)
    modules = {"encoder": ear.encoder, "projector": ear.projector, "thinker": thinker}
    if not load_modules(stage, modules):
        raise FileNotFoundError(f"run `python -m training --stage {stage}` first")
    save_half(ear, folder / "ear.safetensors")
    save_half(thinker, folder / "thinker.safetensors")
    sizes = asdict(config) | {name: asdict(part) for name, part in voice_sizes().items()}
    (folder / "config.json").write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")
    return [folder / name for name in ("ear.safetensors", "thinker.safetensors", "config.json")]


def load_voice(folder: Path = NANO) -> Voice:
    """The exported voice, in fp32."""
    voice = Voice(
        TalkerConfig(vocabulary=Text.shipped().vocabulary), AudioDecoderConfig(), Text.shipped()
    )
    for name, module in (("talker", voice.talker), ("audio_decoder", voice.decoder)):
        load_half(module, folder / f"{name}.safetensors")
    return voice.eval().requires_grad_(False)
