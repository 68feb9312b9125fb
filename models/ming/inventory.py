"""What a checkpoint folder holds, what it lacks, and what it would take in memory.

The parts' own loaders are run over the shapes of the tensors alone, so what they would refuse is
told without reading gigabytes: the same names, the same sentences.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..hub import IMAGE_GENERATION
from ..layers.quantised import Bits, matrix_bytes
from ..report import PartReport, Report
from .checkpoint import CheckpointError, TensorSource, open_pt
from .config import MingConfig
from .detokenizer import StreamingDetokenizer
from .detokenizer_files import flow_settings
from .detokenizer_yaml import mel_default, read_detokenizer_yaml
from .features import read_cmvn
from .flow import CausalFlow
from .flow_files import load_flow
from .hearing import sanm_ear, whisper_ear
from .parts import Parts, open_parts
from .speech_bpe import SpeechBpe
from .talker import Talker, load_talker
from .talker_layout import SpecialIds
from .thinker import MingThinker
from .thinker_files import load_thinker
from .tokenizer import TextTokenizer, ThinkerIds
from .vision import load_eye
from .vocoder import Hift
from .vocoder_files import load_vocoder
from .voice_prompt import load_voice_prompt
from .voices import SPEAKER_VECTOR, SPEECH_CODES, voices_of

BF16 = torch.bfloat16
FORMATS: dict[str, Bits | None] = {"bf16": None, "int8": "int8", "int4": "int4"}
MAIN = "*.safetensors"
USUAL_PROMPT = 150  # codes: the 3 s of the release's own voice

Load = Callable[[], Any]
"""Runs a loader; raises CheckpointError for what it would refuse."""


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
    checked = [
        *_language(folder, config, parts, fault),
        *_ears(folder, config, parts, fault),
        *_speech(folder, config, parts, fault),
        *_decoder(folder, config),
        *_voices(folder),
    ]
    modules = [one.module for one in checked if one.module is not None]
    thinker = config.thinker
    cache_bytes = 2 * BF16.itemsize * thinker.n_layers * thinker.n_kv_heads * thinker.head_dim
    return Report(
        f"Ming-Lite-Omni {config.version}",
        tuple(one.report for one in checked),
        _memory(modules),
        cache_bytes,
        thinker.max_positions,
        *_speaking(folder, modules),
        _notes(folder, config),
    )


@dataclass(frozen=True)
class _Checked:
    """A part's report, and the part itself on the meta device where it could be made."""

    report: PartReport
    module: nn.Module | None = None


# --- parts -----------------------------------------------------------------------------------


def _language(folder: Path, config: MingConfig, parts: Parts, fault: str) -> Iterator[_Checked]:
    shapes = _as_shapes(parts)
    yield _checked(
        "language model",
        MAIN,
        lambda: load_thinker(config.thinker, _there(shapes.thinker), BF16, "meta", "listed"),
        fault,
    )
    yield _checked(
        "its tokenizer",
        "tokenizer.json",
        lambda: ThinkerIds.of(TextTokenizer.from_folder(folder)),
    )
    eye = _checked(
        "image encoder", MAIN, lambda: load_eye(shapes, config.vision, BF16, "meta"), fault
    )
    yield _optional(eye, "images cannot be shown to it")


def _ears(folder: Path, config: MingConfig, parts: Parts, fault: str) -> Iterator[_Checked]:
    shapes = _as_shapes(parts)
    if config.whisper is not None:
        yield _checked(
            "audio encoder, Whisper-size",
            MAIN,
            lambda: whisper_ear(shapes, config, None, BF16, "meta"),
            fault,
        )
    if config.sanm is not None:
        yield _checked(
            "audio encoder, SANM",
            f"{MAIN}, am.mvn",
            lambda: sanm_ear(shapes, config, read_cmvn(folder / "am.mvn"), None, BF16, "meta"),
            fault,
        )


def _speech(folder: Path, config: MingConfig, parts: Parts, fault: str) -> Iterator[_Checked]:
    talker, bpe = folder / "talker", folder / "talker" / "s3_bpe"
    source, sizes = _as_shapes(parts).talker, config.talker
    any_row = sizes.text_vocabulary - 1  # shapes do not depend on which row ends the speech
    yield _checked(
        "talker",
        "talker/*.safetensors or among the main ones",
        lambda: load_talker(_there(source), sizes, any_row, dtype=BF16, device="meta"),
        fault,
    )
    yield _checked(
        "its tokenizer",
        "talker/tokenizer.json",
        lambda: SpecialIds.named(TextTokenizer.from_folder(talker).id_of),
    )
    yield _checked(
        "speech tokens",
        "talker/s3_bpe/",
        lambda: SpeechBpe.load(bpe / "tokenizer.json", bpe / "char_mapping.txt"),
    )


def _decoder(folder: Path, config: MingConfig) -> Iterator[_Checked]:
    talker, files = folder / "talker", config.detokenizer
    default = mel_default(files.streaming)

    def flow() -> Any:
        settings = flow_settings(read_detokenizer_yaml(talker / files.settings, default))
        return load_flow(_Shapes(open_pt(talker / files.flow)), settings, device="meta")

    def vocoder() -> Any:
        return load_vocoder(_Shapes(open_pt(talker / files.vocoder)), device="meta")

    yield _checked("mel frames of speech (flow matching)", f"talker/{files.flow}", flow)
    yield _checked("sound of mel frames (vocoder)", f"talker/{files.vocoder}", vocoder)
    settings = _file("their settings", folder, f"talker/{files.settings}")
    yield _optional(settings, "the published settings are taken")


def _voices(folder: Path) -> Iterator[_Checked]:
    known = voices_of(folder)

    def load() -> None:
        if not known:
            raise CheckpointError("none there")
        for path in known.values():
            load_voice_prompt(path)

    voices = _checked(f"voices: {', '.join(known) or 'none'}", "data/spks, voices", load)
    yield _optional(voices, "" if known else "it needs one to speak: `vivavoce voices add`")
    for name, file in (("speaker vectors", SPEAKER_VECTOR), ("speech codes", SPEECH_CODES)):
        network = _file(f"{name} of recordings", folder, file)
        yield _optional(network, "no voices can be made of recordings")


def _checked(name: str, where: str, load: Load, fault: str = "") -> _Checked:
    """A part as its loader sees it; `fault` where its file cannot be opened."""
    loaded: Any = None
    if not fault:
        try:
            loaded = load()
        except (CheckpointError, RuntimeError) as error:  # RuntimeError: shapes do not combine
            fault = str(error).splitlines()[0]
    module = loaded if isinstance(loaded, nn.Module) else None
    n_parameters = sum(p.numel() for p in module.parameters()) if module else 0
    return _Checked(PartReport(name, where, n_parameters, fault), module)


def _file(name: str, folder: Path, file: str) -> _Checked:
    """A part that is a file, whatever is in it."""
    return _Checked(PartReport(name, file, fault="" if (folder / file).is_file() else "missing"))


def _optional(checked: _Checked, without: str) -> _Checked:
    return replace(checked, report=replace(checked.report, needed=False, without=without))


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
    sources = {name: getattr(parts, name) for name in PARTS}
    return replace(
        parts, **{name: _Shapes(source) for name, source in sources.items() if source is not None}
    )


PARTS = tuple(field.name for field in fields(Parts) if field.name != "version")


def _there(source: TensorSource | None) -> TensorSource:
    if source is None:
        raise CheckpointError("missing")
    return source


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


# --- memory ----------------------------------------------------------------------------------


def _memory(modules: list[nn.Module]) -> dict[str, int]:
    """Bytes of all parts, by number format of the language model's and the talker's matrices.

    Embeddings, norms, routers and encoders stay in bf16, the audio decoder in fp32.
    """
    return {
        name: sum(bytes_of(module, bits) for module in modules) for name, bits in FORMATS.items()
    }


def bytes_of(module: nn.Module, bits: Bits | None) -> int:
    """Bytes of a module once `quantise` has been through it, if it is one that is quantised."""
    tensors = (*module.parameters(), *module.buffers())
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if bits is None or not isinstance(module, MingThinker | Talker):
        return n_bytes
    matrices = [inner.weight for inner in module.modules() if isinstance(inner, nn.Linear)]
    return n_bytes + sum(
        matrix_bytes(bits, *matrix.shape) - matrix.numel() * matrix.element_size()
        for matrix in matrices
    )


def _speaking(folder: Path, modules: list[nn.Module]) -> tuple[int, int]:
    """Bytes that a voice at rest and a reply being spoken take; 0 where nothing is kept (v1)."""
    flow = next((module for module in modules if isinstance(module, CausalFlow)), None)
    hift = next((module for module in modules if isinstance(module, Hift)), None)
    if flow is None or hift is None:
        return 0, 0
    try:
        n_prompt = max(
            len(load_voice_prompt(path).flow_codes) for path in voices_of(folder).values()
        )
    except ValueError:  # no voice, or one that cannot be read, which is told elsewhere
        n_prompt = USUAL_PROMPT
    return StreamingDetokenizer(flow, hift).kept_bytes(n_prompt)


def _notes(folder: Path, config: MingConfig) -> tuple[str, ...]:
    how = "as it is made" if config.detokenizer.streaming else "sentence by sentence"
    there = [f"{name}/" for name in IMAGE_GENERATION if (folder / name).is_dir()]
    ignored = f"; {', '.join(there)} are left alone on purpose" if there else ""
    return (
        f"speaks at {config.detokenizer.rate_hz} Hz, {how}",
        f"makes no pictures{ignored}",
    )
