"""The velocity estimator of v1.5's flow matching: a causal U-Net of one level over mel frames.

Convolutions look back two frames, attention sees the own chunk and all before, so a finished
chunk never changes: of each solver step the convolution tails and the attention's keys and
values are kept, and every chunk is computed once.

Letters: B batch, T frames of the chunk, M mel bins, C channels, H heads, t flow time in 0..1.

Source: arXiv 2412.10117 §2.3; checkpoint prefix `decoder.estimator`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.causal_conv import CausalConv
from ..layers.kv_cache import KvCache
from .conformer import Caches, forgetful, halved, keys_seen, roomy

TIME_SCALE = 1000.0


@dataclass(frozen=True)
class EstimatorConfig:
    """Sizes. n_layers: attention layers per stage; `levels` are the channels of the U-Net."""

    dim_in: int
    n_mels: int
    levels: tuple[int, ...]
    n_heads: int
    head_dim: int
    hidden: int
    n_layers: int
    n_mid_blocks: int
    time_dim: int


class TimeEmbedding(nn.Module):
    """Flow time → [1, time_dim]: sines and cosines of 1000 t, then two layers."""

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.dim_in = dim_in
        self.linear_1 = nn.Linear(dim_in, dim)
        self.linear_2 = nn.Linear(dim, dim)

    def forward(self, t: float) -> Tensor:
        half = self.dim_in // 2
        weight = self.linear_1.weight
        step = torch.arange(half, device=weight.device).float() * -(math.log(1e4) / (half - 1))
        angle = TIME_SCALE * t * step.exp()[None]
        wave = torch.cat([angle.sin(), angle.cos()], dim=-1).to(weight.dtype)
        return self.linear_2(F.silu(self.linear_1(wave)))


class TransformerLayer(nn.Module):
    """Self-attention without positions and a GELU feed-forward over x [B, T, C]."""

    def __init__(self, dim: int, n_heads: int, head_dim: int, hidden: int) -> None:
        super().__init__()
        self.n_heads, self.head_dim = n_heads, head_dim
        self.attention_norm = nn.LayerNorm(dim, eps=1e-5)
        self.qkv = nn.Linear(dim, 3 * n_heads * head_dim, bias=False)
        self.out = nn.Linear(n_heads * head_dim, dim)
        self.feed_forward_norm = nn.LayerNorm(dim, eps=1e-5)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(
        self, x: Tensor, cache: KvCache, mask: Tensor | None = None, keep: bool = True
    ) -> tuple[Tensor, KvCache]:
        batch, n, _ = x.shape
        heads = self.qkv(self.attention_norm(x)).view(batch, n, 3, self.n_heads, self.head_dim)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        k, v, cache = keys_seen(cache, k, v, keep)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(y.transpose(1, 2).reshape(batch, n, -1))
        return x + self.down(F.gelu(self.up(self.feed_forward_norm(x)))), cache


class CausalResnet(nn.Module):
    """Two causal convolutions with LayerNorm and Mish, the flow time added between."""

    def __init__(self, dim_in: int, dim: int, time_dim: int) -> None:
        super().__init__()
        self.conv_1, self.norm_1 = CausalConv(dim_in, dim, 3), nn.LayerNorm(dim, eps=1e-5)
        self.conv_2, self.norm_2 = CausalConv(dim, dim, 3), nn.LayerNorm(dim, eps=1e-5)
        self.time = nn.Linear(time_dim, dim)
        self.residual = nn.Linear(dim_in, dim)

    def forward(self, x: Tensor, time: Tensor, tails: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y, first = self.conv_1.step(x, tails[0])
        y = F.mish(self.norm_1(y)) + self.time(F.mish(time))[:, None]
        y, second = self.conv_2.step(y, tails[1])
        return F.mish(self.norm_2(y)) + self.residual(x), [first, second]


class Stage(nn.Module):
    """One resnet and its attention layers."""

    def __init__(self, config: EstimatorConfig, dim_in: int) -> None:
        super().__init__()
        c, dim = config, config.levels[0]
        self.resnet = CausalResnet(dim_in, dim, c.time_dim)
        self.layers = nn.ModuleList(
            TransformerLayer(dim, c.n_heads, c.head_dim, c.hidden) for _ in range(c.n_layers)
        )


@dataclass(frozen=True, eq=False)
class EstimatorState:
    """Of one solver step: convolution tails and attention caches, in the order of their use."""

    tails: tuple[Tensor, ...]
    caches: Caches

    def forgetful(self, n_first: int, n_last: int) -> EstimatorState:
        """Attention remembers only the first and last so many frames."""
        return replace(self, caches=forgetful(self.caches, n_first, n_last))

    def halved(self) -> EstimatorState:
        """Attention's keys and values are kept in half precision."""
        return replace(self, caches=halved(self.caches))

    def roomy(self, room: int) -> EstimatorState:
        """Room is made for so many frames."""
        return replace(self, caches=roomy(self.caches, room))


class CausalEstimator(nn.Module):
    """Velocity of the mel frames of one chunk."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        self.config = c = config
        dim = c.levels[0]
        self.time = TimeEmbedding(c.dim_in, c.time_dim)
        self.down = Stage(c, c.dim_in)
        self.down_conv = CausalConv(dim, dim, 3)
        self.mid = nn.ModuleList(Stage(c, dim) for _ in range(c.n_mid_blocks))
        self.up = Stage(c, 2 * dim)
        self.up_conv = CausalConv(dim, dim, 3)
        self.final_conv, self.final_norm = CausalConv(dim, dim, 3), nn.LayerNorm(dim, eps=1e-5)
        self.project = nn.Linear(dim, c.n_mels)

    @property
    def n_layers(self) -> int:
        """Attention layers of all stages."""
        return sum(len(stage.layers) for stage in self._stages())

    def initial(self, batch: int) -> EstimatorState:
        """Before the first frame."""
        tails = []
        for stage in self._stages():
            tails += [stage.resnet.conv_1.initial(batch), stage.resnet.conv_2.initial(batch)]
        last = [self.down_conv, self.up_conv, self.final_conv]
        tails += [conv.initial(batch) for conv in last]
        return EstimatorState(tuple(tails), (KvCache(),) * self.n_layers)

    def step(
        self,
        x: Tensor,
        t: float,
        state: EstimatorState,
        keep: bool = True,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, EstimatorState]:
        """The next chunk's velocity.

        Args:
            x: [B, T, 4 M]: noisy mel, mu, speaker and condition side by side.
            t: flow time, 0 noise to 1 mel.
            state: what lies before; returned as it was where not `keep`.
            keep: whether later chunks will build on this one.
            mask: [T, L], True where a frame may look; None: the whole chunk and all before.
        Returns:
            velocity [B, T, M] and the state.
        """
        run = _Run(self.time(t), list(state.tails), list(state.caches), mask, keep)
        skip = run.stage(self.down, x)
        y = run.conv(self.down_conv, skip, -3)
        for stage in self.mid:
            y = run.stage(stage, y)
        y = run.stage(self.up, torch.cat([y, skip], dim=-1))
        y = run.conv(self.up_conv, y, -2)
        y = F.mish(self.final_norm(run.conv(self.final_conv, y, -1)))
        after = EstimatorState(tuple(run.tails), tuple(run.caches)) if keep else state
        return self.project(y), after

    def _stages(self) -> list[Stage]:
        return [self.down, *self.mid, self.up]


class _Run:
    """One pass: hands every layer its part of the state, in order, and collects the new parts."""

    def __init__(
        self,
        time: Tensor,
        tails: list[Tensor],
        caches: list[KvCache],
        mask: Tensor | None,
        keep: bool,
    ) -> None:
        self.time, self.tails, self.caches = time, tails, caches
        self._mask, self._keep = mask, keep
        self._n_tails = self._n_caches = 0

    def stage(self, stage: Stage, x: Tensor) -> Tensor:
        here = slice(self._n_tails, self._n_tails + 2)
        x, self.tails[here] = stage.resnet(x, self.time, self.tails[here])
        self._n_tails += 2
        for layer in stage.layers:
            cache = self.caches[self._n_caches]
            x, self.caches[self._n_caches] = layer(x, cache, self._mask, self._keep)
            self._n_caches += 1
        return x

    def conv(self, conv: CausalConv, x: Tensor, index: int) -> Tensor:
        y, self.tails[index] = conv.step(x, self.tails[index])
        return y
