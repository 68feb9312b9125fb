"""Sizes of a Ming-Lite-Omni checkpoint, from its config files and the shapes of its tensors.

Shapes win wherever they say something: the released folders are not known to agree with their
config files, of which two layouts exist. What shapes cannot say (number of heads, experts per
token, rotary base) comes from `config.json`, else from the published sizes, which are the
defaults here. Sources: arXiv 2506.09344; config.json of the three releases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .checkpoint import CheckpointError
from .parts import Parts, open_parts
from .shapes import sanm_shapes, talker_shapes, thinker_shapes, vision_shapes, whisper_shapes

Version = Literal["preview", "v1", "v1.5"]

SECTIONS = (16, 24, 24)
"""Rotary frequencies turned by the time, height and width row of a position (head_dim 128)."""


@dataclass(frozen=True)
class ThinkerConfig:
    """The MoE language model.

    Args:
        vocabulary: number of token ids.
        dim: width of a position.
        n_layers: number of decoder layers.
        n_heads: query heads.
        n_kv_heads: key and value heads.
        head_dim: width of one head.
        n_experts: routed experts in a layer.
        top_k: experts a position visits.
        expert_dim: hidden width of one expert.
        shared_dim: hidden width of the expert that always runs.
        eps: of the RMS norms.
        theta: rotary base.
        sections: rotary frequencies of the time, height and width row; None for 1-D positions.
        norm_head: whether the output matrix is normalised over the vocabulary (Preview).
        eos_id: the token that ends a reply.
        image_patch_id: placeholder of image and video positions.
        image_start_id: marker before an image.
        video_start_id: marker before a video.
        max_positions: longest context in tokens.
    """

    vocabulary: int = 126_464
    dim: int = 2048
    n_layers: int = 28
    n_heads: int = 16
    n_kv_heads: int = 4
    head_dim: int = 128
    n_experts: int = 64
    top_k: int = 6
    expert_dim: int = 1408
    shared_dim: int = 2816
    eps: float = 1e-5
    theta: float = 600_000.0
    sections: tuple[int, int, int] | None = SECTIONS
    norm_head: bool = False
    eos_id: int = 126_081
    image_patch_id: int = 126_346
    image_start_id: int = 126_347
    video_start_id: int = 126_349
    max_positions: int = 32_768


@dataclass(frozen=True)
class WhisperConfig:
    """Whisper-size audio encoder: 100 Hz log-mel → 50 Hz frames of width `dim`."""

    n_mels: int = 128
    n_ctx: int = 15_000  # longest clip in 50 Hz frames
    dim: int = 1280
    n_heads: int = 20
    n_layers: int = 32


@dataclass(frozen=True)
class SanmConfig:
    """SANM audio encoder: 16.67 Hz stacked fbank frames → frames of width `dim`."""

    input_dim: int = 560
    dim: int = 512
    n_heads: int = 4
    ffn_dim: int = 2048
    n_blocks: int = 50  # with the first, which changes the width
    kernel: int = 11
    shift: int = 0


@dataclass(frozen=True)
class ProjectorConfig:
    """Encoder frames [T, encoder_dim] → thinker positions [T', dim]: convolution, GELU, linear."""

    encoder_dim: int
    dim: int
    kernel: int
    stride: int
    normalise: bool = True  # every position to length 1


@dataclass(frozen=True)
class VisionConfig:
    """Vision tower of the Qwen2.5-VL design, and the width it hands to the projector."""

    depth: int = 32
    dim: int = 1280
    n_heads: int = 16
    ffn_dim: int = 3456
    out_dim: int = 8192
    in_channels: int = 3
    patch: int = 14  # pixels
    temporal_patch: int = 2  # frames
    merge: int = 2  # patches a side
    window: int = 112  # pixels
    full_attention_blocks: tuple[int, ...] = (7, 15, 23, 31)
    tokens_per_second: int = 2


@dataclass(frozen=True)
class TalkerConfig:
    """Speech language model of the Qwen2 design over summed text and speech embeddings."""

    dim: int = 896
    n_layers: int = 24
    n_heads: int = 14
    n_kv_heads: int = 2
    ffn_dim: int = 4864
    vocabulary: int = 184_445
    text_vocabulary: int = 151_677  # speech ids begin here
    thinker_dim: int = 2048
    speaker_dim: int = 192
    theta: float = 1_000_000.0
    eps: float = 1e-6

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.dim // self.n_heads


@dataclass(frozen=True)
class DetokenizerConfig:
    """Which files of `talker/` make sound of speech codes, and at which rate."""

    rate_hz: int
    settings: str
    flow: str
    vocoder: str
    streaming: bool


STREAM_DETOKENIZER = DetokenizerConfig(
    24_000, "audio_detokenizer_stream.yaml", "flow_stream.pt", "hift_v2.pt", True
)
WHOLE_DETOKENIZER = DetokenizerConfig(22_050, "audio_detokenizer.yaml", "flow.pt", "hift.pt", False)


@dataclass(frozen=True)
class MingConfig:
    """A whole checkpoint. A part it does not have is None."""

    version: Version
    thinker: ThinkerConfig
    whisper: WhisperConfig | None
    whisper_projector: ProjectorConfig | None
    sanm: SanmConfig | None
    sanm_projector: ProjectorConfig | None
    vision: VisionConfig | None
    talker: TalkerConfig
    detokenizer: DetokenizerConfig

    @classmethod
    def from_folder(cls, folder: Path | str) -> MingConfig:
        """Read a checkpoint folder in the released layout.

        Raises:
            CheckpointError: not a Ming-Lite-Omni folder, or a config file that cannot be read.
        """
        folder = Path(folder)
        config = cls.from_parts(
            open_parts(folder), _json(folder / "config.json"), _json(folder / "talker/config.json")
        )
        if config.talker.text_vocabulary < config.talker.vocabulary:
            return config
        # Preview's config.json does not say where speech ids begin: they are the last ones.
        speech = _json(folder / "talker/s3_bpe/tokenizer.json").get("model", {}).get("vocab", ())
        text = config.talker.vocabulary - len(speech)
        return replace(config, talker=replace(config.talker, text_vocabulary=text))

    @classmethod
    def from_parts(
        cls, parts: Parts, data: Mapping[str, Any], backbone: Mapping[str, Any]
    ) -> MingConfig:
        """From the tensors, the content of `config.json` and of `talker/config.json`."""
        version = parts.version or _version(data)
        audio = _section(data, "audio_config")
        whisper = audio if "whisper_encoder_config" in audio else _section(data, "whisper_config")
        has_whisper, has_sanm = version != "preview", version != "v1.5"
        thinker = _thinker(version, parts, _section(data, "llm_config"))
        return cls(
            version,
            thinker,
            _whisper(parts, _section(whisper, "whisper_encoder_config")) if has_whisper else None,
            _projector(parts, "whisper", whisper, 3, 2, thinker.dim) if has_whisper else None,
            _sanm(parts, _section(audio, "audio_encoder_config_sanm")) if has_sanm else None,
            _projector(parts, "sanm", audio, 1, 1, thinker.dim) if has_sanm else None,
            _vision(parts, data),
            _talker(parts, _section(data, "talker_config"), backbone, thinker.dim),
            STREAM_DETOKENIZER if version == "v1.5" else WHOLE_DETOKENIZER,
        )


def _json(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a JSON object")
    return data


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return data.get(key) or {}


def _version(data: Mapping[str, Any]) -> Version:
    """By config.json alone, for folders whose tensors are not there."""
    llm, audio = _section(data, "llm_config"), _section(data, "audio_config")
    if data.get("model_type", "bailingmm") != "bailingmm" or not llm:
        raise CheckpointError(
            "this is no Ming-Lite-Omni checkpoint: neither config.json nor tensors"
        )
    if "whisper_encoder_config" in audio or llm.get("rope_scaling"):
        return "v1.5"
    return "v1" if "whisper_config" in data else "preview"


def _thinker(version: Version, parts: Parts, llm: Mapping[str, Any]) -> ThinkerConfig:
    default = ThinkerConfig()
    said: dict[str, Any] = {
        "vocabulary": llm.get("vocab_size"),
        "dim": llm.get("hidden_size"),
        "n_layers": llm.get("num_hidden_layers"),
        "n_heads": llm.get("num_attention_heads"),
        "n_kv_heads": llm.get("num_key_value_heads"),
        "n_experts": llm.get("num_experts"),
        "top_k": llm.get("num_experts_per_tok"),
        "expert_dim": llm.get("moe_intermediate_size"),
        "eps": llm.get("rms_norm_eps", 1e-5 if version == "v1.5" else 1e-6),
        "theta": llm.get("rope_theta"),
        "norm_head": llm.get("norm_head", version == "preview"),
        "eos_id": llm.get("eos_token_id"),
        "image_patch_id": llm.get("image_patch_token"),
        "image_start_id": llm.get("image_start_token"),
        "video_start_id": llm.get("video_start_token"),
        "max_positions": llm.get("max_position_embeddings"),
    }
    if "moe_intermediate_size" in llm:
        said["shared_dim"] = llm["moe_intermediate_size"] * llm.get("num_shared_experts", 2)
    head_dim = llm.get("head_dim")
    if head_dim is None and "hidden_size" in llm and "num_attention_heads" in llm:
        head_dim = llm["hidden_size"] // llm["num_attention_heads"]
    said["head_dim"] = head_dim = head_dim or default.head_dim
    if parts.thinker is not None:
        said |= thinker_shapes(parts.thinker, head_dim)
    sections = _sections(llm, head_dim) if version == "v1.5" else None
    return ThinkerConfig(**_given(said), sections=sections)


def _sections(llm: Mapping[str, Any], head_dim: int) -> tuple[int, int, int]:
    sections = tuple(_section(llm, "rope_scaling").get("mrope_section") or SECTIONS)
    if len(sections) != 3 or 2 * sum(sections) != head_dim:
        raise CheckpointError(
            f"3-axis positions of sections {list(sections)} do not fit heads of width {head_dim}"
        )
    return sections


def _whisper(parts: Parts, said: Mapping[str, Any]) -> WhisperConfig:
    sizes: dict[str, Any] = {
        "n_mels": said.get("n_mels"),
        "n_ctx": said.get("n_ctx"),
        "dim": said.get("n_state"),
        "n_heads": said.get("n_head"),
        "n_layers": said.get("n_layer"),
    }
    if parts.whisper is not None:
        sizes |= whisper_shapes(parts.whisper)
        sizes["n_heads"] = sizes["n_heads"] or max(1, sizes["dim"] // 64)
    return WhisperConfig(**_given(sizes))


def _sanm(parts: Parts, said: Mapping[str, Any]) -> SanmConfig:
    sizes: dict[str, Any] = {
        "input_dim": said.get("input_size"),
        "dim": said.get("output_size"),
        "n_heads": said.get("attention_heads"),
        "ffn_dim": said.get("linear_units"),
        "n_blocks": said.get("num_blocks"),
        "kernel": said.get("kernel_size"),
        "shift": said.get("sanm_shfit"),  # spelt like this in the files
    }
    if parts.sanm is not None:
        sizes |= sanm_shapes(parts.sanm)
    return SanmConfig(**_given(sizes))


def _projector(
    parts: Parts, encoder: str, said: Mapping[str, Any], kernel: int, stride: int, dim: int
) -> ProjectorConfig:
    source = parts.whisper_projector if encoder == "whisper" else parts.sanm_projector
    stride = said.get("ds_stride", stride)
    normalise = said.get("norm_query_embeds", True)
    if source is not None:
        out, width, kernel = source.shape("0.weight")
        return ProjectorConfig(width, out, kernel, stride, normalise)
    if encoder == "whisper":
        width = _section(said, "whisper_encoder_config").get("n_state", WhisperConfig.dim)
    else:
        width = _section(said, "audio_encoder_config_sanm").get("output_size", SanmConfig.dim)
    return ProjectorConfig(width, dim, said.get("ds_kernel_size", kernel), stride, normalise)


def _vision(parts: Parts, data: Mapping[str, Any]) -> VisionConfig | None:
    said = _section(data, "vision_config")
    if parts.vision is None and (parts.thinker is not None or not said):
        return None
    blocks = said.get("fullatt_block_indexes")
    sizes: dict[str, Any] = {
        "depth": said.get("depth"),
        "dim": said.get("hidden_size"),
        "n_heads": said.get("num_heads"),
        "ffn_dim": said.get("intermediate_size"),
        "out_dim": said.get("out_hidden_size"),
        "in_channels": said.get("in_channels", said.get("in_chans")),
        "patch": said.get("patch_size"),
        "temporal_patch": said.get("temporal_patch_size"),
        "merge": said.get("spatial_merge_size"),
        "window": said.get("window_size"),
        "full_attention_blocks": None if blocks is None else tuple(blocks),
        "tokens_per_second": said.get("tokens_per_second"),
    }
    if parts.vision is not None:
        sizes |= vision_shapes(parts.vision)
    return VisionConfig(**_given(sizes))


def _talker(
    parts: Parts, said: Mapping[str, Any], backbone: Mapping[str, Any], thinker_dim: int
) -> TalkerConfig:
    sizes: dict[str, Any] = {
        "dim": backbone.get("hidden_size"),
        "n_layers": backbone.get("num_hidden_layers"),
        "n_heads": backbone.get("num_attention_heads"),
        "n_kv_heads": backbone.get("num_key_value_heads"),
        "ffn_dim": backbone.get("intermediate_size"),
        "vocabulary": said.get("vocab_size"),
        "text_vocabulary": said.get("text_vocab_size"),
        "thinker_dim": said.get("qa_model_hidden_size", thinker_dim),
        "speaker_dim": said.get("vp_feature_size"),
        "theta": backbone.get("rope_theta"),
        "eps": backbone.get("rms_norm_eps"),
    }
    if parts.talker is not None:
        sizes |= talker_shapes(parts.talker, sizes["n_heads"])
    return TalkerConfig(**_given(sizes))


def _given(sizes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in sizes.items() if value is not None}
