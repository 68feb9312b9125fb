"""Streaming audio encoder: chunked self-attention, causal convolution, phone and CTC heads.

    mel 100 Hz ─ conv /2 ─ conv /2 ─ 25 Hz ─ blocks 1-5 ─ phone head ─┐ softmax
                                                     └──── + ◄── linear ┘
                                                       blocks 6-8 ─ norm ─ hidden ─ CTC head

Letters: B batch, T mel frames at 100 Hz, F = T // 4 frames at 25 Hz, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.attention import Attention, chunk_mask
from ..layers.causal_conv import CausalConv
from ..layers.kv_cache import KvCache
from .config import EncoderConfig


class Encoded(NamedTuple):
    """hidden [B, F, D]; phone logits [B, F, n_phones]; CTC logits [B, F, vocabulary]."""

    hidden: Tensor
    phones: Tensor
    ctc: Tensor


@dataclass(frozen=True, eq=False)
class BlockState:
    """What a block remembers: keys and values of its left context, frames of its convolution."""

    cache: KvCache
    conv: Tensor


@dataclass(frozen=True, eq=False)
class EncoderState:
    """What the encoder remembers between chunks; `position` counts frames at 25 Hz."""

    front1: Tensor
    front2: Tensor
    blocks: tuple[BlockState, ...]
    position: int


class ConvModule(nn.Module):
    """Pointwise GLU, causal depthwise convolution, SiLU, pointwise."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, 2 * dim)
        self.depthwise = CausalConv(dim, dim, kernel, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, dim)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, state = self.depthwise.step(F.glu(self.gate(x), dim=-1), state)
        return self.out(F.silu(self.norm(y))), state


class EncoderBlock(nn.Module):
    """Pre-norm attention, convolution, feed-forward, each with a residual."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        dim = config.dim
        self.n_left = config.chunk_frames * config.left_chunks
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = Attention(dim, config.n_heads)
        self.conv_norm = nn.LayerNorm(dim)
        self.conv = ConvModule(dim, config.conv_kernel)
        self.ffn_norm = nn.LayerNorm(dim)
        self.ffn = nn.Sequential(
            nn.Linear(dim, config.ffn_dim), nn.GELU(), nn.Linear(config.ffn_dim, dim)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        return self._local(x, self.conv.depthwise.initial(x.shape[0]))[0]

    def step(self, x: Tensor, state: BlockState, position: int) -> tuple[Tensor, BlockState]:
        """One chunk x [1, F, D] whose first frame is number `position` of the turn."""
        y, cache = self.attention.step_chunk(
            self.attention_norm(x), state.cache, position, self.n_left
        )
        y, conv = self._local(x + y, state.conv)
        return y, BlockState(cache, conv)

    def _local(self, x: Tensor, conv_state: Tensor) -> tuple[Tensor, Tensor]:
        y, conv_state = self.conv.step(self.conv_norm(x), conv_state)
        x = x + self.dropout(y)
        return x + self.dropout(self.ffn(self.ffn_norm(x))), conv_state


class AudioEncoder(nn.Module):
    """See the module's drawing."""

    def __init__(self, config: EncoderConfig, n_mels: int, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        self.front1 = CausalConv(n_mels, config.dim, 5, stride=2)
        self.front2 = CausalConv(config.dim, config.dim, 5, stride=2)
        self.blocks = nn.ModuleList(EncoderBlock(config) for _ in range(config.n_blocks))
        self.phone_head = nn.Linear(config.dim, config.n_phones)
        self.phone_feedback = nn.Linear(config.n_phones, config.dim)
        self.norm = nn.LayerNorm(config.dim)
        self.ctc_head = nn.Linear(config.dim, vocabulary)

    def forward(self, mel: Tensor, n_frames: Tensor | None = None) -> Encoded:
        """Whole utterances mel [B, T, n_mels]; n_frames [B] masks padding (25 Hz frames)."""
        x = F.gelu(self.front2(F.gelu(self.front1(mel))))
        mask = chunk_mask(x.shape[1], self.config.chunk_frames, self.config.left_chunks, x.device)
        if n_frames is not None:
            valid = torch.arange(x.shape[1], device=x.device) < n_frames[:, None]
            # A padded query must see something, or its softmax is 0 / 0: let it see itself.
            own = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
            mask = ((mask & valid[:, None, :]) | own)[:, None]
        phones = x.new_zeros(0)
        for number, block in enumerate(self.blocks, start=1):
            x = block(x, mask)
            if number == self.config.phone_block:
                x, phones = self._with_phones(x)
        hidden = self.norm(x)
        return Encoded(hidden, phones, self.ctc_head(hidden))

    def initial(self) -> EncoderState:
        """The state before the first sample of a turn."""
        empty = tuple(BlockState(KvCache(), b.conv.depthwise.initial()) for b in self.blocks)
        return EncoderState(self.front1.initial(), self.front2.initial(), empty, 0)

    def step(self, mel: Tensor, state: EncoderState) -> tuple[Encoded, EncoderState]:
        """The next whole chunk mel [1, 4 * chunk_frames, n_mels], or a shorter last one."""
        x, front1 = self.front1.step(mel, state.front1)
        x, front2 = self.front2.step(F.gelu(x), state.front2)
        x = F.gelu(x)
        phones = x.new_zeros(0)
        blocks = []
        for number, (block, block_state) in enumerate(
            zip(self.blocks, state.blocks, strict=True), start=1
        ):
            x, block_state = block.step(x, block_state, state.position)
            blocks.append(block_state)
            if number == self.config.phone_block:
                x, phones = self._with_phones(x)
        hidden = self.norm(x)
        new = EncoderState(front1, front2, tuple(blocks), state.position + x.shape[1])
        return Encoded(hidden, phones, self.ctc_head(hidden)), new

    def _with_phones(self, x: Tensor) -> tuple[Tensor, Tensor]:
        phones = self.phone_head(x)
        return x + self.phone_feedback(phones.float().softmax(-1).to(x.dtype)), phones
