"""Trained stages → the files the package ships: fp16 safetensors in models/nano."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
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
from .languages import LANGUAGES
from .loop import load_modules
from .shipped import NANO, codec_encoder_file, load_half, save_half, save_part
from .voices import OWN_VOICES, SPEAKERS, run_name

THRESHOLDS = ("min_intent_probability", "min_transcript_confidence", "confirm_probability")


def voice_config(speakers: Collection[str] = SPEAKERS) -> dict[str, Any]:
    """What `config.json` says about the voices of some speakers."""
    own = [voice for voice in OWN_VOICES if voice.speaker in speakers]
    kept = ("name", "language", "speaker", "number")
    return {
        "talker": asdict(TalkerConfig(vocabulary=Text.shipped().vocabulary)),
        "audio_decoder": asdict(AudioDecoderConfig()),
        "voices": [{key: getattr(voice, key) for key in kept} for voice in own],
    }


def export_voice(speaker: str, folder: Path = NANO) -> list[Path]:
    """Write a speaker's talker, audio decoder and codec encoder as trained last; gives the files.

    Raises:
        FileNotFoundError: a stage has not been trained.
    """
    talker, codec = Talker(TalkerConfig(vocabulary=Text.shipped().vocabulary)), load_codec(speaker)
    if not load_modules(run_name("talker", speaker), {"talker": talker}):
        raise FileNotFoundError("the talker is untrained: run `python -m training --stage talker`")
    for name, module in (("talker", talker), ("audio_decoder", codec.decoder)):
        save_part(module, folder / f"{name}.safetensors", speaker)
    path = codec_encoder_file(speaker)
    save_half(codec.encoder, path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    speakers = {speaker, *(voice["speaker"] for voice in config["voices"])}
    _write(folder / "config.json", config | voice_config(speakers))
    names = ("talker.safetensors", "audio_decoder.safetensors", "config.json")
    return [path, *(folder / name for name in names)]


def export_understanding(
    stage: str = "joint", folder: Path = NANO, languages: Sequence[str] = LANGUAGES
) -> list[Path]:
    """Write encoder, projector, thinker and config.json as the stage left them; gives the files.

    The thresholds stay as they were chosen: `make nano-report` says which suit the new weights.

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
    before = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    chosen = {name: before[name] for name in THRESHOLDS if name in before}
    _write(folder / "config.json", before | asdict(config) | chosen)
    return [folder / name for name in ("ear.safetensors", "thinker.safetensors", "config.json")]


def _write(path: Path, config: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_voice(folder: Path = NANO) -> Voice:
    """The exported voices, in fp32."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    voice = Voice(
        TalkerConfig(**config["talker"]),
        AudioDecoderConfig.from_dict(config["audio_decoder"]),
        Text.shipped(),
        voices_of(config),
    )
    for name, module in (("talker", voice.talkers), ("audio_decoder", voice.decoders)):
        load_half(module, folder / f"{name}.safetensors")
    return voice.eval().requires_grad_(False)
