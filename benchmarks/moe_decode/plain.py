"""One decode step in the plain way: a loop over the experts that were chosen, eager attention.

What public implementations of this design do, on the same weights: keys and values repeated for
each query head and concatenated at every step, softmax in fp32, tokens sorted by expert, counts
read back, three linear layers an expert, results put back in order and summed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.models.layers.moe import MoE
from vivavoce.models.layers.rotary import RotaryTable, rotate
from vivavoce.models.ming.modality import TEXT
from vivavoce.models.ming.thinker import MingThinker, ThinkerLayer

KeysValues = tuple[Tensor, Tensor]


class PlainThinker:
    """The layers and the head of a thinker, run the plain way. Letters as in thinker.py."""

    def __init__(self, thinker: MingThinker) -> None:
        self.thinker = thinker
        self.experts = [_unfused(layer.moe) for layer in thinker.layers]
        dtype = thinker.embedding.weight.dtype
        self.routers = [layer.moe.routers[TEXT].to(dtype) for layer in thinker.layers]

    def step(
        self, x: Tensor, table: RotaryTable, past: list[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        """x [1, 1, D] → hidden [1, 1, D] before the final norm, and the longer past."""
        new = []
        for index, before in enumerate(past):
            x, grown = self.layer(index, x, table, before)
            new.append(grown)
        return x, new

    def layer(
        self, index: int, x: Tensor, table: RotaryTable, past: KeysValues
    ) -> tuple[Tensor, KeysValues]:
        """x [1, 1, D] → [1, 1, D] through one layer, and its longer past."""
        layer = self.thinker.layers[index]
        y, grown = self._attention(layer, _norm(x, layer.attention_norm), table, past)
        x = x + y
        return x + self._mixture(index, _norm(x, layer.moe_norm)), grown

    def head(self, x: Tensor) -> Tensor:
        """x [1, 1, D] → logits [1, 1, V]."""
        return F.linear(_norm(x, self.thinker.norm), self.thinker.head.weight).float()

    def _attention(
        self, layer: ThinkerLayer, x: Tensor, table: RotaryTable, past: KeysValues
    ) -> tuple[Tensor, KeysValues]:
        config = self.thinker.config
        n_q, n_kv, width = config.n_heads, config.n_kv_heads, config.head_dim
        heads = F.linear(x, layer.attention.qkv.weight).view(1, 1, -1, width).transpose(1, 2)
        q, k, v = heads.split([n_q, n_kv, n_kv], dim=1)
        q, k = rotate(q, table), rotate(k, table)
        k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        every_k, every_v = (y.repeat_interleave(n_q // n_kv, dim=1) for y in (k, v))
        scores = q @ every_k.transpose(2, 3) * width**-0.5
        y = scores.softmax(-1, dtype=torch.float32).to(x.dtype) @ every_v
        y = y.transpose(1, 2).reshape(1, 1, -1)
        return F.linear(y, layer.attention.out.weight), (k, v)

    def _mixture(self, index: int, x: Tensor) -> Tensor:
        moe, experts = self.thinker.layers[index].moe, self.experts[index]
        flat = x.view(-1, x.shape[-1])
        scores = F.linear(flat, self.routers[index]).softmax(-1, dtype=torch.float32)
        shares, chosen = scores.topk(moe.top_k, dim=-1)
        shares = shares / shares.sum(-1, keepdim=True)
        counts = torch.bincount(chosen.flatten(), minlength=len(experts)).tolist()
        order = chosen.flatten().argsort()
        rows = flat[order // moe.top_k]
        outputs, start = [], 0
        for (gate, up, down), count in zip(experts, counts, strict=True):
            if count:
                one = rows[start : start + count]
                outputs.append(F.linear(F.silu(F.linear(one, gate)) * F.linear(one, up), down))
                start += count
        by_visit = torch.empty_like(rows)
        by_visit[order] = torch.cat(outputs)
        mixed = by_visit.view(*chosen.shape, -1).float() * shares[..., None]
        gate, up = (F.linear(flat, half) for half in moe.shared.gate_up.weight.chunk(2))
        shared = F.linear(F.silu(gate) * up, moe.shared.down.weight)
        return (mixed.sum(1).to(x.dtype) + shared).view_as(x)


def _unfused(moe: MoE) -> list[tuple[Tensor, Tensor, Tensor]]:
    return [moe.weights(index) for index in range(moe.routers.shape[1])]


def _norm(x: Tensor, norm: torch.nn.RMSNorm) -> Tensor:
    wide = x.float()
    scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + norm.eps)
    return norm.weight * scaled.to(x.dtype)
