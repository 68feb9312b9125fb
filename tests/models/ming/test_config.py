"""Sizes of a checkpoint: from either layout of its config file, and from shapes alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.config import MingConfig, ProjectorConfig
from vivavoce.models.ming.parts import open_parts

SANM = {"input_size": 560, "output_size": 512, "attention_heads": 4, "num_blocks": 50}
WHISPER = {"n_ctx": 15000, "n_head": 20, "n_layer": 32, "n_mels": 128, "n_state": 1280}
LLM = {"hidden_size": 2048, "num_attention_heads": 16, "rope_scaling": None, "norm_head": False}
LAYOUTS: dict[str, dict[str, Any]] = {
    "preview": {
        "llm_config": {**LLM, "norm_head": True, "rms_norm_eps": 1e-6},
        "audio_config": {
            "ds_kernel_size": 1,
            "ds_stride": 1,
            "audio_encoder_config_sanm": SANM,
        },
    },
    "v1": {
        "llm_config": {**LLM, "rms_norm_eps": 1e-6},
        "audio_config": {
            "ds_kernel_size": 1,
            "ds_stride": 1,
            "audio_encoder_config_sanm": SANM,
        },
        "whisper_config": {
            "ds_kernel_size": 3,
            "ds_stride": 2,
            "whisper_encoder_config": WHISPER,
        },
    },
    "v1.5": {
        "llm_config": {**LLM, "rms_norm_eps": 1e-5, "rope_scaling": {"type": "3D", "factor": None}},
        "audio_config": {
            "ds_kernel_size": 3,
            "ds_stride": 2,
            "whisper_encoder_config": WHISPER,
        },
    },
}


def folder(path: Path, config: dict[str, Any] | None, **tensors: tuple[int, ...]) -> Path:
    if config is not None:
        (path / "config.json").write_text(json.dumps({"model_type": "bailingmm", **config}))
    if tensors:
        save_file({k: torch.zeros(shape) for k, shape in tensors.items()}, path / "m.safetensors")
    return path


def thinker_tensors(head_dim: int) -> dict[str, tuple[int, ...]]:
    layer = "model.model.layers"
    shapes: dict[str, tuple[int, ...]] = {"model.model.word_embeddings.weight": (50, 16)}
    for i in range(2):
        shapes |= {
            f"{layer}.{i}.attention.query_key_value.weight": (6 * head_dim, 16),
            f"{layer}.{i}.attention.dense.weight": (16, 4 * head_dim),
            f"{layer}.{i}.mlp.gate.weight": (8, 16),
            f"{layer}.{i}.mlp.experts.0.gate_proj.weight": (12, 16),
            f"{layer}.{i}.mlp.shared_experts.gate_proj.weight": (24, 16),
        }
    return shapes


@pytest.mark.parametrize("version", LAYOUTS)
def test_each_release_is_known_by_its_config_file(tmp_path: Path, version: str) -> None:
    config = MingConfig.from_folder(folder(tmp_path, LAYOUTS[version]))
    assert config.version == version
    assert (config.thinker.n_layers, config.thinker.n_experts, config.thinker.top_k) == (28, 64, 6)
    assert config.thinker.head_dim == 128
    assert config.thinker.eps == (1e-5 if version == "v1.5" else 1e-6)
    assert config.thinker.norm_head == (version == "preview")
    assert config.thinker.sections == ((16, 24, 24) if version == "v1.5" else None)
    assert (config.sanm is not None) == (version != "v1.5")
    if version != "preview":
        assert config.whisper is not None and config.whisper.n_layers == 32
        assert config.whisper_projector == ProjectorConfig(1280, 2048, 3, 2)
    if version != "v1.5":
        assert config.sanm_projector == ProjectorConfig(512, 2048, 1, 1)
    assert config.detokenizer.rate_hz == (24_000 if version == "v1.5" else 22_050)


def test_tensors_of_v1_5_beside_a_config_file_of_the_older_layout(tmp_path: Path) -> None:
    shapes = {
        "audio.conv1.weight": (64, 128, 3),
        "audio.blocks.0.attn.key.weight": (64, 64),
        "linear_proj_audio.0.weight": (16, 64, 3),
    }
    config = MingConfig.from_folder(
        folder(tmp_path, LAYOUTS["v1"], **thinker_tensors(128), **shapes)
    )
    assert config.version == "v1.5" and config.sanm is None
    assert config.thinker.sections == (16, 24, 24)
    assert config.whisper_projector == ProjectorConfig(64, 16, 3, 2)
    assert config.whisper is not None
    assert (config.whisper.dim, config.whisper.n_layers, config.whisper.n_mels) == (64, 1, 128)


def test_without_config_files_shapes_say_the_sizes(tmp_path: Path) -> None:
    shapes = {"audio.encoders0.0.self_attn.linear_q_k_v.weight": (96, 70)}
    shapes["audio.encoders0.0.feed_forward.w_1.weight"] = (40, 32)
    shapes["audio.encoders0.0.self_attn.fsmn_block.weight"] = (32, 1, 5)
    shapes["audio.encoders.1.norm1.weight"] = (32,)
    config = MingConfig.from_folder(folder(tmp_path, None, **thinker_tensors(128), **shapes))
    thinker = config.thinker
    assert config.version == "preview" and thinker.norm_head
    assert (thinker.vocabulary, thinker.dim, thinker.n_layers) == (50, 16, 2)
    assert (thinker.n_heads, thinker.n_kv_heads, thinker.head_dim) == (4, 1, 128)
    assert (thinker.n_experts, thinker.expert_dim, thinker.shared_dim) == (8, 12, 24)
    assert config.sanm is not None
    assert (config.sanm.input_dim, config.sanm.dim, config.sanm.n_blocks) == (70, 32, 3)
    assert (config.sanm.ffn_dim, config.sanm.kernel) == (40, 5)


@pytest.mark.parametrize(
    ("prefix", "beside"), [("", "talker"), ("talker.", "talker"), ("talker.", ".")]
)
def test_the_talker_is_found_in_its_folder_and_among_the_rest(
    tmp_path: Path, prefix: str, beside: str
) -> None:
    (tmp_path / beside).mkdir(exist_ok=True)
    shapes = {"model.model.embed_tokens.weight": (9, 128), "vp_head.weight": (128, 7, 1)}
    shapes |= {
        f"model.model.layers.0.{name}.weight": shape
        for name, shape in {
            "self_attn.q_proj": (128, 128),
            "self_attn.k_proj": (64, 128),
            "mlp.gate_proj": (80, 128),
        }.items()
    }
    tensors = {prefix + key: torch.zeros(shape) for key, shape in shapes.items()}
    save_file(tensors, tmp_path / beside / "t.safetensors")
    folder(tmp_path, LAYOUTS["v1.5"])
    assert set(open_parts(tmp_path).talker.keys()) == set(shapes)
    talker = MingConfig.from_folder(tmp_path).talker
    assert (talker.dim, talker.n_heads, talker.n_kv_heads, talker.ffn_dim) == (128, 2, 1, 80)
    assert (talker.vocabulary, talker.speaker_dim, talker.n_layers) == (9, 7, 1)


def test_a_rotary_section_list_of_another_tool_is_accepted(tmp_path: Path) -> None:
    llm = {**LLM, "rope_scaling": {"type": "3D", "factor": None, "mrope_section": [16, 24, 24]}}
    config = MingConfig.from_folder(folder(tmp_path, {"llm_config": llm}))
    assert config.thinker.sections == (16, 24, 24)


def test_what_is_no_checkpoint_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no Ming-Lite-Omni checkpoint"):
        MingConfig.from_folder(tmp_path)
    with pytest.raises(CheckpointError, match="there is no folder"):
        MingConfig.from_folder(tmp_path / "elsewhere")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        MingConfig.from_folder(tmp_path)
    llm = {**LLM, "head_dim": 64, "rope_scaling": {"type": "3D"}}
    (tmp_path / "config.json").write_text(json.dumps({"llm_config": llm}))
    with pytest.raises(CheckpointError, match="do not fit heads of width 64"):
        MingConfig.from_folder(tmp_path)
