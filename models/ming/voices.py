"""Voices of a checkpoint: those it ships, and those made from a recording with its own ONNX files.

    wav ─ 16 kHz ─ Kaldi fbank 80, mean-subtracted ─ campplus.onnx ──────────── speaker vector [192]
        │        └ Whisper log-mel 128 ──────────── speech_tokenizer_v1.onnx ─ codes at 50 Hz
        └ 24 or 22.05 kHz ─ log-mel 80 ──────────────────────────────────────── prompt mel
    text ────────────────────────────────────────────────────────────────────── prompt text

A voice belongs to its checkpoint, whose codes it is made of. Those of a folder lie in its
`voices/`; those of a model in the hub's cache, which may be emptied, under the user's own data.
Source: CAM++ is arXiv 2303.00332; file names as the releases open them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint import CheckpointError
from .config import MingConfig
from .detokenizer_yaml import MelSettings, mel_default, read_detokenizer_yaml
from .features import RATE_HZ, kaldi_fbank, whisper_log_mel
from .prompt_mel import prompt_mel
from .resampling import resampled
from .voice_prompt import VoicePrompt, load_voice_prompt, save_voice_prompt

SPEAKER_VECTOR = "talker/campplus.onnx"
SPEECH_CODES = "talker/speech_tokenizer_v1.onnx"
SHIPPED_IN = ("data/spks", "spks", "talker/data/spks", "talker/spks")
USUAL = "luna"  # how the names of the releases' default voice begin
LONGEST_S, SHORTEST_S = 30.0, 1.0
CODES_HZ = 50
QUIETEST = 1e-3  # root mean square of full scale, -60 dB
_NAME = re.compile(r"[^\W_][\w-]{0,39}")
_IN_THE_CACHE = re.compile(r"models--([\w.-]+)")


def voices_of(folder: Path) -> dict[str, Path]:
    """The voices a checkpoint can speak with, by name; the first is its own choice.

    The shipped ones come first, the family's usual voice before all; a voice of the user's takes
    the place of a shipped one of that name.
    """
    found: dict[str, Path] = {}
    for place in (*(folder / place for place in SHIPPED_IN), own_voices_folder(folder)):
        found |= {path.stem: path for path in sorted(place.glob("*.pt"), key=_usual_first)}
    return {name: path for name, path in found.items() if _NAME.fullmatch(name)}


def _usual_first(path: Path) -> tuple[bool, str]:
    return not path.stem.startswith(USUAL), path.stem


def own_voices_folder(folder: Path) -> Path:
    """Where the voices made for a checkpoint lie."""
    for parent in (folder, *folder.parents):
        match = _IN_THE_CACHE.fullmatch(parent.name)
        if match and "snapshots" in folder.parts:
            data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
            return Path(data) / "vivavoce" / "voices" / match[1]
    return folder / "voices"


def load_voice(folder: Path, name: str) -> VoicePrompt:
    """A voice by name. Raises ValueError for an unknown one, CheckpointError for a bad file."""
    known = voices_of(folder)
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "there are none yet"
        raise ValueError(f"{folder.name} has no voice {name!r}; {there} (`vivavoce voices add`)")
    return load_voice_prompt(known[name])


def add_voice(
    folder: Path, name: str, pcm: Tensor, rate_hz: int, text: str, replace: bool = False
) -> VoicePrompt:
    """Make a voice from a recording and keep it.

    Args:
        folder: the checkpoint's.
        name: letters, digits, - and _.
        pcm: the recording [n], mono, in [-1, 1], 1 to 30 s of one person.
        rate_hz: its sampling rate.
        text: what is said in it, word for word.
        replace: whether a voice of that name may be overwritten.

    Raises:
        ValueError: name, recording or text cannot be used; the message says why.
        CheckpointError: the checkpoint lacks what voices are made with.
    """
    _check_name(folder, name, replace)
    voice = make_voice(folder, pcm, rate_hz, text)
    _keep(voice, own_voices_folder(folder) / f"{name}.pt")
    return voice


def import_voice(folder: Path, name: str, path: Path, replace: bool = False) -> VoicePrompt:
    """Keep a copy of a speaker file of any release. Raises as `add_voice` does."""
    _check_name(folder, name, replace)
    voice = load_voice_prompt(path)
    _keep(voice, own_voices_folder(folder) / f"{name}.pt")
    return voice


def make_voice(folder: Path, pcm: Tensor, rate_hz: int, text: str) -> VoicePrompt:
    """A voice from a recording, not kept; arguments and errors as those of `add_voice`."""
    text = " ".join(text.split())
    if not text:
        raise ValueError("a voice needs the words of its recording: --text")
    pcm = _checked(pcm, rate_hz)
    at_16k = resampled(pcm, rate_hz, RATE_HZ)
    speaker = speaker_vector(_session(folder / SPEAKER_VECTOR), at_16k)
    codes = speech_codes(_session(folder / SPEECH_CODES), at_16k)
    settings = mel_settings(folder)
    mel = prompt_mel(resampled(pcm, rate_hz, settings.rate_hz), settings)
    return VoicePrompt.of(speaker, text, *_of_one_length(codes, mel, settings))


def mel_settings(folder: Path) -> MelSettings:
    """How a checkpoint's prompt mel is computed."""
    detokenizer = MingConfig.from_folder(folder).detokenizer
    default = mel_default(detokenizer.streaming)
    return read_detokenizer_yaml(folder / "talker" / detokenizer.settings, default).mel


# --- the checkpoint's own networks -----------------------------------------------------------


def speaker_vector(session: Any, pcm: Tensor) -> Tensor:
    """pcm [n] at 16 kHz → the voice vector [192], through a CAM++ session."""
    fbank = kaldi_fbank(pcm, "povey")
    (vector,) = _run(session, (fbank - fbank.mean(0))[None])
    return torch.from_numpy(vector).float().flatten()


def speech_codes(session: Any, pcm: Tensor) -> Tensor:
    """pcm [n] at 16 kHz → codec codes at 50 Hz [n / 320], through a speech tokeniser session."""
    mel = whisper_log_mel(pcm).T[None]
    (codes,) = _run(session, mel, torch.tensor([mel.shape[2]], dtype=torch.int32))
    return torch.from_numpy(codes).long().flatten()


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ValueError("new voices need onnxruntime: pip install 'vivavoce[voices]'") from None
    if not path.is_file():
        raise CheckpointError(f"{path} is missing, which new voices are made with")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; the rest is about the file's making
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common root but Exception
        raise CheckpointError(f"{path} cannot be read: {_first_line(error)}") from None


def _run(session: Any, *inputs: Tensor) -> Any:
    names = [one.name for one in session.get_inputs()]
    if len(names) != len(inputs):
        raise CheckpointError(f"an ONNX file takes {len(names)} inputs instead of {len(inputs)}")
    given: Mapping[str, Any] = {
        name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)
    }
    try:
        return session.run(None, given)[:1]
    except Exception as error:  # see above
        raise CheckpointError(f"an ONNX file refuses the recording: {_first_line(error)}") from None


# --- checks ----------------------------------------------------------------------------------


def _checked(pcm: Tensor, rate_hz: int) -> Tensor:
    length_s = len(pcm) / rate_hz
    if not SHORTEST_S <= length_s <= LONGEST_S:
        raise ValueError(
            f"the recording is {length_s:.1f} s long; it must be {SHORTEST_S:.0f} to "
            f"{LONGEST_S:.0f} s"
        )
    pcm = pcm.float()
    if not torch.isfinite(pcm).all():
        raise ValueError("the recording holds samples that are no numbers")
    if pcm.square().mean().sqrt() < QUIETEST:
        raise ValueError("the recording is silent")
    return pcm


def _of_one_length(codes: Tensor, mel: Tensor, settings: MelSettings) -> tuple[Tensor, Tensor]:
    """Codes and mel cut to the time that both cover; edges of the recording may differ."""
    frames_a_code = settings.rate_hz / settings.hop / CODES_HZ
    n_codes = min(len(codes), round(len(mel) / frames_a_code))
    if n_codes == 0:
        raise CheckpointError("the speech tokeniser gave no codes for the recording")
    return codes[:n_codes], mel[: round(n_codes * frames_a_code)]


def _check_name(folder: Path, name: str, replace: bool) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a voice: up to 40 letters, digits, - and _, a letter or "
            "digit first"
        )
    if name in voices_of(folder) and not replace:
        raise ValueError(f"there is a voice {name!r} already; --replace takes the new one")


def _keep(voice: VoicePrompt, path: Path) -> None:
    """Written beside and moved in place, so that a daemon never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".writing")
    save_voice_prompt(voice, beside)
    os.replace(beside, path)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
