"""Where each tensor of the thinker lies in a checkpoint (prefix `model.` taken off)."""

from __future__ import annotations

import torch
from torch import Tensor

from .checkpoint import Built, Names, joined, stacked
from .config import ThinkerConfig
from .thinker import Storage, normalised_head


def thinker_names(config: ThinkerConfig, storage: Storage) -> Names:
    """Stored names, and how to fuse them, by the names of `MingThinker`."""
    head: str | Built = "lm_head.weight"
    if config.norm_head:
        head = Built(("lm_head.weight",), normalised_head)
    names: dict[str, str | Built] = {
        "embedding.weight": "model.word_embeddings.weight",
        "norm.weight": "model.norm.weight",
        "head.weight": head,
    }
    for index in range(config.n_layers):
        layer = _layer_names(f"model.layers.{index}", config.n_experts, storage)
        names |= {f"layers.{index}.{ours}": theirs for ours, theirs in layer.items()}
    return names


def _layer_names(theirs: str, n_experts: int, storage: Storage) -> dict[str, str | Built]:
    mlp = f"{theirs}.mlp"
    shared = f"{mlp}.shared_experts"
    names: dict[str, str | Built] = {
        "attention_norm.weight": f"{theirs}.input_layernorm.weight",
        "attention.qkv.weight": f"{theirs}.attention.query_key_value.weight",
        "attention.out.weight": f"{theirs}.attention.dense.weight",
        "moe_norm.weight": f"{theirs}.post_attention_layernorm.weight",
        "moe.routers": stacked(
            *(f"{mlp}.{gate}.weight" for gate in ("gate", "image_gate", "audio_gate"))
        ),
        "moe.shared.gate_up.weight": joined(
            f"{shared}.gate_proj.weight", f"{shared}.up_proj.weight"
        ),
        "moe.shared.down.weight": f"{shared}.down_proj.weight",
    }
    experts = [f"{mlp}.experts.{index}" for index in range(n_experts)]
    if storage == "stacked":
        gates_and_ups = [f"{e}.{half}_proj.weight" for e in experts for half in ("gate", "up")]
        names["moe.gate_up"] = Built(tuple(gates_and_ups), _fused)
        names["moe.down"] = stacked(*(f"{e}.down_proj.weight" for e in experts))
        return names
    for index, expert in enumerate(experts):
        for matrix in ("gate", "up", "down"):
            names[f"moe.experts.{index}.{matrix}.weight"] = f"{expert}.{matrix}_proj.weight"
    return names


def _fused(*gates_and_ups: Tensor) -> Tensor:
    """gate 0, up 0, gate 1, .. each [I, D] → [E, 2I, D]."""
    rows = torch.cat(gates_and_ups)
    return rows.view(len(gates_and_ups) // 2, -1, rows.shape[-1])
