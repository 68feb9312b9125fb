"""The recorded language model of one release: weights, and what the reference made of prompts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from vivavoce.models.layers.moe import RoutedMixture
from vivavoce.models.ming.checkpoint import open_safetensors, prefixed
from vivavoce.models.ming.config import MingConfig
from vivavoce.models.ming.modality import modalities
from vivavoce.models.ming.parts import parts_of
from vivavoce.models.ming.positions import prompt_positions
from vivavoce.models.ming.thinker import MingThinker
from vivavoce.models.ming.thinker_files import load_thinker

NAMES = [f"moe_thinker_{version}" for version in ("preview", "v1", "v1_5")]


class ThinkerVectors:
    """The model, and its cases by name."""

    tokens_per_second = 2  # of the reference's absolute-time rule

    def __init__(self, folder: Path, name: str) -> None:
        self.facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.source = open_safetensors(folder / f"{name}.weights.safetensors")
        self.io = load_file(folder / f"{name}.io.safetensors")
        self.is_preview = name.endswith("preview")
        config = MingConfig.from_parts(
            parts_of(self.source), {"llm_config": self.facts["config"]}, {}
        )
        self.config = config.thinker

    def model(self, **options) -> MingThinker:
        return load_thinker(self.config, prefixed(self.source, "model."), **options)

    def case(self, name: str) -> dict[str, Tensor]:
        start = f"{name}/"
        return {k[len(start) :]: v for k, v in self.io.items() if k.startswith(start)}

    def cases_with(self, tensor: str) -> list[str]:
        return sorted(k.split("/")[0] for k in self.io if k.endswith(f"/{tensor}"))

    def modality(self, case: dict[str, Tensor]) -> Tensor:
        tokens = self.facts["token_ids"]
        ids = case["input_ids"]
        rows = [
            modalities(row, tokens["image_patch"], tokens["audio_patch"], self.is_preview)
            for row in ids
        ]
        return torch.stack(rows)

    def positions(self, case: dict[str, Tensor]) -> tuple[Tensor, int]:
        """Positions [3, 1, T] of a case's only row, and the next one."""
        grids = {
            kind: [tuple(grid) for grid in case.get(f"{kind}_grid_thw", torch.empty(0)).tolist()]
            for kind in ("image", "video")
        }
        seconds = case.get("second_per_grid_ts")
        steps = None if seconds is None else (seconds * self.tokens_per_second).tolist()
        rows, following = prompt_positions(
            case["input_ids"][0], self.config, grids["image"], grids["video"], steps
        )
        return rows[:, None], following

    def embedded(self, case: dict[str, Tensor], model: MingThinker) -> Tensor:
        """Token embeddings [1, T, D], audio and images in the place of their tokens."""
        x = model.embed(case["input_ids"])
        tokens = self.facts["token_ids"]
        for kind in ("audio", "image"):
            if f"{kind}_embeds" in case:
                rows = case["input_ids"] == tokens[f"{kind}_patch"]
                x[rows] = case[f"{kind}_embeds"].reshape(-1, x.shape[-1])
        return x


def spied(model: MingThinker, run: Callable[[], object]) -> tuple[list[Tensor], list[Tensor]]:
    """What `run()` makes of every layer: its output [B, T, D], the experts chosen [B, T, k]."""
    outputs: list[Tensor] = []
    chosen: list[Tensor] = []

    def chooses(moe: RoutedMixture, inputs: tuple[Tensor, Tensor], _: Tensor) -> None:
        chosen.append(moe.choose(*inputs)[0])

    def spying(step):
        def wrapped(*args):
            y, cache = step(*args)
            outputs.append(y)
            return y, cache

        return wrapped

    hooks = [layer.moe.register_forward_hook(chooses) for layer in model.layers]
    for layer in model.layers:
        layer.step = spying(layer.step)
    try:
        run()
    finally:
        for layer, hook in zip(model.layers, hooks, strict=True):
            del layer.step
            hook.remove()
    return outputs, chosen
