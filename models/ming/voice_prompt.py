"""A voice to speak with: a speaker vector and, where known, a moment of that voice with its words.

Three file formats are read, those of the speakers the releases ship:

    Preview   a bare tensor [1, 192]
    v1        prompt_text, prompt_speech_token [1, n], prompt_speech_feat [1, F, 80],
              vp_emb [1, 192], and the lengths of the two sequences
    v1.5      the same, and flow_prompt_speech_token [1, n], flow_embedding [1, 192]: what the
              audio decoder is prompted with, where it differs from what the talker is

Letters: n codes at 50 Hz, F mel frames (50 Hz in v1.5, 86.13 Hz before).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint import CheckpointError, load_pt

N_MELS = 80


@dataclass(frozen=True, eq=False)
class VoicePrompt:
    """A voice; all tensors on the CPU.

    Args:
        speaker: voice vector [192] fp32 for the talker.
        text: what is said in the prompt; "" where there is none.
        codes: codec codes of the prompt [n] int64.
        mel: natural-log mel of the prompt [F, 80] fp32.
        flow_codes: the audio decoder's copy of `codes` [n].
        flow_speaker: the audio decoder's copy of `speaker` [192].
    """

    speaker: Tensor
    text: str
    codes: Tensor
    mel: Tensor
    flow_codes: Tensor
    flow_speaker: Tensor

    @classmethod
    def of(
        cls,
        speaker: Tensor,
        text: str = "",
        codes: Tensor | None = None,
        mel: Tensor | None = None,
        flow_codes: Tensor | None = None,
        flow_speaker: Tensor | None = None,
    ) -> VoicePrompt:
        """What is not given is empty; the decoder's copies are the talker's then."""
        codes = torch.zeros(0, dtype=torch.long) if codes is None else codes.long().flatten()
        mel = torch.zeros(0, N_MELS) if mel is None else mel.float().reshape(-1, mel.shape[-1])
        vector = speaker.float().flatten()
        return cls(
            vector,
            text,
            codes,
            mel,
            codes if flow_codes is None else flow_codes.long().flatten(),
            vector if flow_speaker is None else flow_speaker.float().flatten(),
        )

    def stored(self) -> dict[str, Any]:
        """The v1.5 format, which `load_voice_prompt` reads back."""
        return {
            "prompt_text": self.text,
            "prompt_speech_token": self.codes.to(torch.int32)[None],
            "prompt_speech_token_len": torch.tensor([len(self.codes)], dtype=torch.int32),
            "prompt_speech_feat": self.mel[None],
            "prompt_speech_feat_len": torch.tensor([len(self.mel)], dtype=torch.int32),
            "vp_emb": self.speaker[None],
            "flow_prompt_speech_token": self.flow_codes.to(torch.int32)[None],
            "flow_prompt_speech_token_len": torch.tensor([len(self.flow_codes)]),
            "flow_embedding": self.flow_speaker[None],
        }


def load_voice_prompt(path: Path | str) -> VoicePrompt:
    """Read a speaker file of any release; no code of the file is run.

    Raises:
        CheckpointError: not there, unsafe, or not a speaker file; says what is wrong.
    """
    content, name = load_pt(path), Path(path).name
    if isinstance(content, Tensor):
        return VoicePrompt.of(_vector(content, "the tensor", name))
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{name} is no speaker file: neither a tensor nor a dictionary")
    text = content.get("prompt_text", "")
    if not isinstance(text, str):
        raise CheckpointError(f"{name}: prompt_text is not text")
    flow_codes, flow_vector = "flow_prompt_speech_token", "flow_embedding"
    return VoicePrompt.of(
        _vector(content.get("vp_emb"), "vp_emb", name),
        text,
        _sequence(content, "prompt_speech_token", name),
        _mel(content, "prompt_speech_feat", name),
        _sequence(content, flow_codes, name) if flow_codes in content else None,
        _vector(content[flow_vector], flow_vector, name) if flow_vector in content else None,
    )


def save_voice_prompt(prompt: VoicePrompt, path: Path | str) -> None:
    """Write a speaker file in the v1.5 format."""
    torch.save(prompt.stored(), path)


def _vector(value: Any, key: str, name: str) -> Tensor:
    if not isinstance(value, Tensor) or value.numel() == 0 or value.numel() != value.shape[-1]:
        raise CheckpointError(f"{name}: {key} is not one voice vector [1, 192]")
    if not torch.isfinite(value.float()).all():
        raise CheckpointError(f"{name}: {key} holds numbers that are not finite")
    return value


def _sequence(content: Mapping[str, Any], key: str, name: str) -> Tensor | None:
    """Codes [n], cut to the length stored beside them."""
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, Tensor) or value.is_floating_point() or value.dim() > 2:
        raise CheckpointError(f"{name}: {key} is not a row of codec codes")
    codes = value.flatten()[: _length(content, key, value.numel())]
    if len(codes) and int(codes.min()) < 0:
        raise CheckpointError(f"{name}: {key} holds a negative code")
    return codes


def _mel(content: Mapping[str, Any], key: str, name: str) -> Tensor | None:
    """Mel frames [F, 80], cut to the length stored beside them."""
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, Tensor) or value.dim() not in (2, 3) or value.shape[-1] != N_MELS:
        raise CheckpointError(f"{name}: {key} is not mel frames [1, n, {N_MELS}]")
    frames = value.reshape(-1, N_MELS)
    return frames[: _length(content, key, len(frames))]


def _length(content: Mapping[str, Any], key: str, default: int) -> int:
    length = content.get(f"{key}_len", default)
    if isinstance(length, Tensor):
        length = int(length.flatten()[0]) if length.numel() else default
    return int(length)
