"""The MoE language model of all releases (arXiv 2506.09344 §2; checkpoint prefix `model.`).

Letters: B batch, T new positions, P cached positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..layers.attention import Attention
from ..layers.decode_layer import DecodeLayer
from ..layers.kv_cache import KvCache
from ..layers.moe import ListedMoE, MoE
from ..layers.rotary import RotaryTable, rotary_table_at
from .config import ThinkerConfig
from .modality import TEXT

N_MODALITIES = 3

Caches = tuple[KvCache, ...]

Storage = Literal["stacked", "listed"]
"""Experts in one tensor (quick), or one by one (they may stay mapped to the disk)."""


class ThinkerLayer(nn.Module):
    """Pre-norm attention and mixture of experts."""

    def __init__(self, config: ThinkerConfig, storage: Storage) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=config.eps)
        self.attention = Attention(
            config.dim, config.n_heads, config.n_kv_heads, config.theta, config.head_dim
        )
        self.moe_norm = nn.RMSNorm(config.dim, eps=config.eps)
        sizes = (
            config.dim,
            config.n_experts,
            config.expert_dim,
            config.top_k,
            config.shared_dim,
            N_MODALITIES,
        )
        self.moe = ListedMoE(*sizes) if storage == "listed" else MoE(*sizes, everywhere_up_to=0)
        self._alone: DecodeLayer | None = None

    def prepare_few_rows(self) -> None:
        """From now on one position on the CPU takes the compiled function of decode_layer.py."""
        self._alone = DecodeLayer(self.attention_norm, self.attention, self.moe_norm, self.moe)

    def step(
        self,
        x: Tensor,
        modality: Tensor | int,
        table: RotaryTable,
        cache: KvCache,
        visible: Tensor | None = None,
    ) -> tuple[Tensor, KvCache]:
        """The next positions x [B, T, D] → [B, T, D] and the cache with them."""
        alone = self._alone if visible is None and isinstance(modality, int) else None
        if alone is not None and alone.usable(x, cache):
            return alone.step(x, cache, table, modality)
        y, cache = self.attention.step(self.attention_norm(x), cache, table=table, visible=visible)
        x = x + y
        return x + self.moe(self.moe_norm(x), modality), cache

    def step_together(
        self, x: Tensor, modality: int, table: RotaryTable, caches: Sequence[KvCache]
    ) -> tuple[Tensor, list[KvCache]]:
        """One next position x [B, 1, D] of each of B memories."""
        y, new = self.attention.step_together(self.attention_norm(x), caches, table)
        x = x + y
        return x + self.moe(self.moe_norm(x), modality), new


class MingThinker(nn.Module):
    """Decoder-only transformer; every layer a mixture with a router per modality."""

    def __init__(self, config: ThinkerConfig, storage: Storage = "stacked") -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.dim)
        self.layers = nn.ModuleList(ThinkerLayer(config, storage) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.dim, eps=config.eps)
        self.head = nn.Linear(config.dim, config.vocabulary, bias=False)

    def embed(self, ids: Tensor) -> Tensor:
        """ids [..] → [.., D]."""
        return self.embedding(ids)

    def initial(self) -> Caches:
        """The empty memory."""
        return tuple(KvCache() for _ in self.layers)

    def step(
        self,
        x: Tensor,
        modality: Tensor | int,
        positions: Tensor,
        caches: Caches,
        visible: Tensor | None = None,
    ) -> tuple[Tensor, Caches]:
        """Prefill or decode.

        Args:
            x: embedded tokens, audio and images [B, T, D].
            modality: TEXT, IMAGE or AUDIO of each position [B, T], or one for all.
            positions: [B, T], or [3, B, T] with time, height and width rows.
            caches: what came before, P positions.
            visible: boolean [B, P + T], False for padding.

        Returns:
            Hidden states [B, T, D] after the final norm, and the caches with the new positions.
        """
        table = self._table(positions)
        new = []
        for layer, cache in zip(self.layers, caches, strict=True):
            x, cache = layer.step(x, modality, table, cache, visible)
            new.append(cache)
        return self.norm(x), tuple(new)

    def decode(self, token: Tensor, position: Tensor, caches: Caches) -> tuple[Tensor, Caches]:
        """One generated token [B] at `position` [B] → logits [B, V] and the caches with it."""
        hidden, caches = self.step(self.embed(token)[:, None], TEXT, position[:, None], caches)
        return self.logits(hidden[:, 0]), caches

    def decode_together(
        self, tokens: Tensor, positions: Tensor, memories: Sequence[Caches]
    ) -> tuple[Tensor, list[Caches]]:
        """One generated token [B] of each of B conversations, of any lengths.

        Weights are read once for all. Gives logits [B, V] and the memories with the tokens.
        """
        x, table = self.embed(tokens)[:, None], self._table(positions[:, None])
        by_layer = []
        for index, layer in enumerate(self.layers):
            x, new = layer.step_together(x, TEXT, table, [memory[index] for memory in memories])
            by_layer.append(new)
        return self.logits(self.norm(x[:, 0])), list(zip(*by_layer, strict=True))

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states [.., D] → [.., V] in fp32."""
        return self.head(hidden).float()

    def _table(self, positions: Tensor) -> RotaryTable:
        if positions.dim() == 3 and self.config.sections is None:
            positions = positions[0]
        config = self.config
        return rotary_table_at(positions, config.head_dim, config.theta, config.sections)


def cut(caches: Caches, length: int) -> Caches:
    """The first `length` positions of a memory."""
    return tuple(cache.cut(length) for cache in caches)


def normalised_head(weight: Tensor) -> Tensor:
    """Preview's output matrix [V, D]: each column divided by its length over the vocabulary."""
    raw = weight.float()
    return (raw / (torch.linalg.vector_norm(raw, dim=0, keepdim=True) + 1e-7)).to(weight.dtype)
