"""The parts of a checkpoint folder: which tensors belong to which, in each of the releases.

                Preview              v1                     v1.5
thinker         model.*              model.*                model.*
Whisper-size    -                    whisper_encoder.*      audio.*
 its projector  -                    linear_proj_whisper.*  linear_proj_audio.*
SANM            audio.*              audio.*                -
 its projector  linear_proj_audio.*  linear_proj_audio.*    -
vision          vision.*, linear_proj.*  (all releases)
talker          talker.* among the main tensors, or in talker/ with or without that prefix
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .checkpoint import CheckpointError, TensorSource, open_pt, open_safetensors, prefixed


@dataclass(frozen=True)
class Parts:
    """The tensors of each part, without their prefix; None where there are none.

    `version` is what the names of the audio encoders' tensors tell, None where there are none.
    """

    version: Literal["preview", "v1", "v1.5"] | None = None
    thinker: TensorSource | None = None
    whisper: TensorSource | None = None
    whisper_projector: TensorSource | None = None
    sanm: TensorSource | None = None
    sanm_projector: TensorSource | None = None
    vision: TensorSource | None = None
    vision_projector: TensorSource | None = None
    talker: TensorSource | None = None


def open_parts(folder: Path) -> Parts:
    """The parts of a folder in the released layout; no tensor is read.

    Raises:
        CheckpointError: no such folder, or a file in it that cannot be read.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}")
    main = open_safetensors(folder) if any(folder.glob("*.safetensors*")) else None
    return parts_of(main, _talker_folder(folder / "talker"))


def parts_of(main: TensorSource | None, talker: TensorSource | None = None) -> Parts:
    """The parts among the main tensors; `talker` are those of the folder talker/."""
    if main is None:
        return Parts(talker=_talker(talker))
    whisper = _part(main, "whisper_encoder.")
    if whisper is not None:
        version, projector = "v1", "linear_proj_whisper."
    elif "audio.conv1.weight" in main.keys():  # noqa: SIM118 - a source is no mapping
        version, projector = "v1.5", "linear_proj_audio."
        whisper = _part(main, "audio.")
    else:
        version, projector = "preview" if _part(main, "audio.") else None, ""
    has_sanm = version != "v1.5"
    return Parts(
        version,
        thinker=_part(main, "model."),
        whisper=whisper,
        whisper_projector=_part(main, projector) if whisper else None,
        sanm=_part(main, "audio.") if has_sanm else None,
        sanm_projector=_part(main, "linear_proj_audio.") if has_sanm else None,
        vision=_part(main, "vision."),
        vision_projector=_part(main, "linear_proj."),
        talker=_talker(talker) or _part(main, "talker."),
    )


def _part(source: TensorSource, prefix: str) -> TensorSource | None:
    part = prefixed(source, prefix)
    return part if part.keys() else None


def _talker(source: TensorSource | None) -> TensorSource | None:
    return None if source is None else _part(source, "talker.") or source


def _talker_folder(folder: Path) -> TensorSource | None:
    if any(folder.glob("*.safetensors*")):
        return open_safetensors(folder)
    binary = folder / "pytorch_model.bin"
    return open_pt(binary) if binary.is_file() else None
