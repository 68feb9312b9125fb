"""Sizes that the shapes of a part's tensors tell, by the field names of `config.py`.

Each function takes the part's tensors without their prefix, see `parts.py`.
"""

from __future__ import annotations

import re
from typing import Any

from .checkpoint import TensorSource

TALKER_HEAD_DIM = 64  # of the Qwen2 sizes a 0.5 B talker has; used where no config says otherwise


def thinker_shapes(source: TensorSource, head_dim: int) -> dict[str, Any]:
    """Sizes of the language model, whose heads are head_dim wide."""
    vocabulary, dim = source.shape("model.word_embeddings.weight")
    layer = "model.layers.0"
    rows = source.shape(f"{layer}.attention.query_key_value.weight")[0] // head_dim
    n_heads = source.shape(f"{layer}.attention.dense.weight")[1] // head_dim
    return {
        "vocabulary": vocabulary,
        "dim": dim,
        "n_layers": _count(source, r"model\.layers\.(\d+)\."),
        "n_heads": n_heads,
        "n_kv_heads": (rows - n_heads) // 2,
        "n_experts": source.shape(f"{layer}.mlp.gate.weight")[0],
        "expert_dim": source.shape(f"{layer}.mlp.experts.0.gate_proj.weight")[0],
        "shared_dim": source.shape(f"{layer}.mlp.shared_experts.gate_proj.weight")[0],
    }


def whisper_shapes(source: TensorSource) -> dict[str, Any]:
    """Sizes of the Whisper-size encoder."""
    dim, n_mels, _ = source.shape("conv1.weight")
    sizes = {"n_mels": n_mels, "dim": dim, "n_layers": _count(source, r"blocks\.(\d+)\.")}
    if "positional_embedding" in source.keys():  # noqa: SIM118 - a source is no mapping
        sizes["n_ctx"] = source.shape("positional_embedding")[0]
    return sizes


def sanm_shapes(source: TensorSource) -> dict[str, Any]:
    """Sizes of the SANM encoder."""
    first = "encoders0.0"
    qkv_rows, input_dim = source.shape(f"{first}.self_attn.linear_q_k_v.weight")
    return {
        "input_dim": input_dim,
        "dim": qkv_rows // 3,
        "ffn_dim": source.shape(f"{first}.feed_forward.w_1.weight")[0],
        "n_blocks": 1 + _count(source, r"encoders\.(\d+)\."),
        "kernel": source.shape(f"{first}.self_attn.fsmn_block.weight")[2],
    }


def vision_shapes(source: TensorSource) -> dict[str, Any]:
    """Sizes of the vision tower."""
    dim, in_channels, temporal_patch, patch, _ = source.shape("patch_embed.proj.weight")
    return {
        "depth": _count(source, r"blocks\.(\d+)\."),
        "dim": dim,
        "ffn_dim": source.shape("blocks.0.mlp.gate_proj.weight")[0],
        "out_dim": source.shape("merger.mlp.2.weight")[0],
        "in_channels": in_channels,
        "temporal_patch": temporal_patch,
        "patch": patch,
    }


def talker_shapes(source: TensorSource, n_heads: int | None) -> dict[str, Any]:
    """Sizes of the talker; `n_heads` as its config says, None where there is none."""
    vocabulary, dim = source.shape("model.model.embed_tokens.weight")
    layer = "model.model.layers.0"
    head_dim = dim // n_heads if n_heads else TALKER_HEAD_DIM
    sizes = {
        "dim": dim,
        "n_layers": _count(source, r"model\.model\.layers\.(\d+)\."),
        "n_heads": source.shape(f"{layer}.self_attn.q_proj.weight")[0] // head_dim,
        "n_kv_heads": source.shape(f"{layer}.self_attn.k_proj.weight")[0] // head_dim,
        "ffn_dim": source.shape(f"{layer}.mlp.gate_proj.weight")[0],
        "vocabulary": vocabulary,
    }
    keys = set(source.keys())
    if "thinker_to_talker_proj.weight" in keys:
        sizes["thinker_dim"] = source.shape("thinker_to_talker_proj.weight")[1]
    if "vp_head.weight" in keys:
        sizes["speaker_dim"] = source.shape("vp_head.weight")[1]
    return sizes


def _count(source: TensorSource, pattern: str) -> int:
    """One more than the largest number the pattern finds in a tensor's name."""
    found = (re.match(pattern, key) for key in source.keys())  # noqa: SIM118
    return 1 + max((int(match[1]) for match in found if match), default=-1)
