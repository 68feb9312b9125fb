"""Sparse mixture of experts with one router per modality (Ming-Lite-Omni, arXiv 2506.09344 §2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .feed_forward import SwiGlu

EVERYWHERE_UP_TO = 32  # positions for which all experts at once beat sorting positions by expert


class MoE(nn.Module):
    """top-k of E experts, weights renormalised, plus a shared expert that always runs.

    Letters: N positions, D width, E experts, I expert width, M modalities.
    """

    def __init__(
        self,
        dim: int,
        n_experts: int,
        expert_dim: int,
        top_k: int,
        shared_dim: int,
        n_modalities: int,
    ) -> None:
        super().__init__()
        self.top_k = top_k
        self.routers = nn.Parameter(torch.randn(n_modalities, n_experts, dim) * dim**-0.5)
        self.gate_up = nn.Parameter(torch.randn(n_experts, 2 * expert_dim, dim) * dim**-0.5)
        self.down = nn.Parameter(torch.randn(n_experts, dim, expert_dim) * expert_dim**-0.5)
        self.shared = SwiGlu(dim, shared_dim)

    def forward(self, x: Tensor, modality: Tensor) -> Tensor:
        """x [B, T, D] with modality [B, T] in 0..M-1 → [B, T, D]."""
        flat = x.reshape(-1, x.shape[-1])
        return self._mixed(x, flat, self._route(flat, modality.reshape(-1)))[0]

    def routed(self, x: Tensor, modality: Tensor) -> tuple[Tensor, Tensor]:
        """As forward, and the load-balance loss of the routing (Switch, arXiv 2101.03961 §2.2)."""
        flat = x.reshape(-1, x.shape[-1])
        probabilities = self._route(flat, modality.reshape(-1))
        y, chosen = self._mixed(x, flat, probabilities)
        return y, _balance_loss(probabilities, chosen)

    def _mixed(self, x: Tensor, flat: Tensor, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Output [B, T, D] and the experts chosen [N, k], from probabilities [N, E]."""
        weights, chosen = probabilities.topk(self.top_k, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        if flat.shape[0] == 1:
            y = self._alone(flat, chosen, weights)
        elif flat.shape[0] <= EVERYWHERE_UP_TO:
            y = self._everywhere(flat, chosen, weights)
        else:
            y = self._by_expert(flat, chosen, weights)
        return y.view_as(x) + self.shared(x), chosen

    def _route(self, flat: Tensor, modality: Tensor) -> Tensor:
        """Each position's probabilities [N, E], by the router of its modality [N]."""
        every = F.linear(flat.float(), self.routers.float().flatten(0, 1))
        every = every.view(-1, *self.routers.shape[:2])
        index = modality[:, None, None].expand(-1, 1, every.shape[-1])
        return every.gather(1, index).squeeze(1).softmax(-1)

    def _by_expert(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Each expert once, over the positions that chose it."""
        y = torch.zeros_like(flat)
        for expert in range(self.gate_up.shape[0]):
            rows, slot = (chosen == expert).nonzero(as_tuple=True)
            gate, up = F.linear(flat[rows], self.gate_up[expert]).chunk(2, -1)
            out = F.linear(F.silu(gate) * up, self.down[expert])
            y = y.index_add(0, rows, out * weights[rows, slot, None].to(out.dtype))
        return y

    def _everywhere(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Each expert over all positions, those that did not choose it with weight 0."""
        share = flat.new_zeros(flat.shape[0], self.gate_up.shape[0])
        share = share.scatter(1, chosen, weights.to(flat.dtype))
        gate, up = torch.matmul(flat, self.gate_up.transpose(1, 2)).chunk(2, -1)
        hidden = F.silu(gate) * up * share.t()[:, :, None]
        return torch.bmm(hidden, self.down.transpose(1, 2)).sum(0)

    def _alone(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """One position [1, D] through its own experts; no weight is copied."""
        y = torch.zeros_like(flat)
        for expert, weight in zip(chosen[0].tolist(), weights[0].to(flat.dtype), strict=True):
            gate, up = F.linear(flat, self.gate_up[expert]).chunk(2, -1)
            y = y + F.linear(F.silu(gate) * up * weight, self.down[expert])
        return y


def _balance_loss(probabilities: Tensor, chosen: Tensor) -> Tensor:
    n_experts = probabilities.shape[-1]
    load = F.one_hot(chosen, n_experts).float().mean(dim=(0, 1))
    return n_experts * (load * probabilities.mean(0)).sum()
