"""nano's MoE language model and the projector that turns audio frames into its positions.

Letters: B batch, T positions, D width, V vocabulary, F encoder frames at 25 Hz.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.attention import Attention
from ..layers.kv_cache import KvCache
from ..layers.moe import MoE
from .config import ThinkerConfig

TEXT, AUDIO = 0, 1
BLANK = 0  # CTC blank shares the id of <pad>

Caches = tuple[KvCache, ...]


class ThinkerLayer(nn.Module):
    """Pre-norm attention and mixture of experts."""

    def __init__(self, config: ThinkerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.attention = Attention(config.dim, config.n_heads)
        self.moe_norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.moe = MoE(
            config.dim,
            config.n_experts,
            config.expert_dim,
            config.top_k,
            config.shared_dim,
            n_modalities=2,
        )

    def forward(self, x: Tensor, modality: Tensor) -> tuple[Tensor, Tensor]:
        x = x + self.attention(self.attention_norm(x))
        y, balance = self.moe.routed(self.moe_norm(x), modality)
        return x + y, balance

    def step(self, x: Tensor, modality: Tensor, cache: KvCache) -> tuple[Tensor, KvCache]:
        y, cache = self.attention.step(self.attention_norm(x), cache)
        x = x + y
        return x + self.moe(self.moe_norm(x), modality), cache


class Thinker(nn.Module):
    """Decoder-only transformer over text and audio positions, embedding tied to the output."""

    def __init__(self, config: ThinkerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.dim)
        nn.init.normal_(self.embedding.weight, std=config.dim**-0.5)
        self.layers = nn.ModuleList(ThinkerLayer(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.dim, eps=1e-5)

    def forward(self, x: Tensor, modality: Tensor) -> tuple[Tensor, Tensor]:
        """Whole sequences x [B, T, D], modality [B, T] → hidden [B, T, D], balance loss."""
        balance = x.new_zeros(())
        for layer in self.layers:
            x, one = layer(x, modality)
            balance = balance + one / len(self.layers)
        return self.norm(x), balance

    def initial(self) -> Caches:
        """The empty memory."""
        return tuple(KvCache() for _ in self.layers)

    def step(self, x: Tensor, modality: int, caches: Caches) -> tuple[Tensor, Caches]:
        """Prefill or decode: x [1, T, D] of one modality → hidden of the last position [D]."""
        kinds = torch.full(x.shape[:2], modality, dtype=torch.long, device=x.device)
        new = []
        for layer, cache in zip(self.layers, caches, strict=True):
            x, cache = layer.step(x, kinds, cache)
            new.append(cache)
        return self.norm(x[0, -1]), tuple(new)

    def embed(self, tokens: Tensor) -> Tensor:
        """tokens [..] → [.., D]."""
        return self.embedding(tokens)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden [.., D] → [.., V]."""
        return F.linear(hidden, self.embedding.weight)


class AudioProjector(nn.Module):
    """Encoder frames → thinker positions, `pool` frames to one.

    position = MLP(mean of hidden) + (max of CTC posteriors of real tokens) @ embedding table:
    audio positions look like soft text embeddings, so a text-trained thinker understands them
    almost at once.
    """

    def __init__(self, encoder_dim: int, config: ThinkerConfig) -> None:
        super().__init__()
        self.pool = config.audio_pool
        self.mlp = nn.Sequential(
            nn.Linear(encoder_dim, config.dim), nn.GELU(), nn.Linear(config.dim, config.dim)
        )
        # Starts as the bridge alone: random vectors would drown the soft tokens for good.
        nn.init.zeros_(self.mlp[2].weight)
        nn.init.zeros_(self.mlp[2].bias)

    def forward(self, hidden: Tensor, ctc: Tensor, table: Tensor, n_special: int) -> Tensor:
        """hidden [B, F, D], ctc logits [B, F, V], table [V, D] → [B, ceil(F / pool), D].

        A last position of fewer than `pool` frames pools those it has.
        """
        posterior = ctc.float().softmax(-1).to(hidden.dtype)
        posterior = F.pad(posterior[..., n_special:], (n_special, 0))
        means = F.avg_pool1d(hidden.transpose(1, 2), self.pool, ceil_mode=True).transpose(1, 2)
        tokens = F.max_pool1d(posterior.transpose(1, 2), self.pool, ceil_mode=True)
        return self.mlp(means) + tokens.transpose(1, 2) @ table
