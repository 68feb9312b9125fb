"""What a checkpoint folder holds, what it lacks, and what it would take in memory.

The parts' own loaders are run over the shapes of the tensors alone, so what they would refuse is
told without reading gigabytes: the same names, the same sentences.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..report import PartReport, Report
from .checkpoint import CheckpointError, TensorSource, open_pt
from .config import MingConfig
from .detokenizer_files import flow_settings
from .detokenizer_yaml import mel_default, read_detokenizer_yaml
from .features import read_cmvn
from .flow_files import load_flow
from .hearing import sanm_ear, whisper_ear
from .parts import Parts, open_parts
from .speech_bpe import SpeechBpe
from .talker import load_talker
from .talker_layout import SpecialIds
from .thinker_files import load_thinker
from .tokenizer import TextTokenizer, ThinkerIds
from .vision import load_eye
from .vocoder_files import load_vocoder
from .voice_prompt import load_voice_prompt
from .voices import SPEAKER_VECTOR, SPEECH_CODES, voices_of

BF16, FP32 = 2, 4  # bytes of a number
GROUP = 128  # weights with one 16-bit scale
WEIGHT_BYTES = {"bf16": 2.0, "int8": 1 + 2 / GROUP, "int4": 0.5 + 2 / GROUP}

Check = Callable[[], object]


def examine(folder: Path | str) -> Report:
    """Look through a folder in the released layout.

    Raises:
        CheckpointError: there is no such folder, or it holds no Ming-Lite-Omni at all.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}")
    parts, fault = _opened(folder)
    config = _config(folder, parts, fault)
    decoder = _decoder_tensors(folder, config)
    reports = [
        *_language(folder, config, parts, fault),
        *_ears(folder, config, parts, fault),
        *_speech(folder, config, parts, fault),
        *_decoder(folder, config, decoder),
        *_voices(folder),
    ]
    thinker = config.thinker
    return Report(
        f"Ming-Lite-Omni {config.version}",
        tuple(reports),
        _memory(parts, decoder.values()),
        2 * BF16 * thinker.n_layers * thinker.n_kv_heads * thinker.head_dim,
        thinker.max_positions,
        _notes(config),
    )


# --- parts -----------------------------------------------------------------------------------


def _language(folder: Path, config: MingConfig, parts: Parts, fault: str) -> Iterator[PartReport]:
    source = parts.thinker
    yield PartReport(
        "language model",
        "*.safetensors",
        _count(source),
        _tensor_fault(source, fault, lambda s: load_thinker(config.thinker, s, device="meta")),
    )
    yield PartReport(
        "its tokenizer",
        "tokenizer.json",
        fault=_fault_of(lambda: ThinkerIds.of(TextTokenizer.from_folder(folder))),
    )
    yield PartReport(
        "image encoder",
        "*.safetensors",
        _count(parts.vision) + _count(parts.vision_projector),
        fault or _fault_of(lambda: load_eye(_as_shapes(parts), config.vision, device="meta")),
        needed=False,
        without="images cannot be shown to it",
    )


def _ears(folder: Path, config: MingConfig, parts: Parts, fault: str) -> Iterator[PartReport]:
    shapes = _as_shapes(parts)
    if config.whisper is not None:
        yield PartReport(
            "audio encoder, Whisper-size",
            "*.safetensors",
            _count(parts.whisper) + _count(parts.whisper_projector),
            fault or _fault_of(lambda: whisper_ear(shapes, config, device="meta")),
        )
    if config.sanm is not None:
        is_only_one = config.whisper is None
        yield PartReport(
            "audio encoder, SANM",
            "*.safetensors, am.mvn",
            _count(parts.sanm) + _count(parts.sanm_projector),
            fault
            or _fault_of(
                lambda: sanm_ear(shapes, config, read_cmvn(folder / "am.mvn"), device="meta")
            ),
            needed=is_only_one,
            without="" if is_only_one else "it hears through the Whisper-size encoder only",
        )


def _speech(folder: Path, config: MingConfig, parts: Parts, fault: str) -> Iterator[PartReport]:
    talker, bpe = folder / "talker", folder / "talker" / "s3_bpe"
    any_row = config.talker.text_vocabulary - 1  # for shapes, which row ends speech is the same
    yield PartReport(
        "talker",
        "talker/*.safetensors or among the main ones",
        _count(parts.talker),
        _tensor_fault(
            parts.talker,
            fault,
            lambda source: load_talker(source, config.talker, any_row, device="meta"),
        ),
    )
    yield PartReport(
        "its tokenizer",
        "talker/tokenizer.json",
        fault=_fault_of(lambda: SpecialIds.named(TextTokenizer.from_folder(talker).id_of)),
    )
    yield PartReport(
        "speech tokens",
        "talker/s3_bpe/",
        fault=_fault_of(lambda: SpeechBpe.load(bpe / "tokenizer.json", bpe / "char_mapping.txt")),
    )


def _decoder(
    folder: Path, config: MingConfig, tensors: Mapping[str, TensorSource | str]
) -> Iterator[PartReport]:
    detokenizer = config.detokenizer
    yaml_file = folder / "talker" / detokenizer.settings
    default = mel_default(detokenizer.streaming)

    def flow(source: TensorSource) -> object:
        settings = flow_settings(read_detokenizer_yaml(yaml_file, default))
        return load_flow(source, settings, device="meta")

    for name, file, load in (
        ("mel frames of speech (flow matching)", detokenizer.flow, flow),
        ("sound of mel frames (vocoder)", detokenizer.vocoder, _load_vocoder),
    ):
        source = tensors[file]
        known = None if isinstance(source, str) else source
        fault = source if isinstance(source, str) else ""
        yield PartReport(name, f"talker/{file}", _count(known), _tensor_fault(known, fault, load))
    yield PartReport(
        "their settings",
        f"talker/{detokenizer.settings}",
        fault="" if yaml_file.is_file() else "missing",
        needed=False,
        without="the published settings are taken",
    )


def _voices(folder: Path) -> Iterator[PartReport]:
    known = voices_of(folder)
    faults = [fault for path in known.values() if (fault := _voice_fault(path))]
    yield PartReport(
        f"voices: {', '.join(known) or 'none'}",
        "data/spks/*.pt, voices/*.pt",
        fault="; ".join(faults) if known else "none there",
        needed=False,
        without="" if known else "it needs one to speak: `vivavoce voices add`",
    )
    for name, file in (("speaker vectors", SPEAKER_VECTOR), ("speech codes", SPEECH_CODES)):
        yield PartReport(
            f"{name} of recordings",
            file,
            fault="" if (folder / file).is_file() else "missing",
            needed=False,
            without="no voices can be made of recordings",
        )


def _voice_fault(path: Path) -> str:
    return _fault_of(lambda: load_voice_prompt(path))


# --- tensors by their shapes -----------------------------------------------------------------


class _Shapes:
    """A source whose tensors have shapes and no content."""

    def __init__(self, source: TensorSource) -> None:
        self.origin = source.origin
        self._source = source

    def keys(self) -> tuple[str, ...]:
        return self._source.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._source.shape(key)

    def tensor(self, key: str) -> Tensor:
        return torch.empty(self.shape(key), device="meta")


def _as_shapes(parts: Parts) -> Parts:
    sources = {field.name: getattr(parts, field.name) for field in fields(parts)}
    named = {name: source for name, source in sources.items() if name != "version"}
    return replace(
        parts, **{name: _Shapes(source) for name, source in named.items() if source is not None}
    )


def _load_vocoder(source: TensorSource) -> object:
    return load_vocoder(source, device="meta")


def _opened(folder: Path) -> tuple[Parts, str]:
    """The parts, or none and why they cannot be opened."""
    try:
        return open_parts(folder), ""
    except CheckpointError as error:
        return Parts(), str(error)


def _config(folder: Path, parts: Parts, fault: str) -> MingConfig:
    """Sizes by tensors and config files; by these alone where the tensors cannot be opened."""
    if not fault:
        return MingConfig.from_folder(folder)
    try:
        data = [
            json.loads((folder / name).read_text(encoding="utf-8"))
            for name in ("config.json", "talker/config.json")
        ]
        return MingConfig.from_parts(parts, *data)
    except (OSError, ValueError):
        raise CheckpointError(fault) from None


def _decoder_tensors(folder: Path, config: MingConfig) -> dict[str, TensorSource | str]:
    """The flow model's and the vocoder's tensors, or what is wrong with their file."""
    found: dict[str, TensorSource | str] = {}
    for file in (config.detokenizer.flow, config.detokenizer.vocoder):
        try:
            found[file] = open_pt(folder / "talker" / file)
        except CheckpointError as error:
            found[file] = str(error)
    return found


def _tensor_fault(
    source: TensorSource | None, fault: str, load: Callable[[TensorSource], Any]
) -> str:
    if source is None:
        return fault or "missing"
    return fault or _fault_of(lambda: load(_Shapes(source)))


def _fault_of(check: Check) -> str:
    """What a loader refuses; "" where it takes all."""
    try:
        check()
    except (CheckpointError, RuntimeError) as error:  # RuntimeError: shapes that do not combine
        return str(error).splitlines()[0]
    return ""


# --- memory ----------------------------------------------------------------------------------


def _memory(parts: Parts, decoder: Any) -> dict[str, int]:
    """Bytes of everything loaded, by number format of the language model's and talker's matrices.

    Embeddings, norms, routers, encoders stay in bf16, the audio decoder in fp32.
    """
    sources = [getattr(parts, field.name) for field in fields(parts) if field.name != "version"]
    matrices = sum(_count(source, is_quantised) for source in (parts.thinker, parts.talker))
    others = sum(_count(source) for source in sources) - matrices
    sound = sum(_count(source) for source in decoder if not isinstance(source, str))
    return {
        name: int(matrices * each + others * BF16 + sound * FP32)
        for name, each in WEIGHT_BYTES.items()
    }


def is_quantised(key: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of the thinker or the talker becomes int8 or int4 when that is asked for."""
    is_matrix = len(shape) == 2 and ".layers." in key
    return is_matrix and not key.endswith("gate.weight")


def _count(
    source: TensorSource | None,
    counts: Callable[[str, tuple[int, ...]], bool] = lambda key, shape: True,
) -> int:
    """Numbers in those tensors of a source that count."""
    if source is None:
        return 0
    shapes = ((key, source.shape(key)) for key in source.keys())  # noqa: SIM118 - no mapping
    return sum(prod(shape) for key, shape in shapes if counts(key, shape))


def _notes(config: MingConfig) -> tuple[str, ...]:
    rate_hz = config.detokenizer.rate_hz
    how = "as it is made" if config.detokenizer.streaming else "sentence by sentence"
    return (f"speaks at {rate_hz} Hz, {how}",)
