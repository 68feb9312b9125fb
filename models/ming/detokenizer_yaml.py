"""Settings of a checkpoint's detokeniser that no tensor's shape tells, from its yaml file.

The files (`talker/audio_detokenizer*.yaml`) are written for a loader that builds Python objects
from tags such as `!new:package.Class`. Here a tag builds nothing: what stands under it is read as
plain keys and values, and `!ref <name>` as the value of that top-level key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from .checkpoint import CheckpointError

_REFERENCE = re.compile(r"<([\w]+)>")
_DEEPEST = 32


@dataclass(frozen=True)
class MelSettings:
    """The mel frames the flow model is prompted with; rates in Hz, the rest in samples."""

    rate_hz: int
    n_fft: int
    hop: int
    window: int
    n_mels: int = 80
    low_hz: float = 0.0
    high_hz: float = 8000.0


MEL_V1_5 = MelSettings(24_000, n_fft=1920, hop=480, window=1920)
MEL_V1 = MelSettings(22_050, n_fft=1024, hop=256, window=1024)


@dataclass(frozen=True)
class DetokenizerFile:
    """What the file says; None where it does not.

    Args:
        mel: how prompt mel is computed.
        head_dim: width of the estimator's attention heads.
        chunk: codes that see each other, of the encoder.
        n_steps: of the solver.
        guidance: strength of classifier-free guidance.
    """

    mel: MelSettings
    head_dim: int | None = None
    chunk: int | None = None
    n_steps: int | None = None
    guidance: float | None = None


def mel_default(streaming: bool) -> MelSettings:
    """The published settings: of v1.5, whose detokeniser streams, or of v1 and Preview."""
    return MEL_V1_5 if streaming else MEL_V1


def read_detokenizer_yaml(path: Path | str, default: MelSettings) -> DetokenizerFile:
    """Read a file; `default` mel settings hold where there is no file or it says nothing.

    Raises:
        CheckpointError: the file cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        return DetokenizerFile(default)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)  # noqa: S506
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} cannot be read: {reason}") from None
    if not isinstance(data, Mapping):
        raise CheckpointError(f"{path} holds no settings")
    data = _resolved(data, data)
    encoder = _under(data, "encoder")
    return DetokenizerFile(
        _mel(data, default),
        head_dim=_whole(_first(data, "attention_head_dim")),
        chunk=_whole(encoder.get("static_chunk_size") or data.get("chunk_size")),
        n_steps=_whole(_first(data, "n_timesteps")),
        guidance=_number(_first(data, "inference_cfg_rate")),
    )


class _PlainLoader(yaml.SafeLoader):
    """Safe, and blind to what tags mean."""


class _Reference(str):
    """The text behind `!ref`."""


def _plain(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    text = loader.construct_scalar(node)  # type: ignore[arg-type]
    return _Reference(text) if suffix == "ref" else text


_PlainLoader.add_multi_constructor("!", _plain)
_PlainLoader.add_multi_constructor("tag:yaml.org,2002:python/", _plain)


def _resolved(value: Any, top: Mapping[str, Any], depth: int = 0) -> Any:
    """`<name>` and products such as `<chunk_size> * <token_mel_ratio>` as their values."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, _Reference):
        names = _REFERENCE.findall(value)
        values = [_resolved(top.get(name), top, depth + 1) for name in names]
        if len(values) == 1 and value.strip() == f"<{names[0]}>":
            return values[0]
        numbers = [v for v in values if isinstance(v, int | float)]
        is_product = re.fullmatch(r"\s*<\w+>(\s*\*\s*<\w+>)*\s*", value)
        return math.prod(numbers) if is_product and len(numbers) == len(values) else None
    if isinstance(value, Mapping):
        return {key: _resolved(inner, top, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, top, depth + 1) for inner in value]
    return value


def _mel(data: Mapping[str, Any], default: MelSettings) -> MelSettings:
    said = _under(data, "feat_extractor") or _under(data, "mel_spec_transform1")
    given = {
        "rate_hz": _whole(said.get("sampling_rate")) or _whole(data.get("sample_rate")),
        "n_fft": _whole(said.get("n_fft")),
        "hop": _whole(said.get("hop_size")),
        "window": _whole(said.get("win_size")),
        "n_mels": _whole(said.get("num_mels")),
        "low_hz": _number(said.get("fmin")),
        "high_hz": _number(said.get("fmax")),
    }
    return replace(default, **{key: value for key, value in given.items() if value is not None})


def _under(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = _first(data, key)
    return found if isinstance(found, Mapping) else {}


def _first(value: Any, key: str) -> Any:
    """The value of the first key of that name, at any depth; None where there is none."""
    if isinstance(value, Mapping):
        if value.get(key) is not None:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        found = (_first(inner, key) for inner in value)
        return next((one for one in found if one is not None), None)
    return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number > 0 else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
