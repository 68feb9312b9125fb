"""Sparse mixture of experts with one router per modality (Ming-Lite-Omni, arXiv 2506.09344 §2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .feed_forward import SwiGlu
from .few_rows import KINDS, ExpertTable, Matrix, bare_linear

EVERYWHERE_UP_TO = 32  # positions for which all experts at once beat sorting positions by expert


class RoutedMixture(nn.Module):
    """top-k of E experts, weights renormalised, plus a shared expert that always runs.

    How the experts are stored is the subclass's matter: it gives `expert`, `matrices` and
    `self.shared`. Letters: N positions, D width, E experts, I expert width, M modalities.
    """

    shared: nn.Module

    def __init__(self, dim: int, n_experts: int, top_k: int, n_modalities: int) -> None:
        super().__init__()
        self.top_k = top_k
        self._table: ExpertTable | None = None
        self.routers = nn.Parameter(torch.randn(n_modalities, n_experts, dim) * dim**-0.5)

    def expert(self, index: int, x: Tensor) -> Tensor:
        """One expert over positions x [N, D] → [N, D]."""
        raise NotImplementedError

    def matrices(self, index: int) -> tuple[Matrix, Matrix, Matrix]:
        """One expert's gate [I, D], up [I, D] and down [D, I] as they are stored."""
        raise NotImplementedError

    def every_matrix(self) -> list[tuple[Matrix, Matrix, Matrix]]:
        """The matrices of all experts."""
        return [self.matrices(index) for index in range(self.routers.shape[1])]

    def prepare_few_rows(self) -> None:
        """From now on few positions on the CPU take the compiled functions of few_rows.py."""
        experts = self.every_matrix()
        if experts[0][0].weights.dtype in KINDS:
            self._table = ExpertTable(experts)

    def forward(self, x: Tensor, modality: Tensor | int) -> Tensor:
        """x [B, T, D] with modality [B, T] in 0..M-1, or one for all → [B, T, D]."""
        flat = x.reshape(-1, x.shape[-1])
        return self._mixed(x, flat, self._scores(flat, modality))[0]

    def routed(self, x: Tensor, modality: Tensor) -> tuple[Tensor, Tensor]:
        """As forward, and the load-balance loss of the routing (Switch, arXiv 2101.03961 §2.2)."""
        flat = x.reshape(-1, x.shape[-1])
        scores = self._scores(flat, modality)
        y, chosen = self._mixed(x, flat, scores)
        return y, _balance_loss(scores.softmax(-1), chosen)

    def choose(self, x: Tensor, modality: Tensor | int) -> tuple[Tensor, Tensor]:
        """The experts [.., k] that positions x [.., D] visit, and their weights [.., k]."""
        scores, chosen = self._scores(x.reshape(-1, x.shape[-1]), modality).topk(self.top_k, -1)
        shape = (*x.shape[:-1], self.top_k)
        return chosen.view(shape), scores.softmax(-1).view(shape)

    def _mixed(self, x: Tensor, flat: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Output [B, T, D] and the experts chosen [N, k], from scores [N, E].

        The softmax over those chosen is the softmax over all, renormalised.
        """
        best, chosen = scores.topk(self.top_k, dim=-1)
        y = self._experts(flat, chosen, best.softmax(-1))
        return y.view_as(x) + self.shared(x), chosen

    def _experts(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """flat [N, D] through the experts chosen [N, k], weighed [N, k] and summed."""
        if self._table is not None and self._table.usable(flat, self.top_k):
            return self._table.run(flat, chosen, weights)
        if flat.shape[0] == 1:
            return self._alone(flat, chosen, weights)
        return self._by_expert(flat, chosen, weights)

    def _scores(self, flat: Tensor, modality: Tensor | int) -> Tensor:
        """What the router of its modality [N] gives each position for each expert [N, E]."""
        if isinstance(modality, int):
            return F.linear(flat.float(), self.routers[modality].float())
        every = F.linear(flat.float(), self.routers.float().flatten(0, 1))
        every = every.view(-1, *self.routers.shape[:2])
        index = modality.reshape(-1)[:, None, None].expand(-1, 1, every.shape[-1])
        return every.gather(1, index).squeeze(1)

    def _by_expert(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Each expert that was chosen once, over the positions that chose it."""
        y = torch.zeros_like(flat)
        for expert in chosen.unique().tolist():
            rows, slot = (chosen == expert).nonzero(as_tuple=True)
            out = self.expert(expert, flat[rows])
            y = y.index_add(0, rows, out * weights[rows, slot, None].to(out.dtype))
        return y

    def _alone(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """One position [1, D] through its own experts, one after the other."""
        y = torch.zeros_like(flat)
        for expert, weight in zip(chosen[0].tolist(), weights[0].to(flat.dtype), strict=True):
            y = y + self.expert(expert, flat) * weight
        return y


class MoE(RoutedMixture):
    """Experts stacked in two tensors: gate_up [E, 2I, D] and down [E, D, I].

    everywhere_up_to: so many positions go through all experts at once, which pays where the
    experts are small.
    """

    def __init__(
        self,
        dim: int,
        n_experts: int,
        expert_dim: int,
        top_k: int,
        shared_dim: int,
        n_modalities: int,
        everywhere_up_to: int = EVERYWHERE_UP_TO,
    ) -> None:
        super().__init__(dim, n_experts, top_k, n_modalities)
        self.everywhere_up_to = everywhere_up_to
        self.gate_up = nn.Parameter(torch.randn(n_experts, 2 * expert_dim, dim) * dim**-0.5)
        self.down = nn.Parameter(torch.randn(n_experts, dim, expert_dim) * expert_dim**-0.5)
        self.shared = SwiGlu(dim, shared_dim)

    def expert(self, index: int, x: Tensor) -> Tensor:
        gate, up = bare_linear(x, self.gate_up[index]).chunk(2, -1)
        return bare_linear(F.silu(gate) * up, self.down[index])

    def weights(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """One expert's gate [I, D], up [I, D] and down [D, I]."""
        gate, up = self.gate_up.data[index].chunk(2)
        return gate, up, self.down.data[index]

    def matrices(self, index: int) -> tuple[Matrix, Matrix, Matrix]:
        gate, up, down = self.weights(index)
        return Matrix(gate), Matrix(up), Matrix(down)

    def _alone(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        experts = [(self.gate_up[e], self.down[e]) for e in chosen[0].tolist()]
        return _side_by_side(flat, experts, weights)

    def _experts(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        if 1 < flat.shape[0] <= self.everywhere_up_to:
            return self._everywhere(flat, chosen, weights)
        return super()._experts(flat, chosen, weights)

    def _everywhere(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Each expert over all positions, those that did not choose it with weight 0."""
        share = flat.new_zeros(flat.shape[0], self.gate_up.shape[0])
        share = share.scatter(1, chosen, weights.to(flat.dtype))
        gate, up = torch.matmul(flat, self.gate_up.transpose(1, 2)).chunk(2, -1)
        hidden = F.silu(gate) * up * share.t()[:, :, None]
        return torch.bmm(hidden, self.down.transpose(1, 2)).sum(0)


class ListedMoE(RoutedMixture):
    """Experts one by one, as checkpoints store them, so that each may stay mapped to the disk."""

    def __init__(
        self,
        dim: int,
        n_experts: int,
        expert_dim: int,
        top_k: int,
        shared_dim: int,
        n_modalities: int,
    ) -> None:
        super().__init__(dim, n_experts, top_k, n_modalities)
        self.experts = nn.ModuleList(ListedExpert(dim, expert_dim) for _ in range(n_experts))
        self.shared = SwiGlu(dim, shared_dim)

    def expert(self, index: int, x: Tensor) -> Tensor:
        return self.experts[index](x)

    def weights(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """One expert's gate [I, D], up [I, D] and down [D, I]."""
        one = self.experts[index]
        return one.gate.weight.data, one.up.weight.data, one.down.weight.data

    def matrices(self, index: int) -> tuple[Matrix, Matrix, Matrix]:
        gate, up, down = self.weights(index)
        return Matrix(gate), Matrix(up), Matrix(down)

    def _alone(self, flat: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        experts = [self.experts[e] for e in chosen[0].tolist()]
        matrices = [(e.gate.weight, e.up.weight, e.down.weight) for e in experts]
        return _side_by_side(flat, matrices, weights)


class ListedExpert(nn.Module):
    """A gated feed-forward network of three matrices."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden, bias=False)
        self.up = nn.Linear(dim, hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


def _side_by_side(flat: Tensor, experts: Sequence[Sequence[Tensor]], weights: Tensor) -> Tensor:
    """One position [1, D] through k experts, weighed [1, k] and summed; no weight is copied.

    What is done to all k vectors at once is one operation, not k: beside weights that are read
    from memory every operation counts. Each expert is (gate and up [2I, D], down [D, I]), or
    (gate, up, down).
    """
    x = flat[0]
    both = torch.cat([torch.mv(part, x) for expert in experts for part in expert[:-1]])
    gate, up = both.view(len(experts), 2, -1).unbind(1)
    hidden = F.silu(gate) * up * weights.to(flat.dtype).t()
    downs = zip(hidden, experts, strict=True)
    return torch.stack([torch.mv(expert[-1], one) for one, expert in downs]).sum(0, keepdim=True)


def _balance_loss(probabilities: Tensor, chosen: Tensor) -> Tensor:
    n_experts = probabilities.shape[-1]
    load = F.one_hot(chosen, n_experts).float().mean(dim=(0, 1))
    return n_experts * (load * probabilities.mean(0)).sum()
