"""Matrix times few vectors on the CPU, by the compiled functions of few_rows.cpp.

Each function wants `usable(x)` asked first; PyTorch's own operations do the rest. Weights may be
fp32, bf16, int8 with a scale a row, or int4 with a scale for 32 weights, see quantised.py.

Letters: N vectors, R rows and C columns of a weight matrix, E experts, I their width, D width.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .native import library

MAX_VECTORS = 64  # kMaxVectors of few_rows.cpp
FEW = 16  # up to so many vectors a matrix product is bound by reading the weights
GROUP = 32  # int4 weights that share a scale

KINDS = {torch.float32: 0, torch.bfloat16: 1, torch.int8: 2, torch.uint8: 3}


@dataclass(frozen=True, eq=False)
class Matrix:
    """Stored weights [R, C] (int4: [R, C / 2], C a multiple of 32) and their scales, if any."""

    weights: Tensor
    scales: Tensor | None = None

    @property
    def columns(self) -> int:
        """C as stored, with padding."""
        packed = self.weights.dtype is torch.uint8
        return self.weights.shape[1] * (2 if packed else 1)

    @property
    def pointers(self) -> tuple[int, int]:
        """Addresses of weights and scales; 0 for no scales."""
        return self.weights.data_ptr(), 0 if self.scales is None else self.scales.data_ptr()


def usable(x: Tensor, most: int = FEW) -> bool:
    """Whether the compiled functions serve x [.., C]: few vectors, on the CPU, no gradient."""
    if x.device.type != "cpu" or x.numel() > most * x.shape[-1] or x.numel() == 0:
        return False
    return not (torch.is_grad_enabled() and x.requires_grad) and library() is not None


def linear(x: Tensor, matrix: Matrix) -> Tensor:
    """x [.., C] times the matrix, transposed → [.., R] in x's dtype; computed in fp32."""
    rows, columns = matrix.weights.shape[0], matrix.columns
    vectors = _padded(x.reshape(-1, x.shape[-1]), columns)
    y = torch.empty(vectors.shape[0], rows)
    weights, scales = matrix.pointers
    _library().few_rows_linear(
        ctypes.c_int(KINDS[matrix.weights.dtype]),
        ctypes.c_void_p(weights),
        ctypes.c_void_p(scales),
        ctypes.c_long(rows),
        ctypes.c_long(columns),
        ctypes.c_void_p(vectors.data_ptr()),
        ctypes.c_int(vectors.shape[0]),
        ctypes.c_void_p(y.data_ptr()),
        ctypes.c_int(torch.get_num_threads()),
    )
    return y.view(*x.shape[:-1], rows).to(x.dtype)


class ExpertTable:
    """Where the gate, up and down matrices of E experts lie. They must not move afterwards."""

    def __init__(self, experts: Sequence[tuple[Matrix, Matrix, Matrix]]) -> None:
        gate, _, down = experts[0]
        self.kind = KINDS[gate.weights.dtype]
        self.dim, self.hidden = down.weights.shape[0], gate.weights.shape[0]
        self.dim_columns, self.hidden_columns = gate.columns, down.columns
        pointers = np.array([[m.pointers for m in matrices] for matrices in experts], np.int64)
        self._weights = np.ascontiguousarray(pointers[..., 0])  # [E, 3]
        self._scales = np.ascontiguousarray(pointers[..., 1])
        self._kept_alive = experts

    def run(self, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
        """x [N, D] through the experts chosen [N, k], weighed by shares [N, k] and summed."""
        visits = chosen.flatten()
        order = visits.argsort(stable=True)
        used, counts = visits[order].unique_consecutive(return_counts=True)
        vectors = _padded(x, self.dim_columns)
        out = self._visited(
            vectors,
            used.numpy(),
            np.concatenate([[0], counts.cumsum(0).numpy()]).astype(np.int32),
            (order // chosen.shape[1]).to(torch.int32).numpy(),
        )
        in_place = torch.empty_like(out)
        in_place[order] = out
        by_vector = in_place.view(*chosen.shape, -1)
        return (by_vector * shares.float()[..., None]).sum(1).to(x.dtype)

    def _visited(
        self, vectors: Tensor, used: np.ndarray, first: np.ndarray, of: np.ndarray
    ) -> Tensor:
        """What each expert in use makes of its visits [visits, D], expert by expert."""
        weights, scales = self._weights[used], self._scales[used]
        inner = torch.zeros(len(of), self.hidden_columns)
        out = torch.empty(len(of), self.dim)
        _library().few_rows_experts(
            ctypes.c_int(self.kind),
            ctypes.c_int(len(used)),
            ctypes.c_void_p(first.ctypes.data),
            ctypes.c_void_p(of.ctypes.data),
            ctypes.c_void_p(weights.ctypes.data),
            ctypes.c_void_p(scales.ctypes.data),
            ctypes.c_long(self.dim),
            ctypes.c_long(self.hidden),
            ctypes.c_long(self.dim_columns),
            ctypes.c_long(self.hidden_columns),
            ctypes.c_void_p(vectors.data_ptr()),
            ctypes.c_void_p(inner.data_ptr()),
            ctypes.c_void_p(out.data_ptr()),
            ctypes.c_int(torch.get_num_threads()),
        )
        return out


class FewRowsLinear(nn.Linear):
    """A linear layer that is quick for few vectors on the CPU."""

    @classmethod
    def of(cls, linear: nn.Linear) -> FewRowsLinear:
        """The same layer, sharing its weights."""
        with torch.device("meta"):
            quick = cls(linear.in_features, linear.out_features, linear.bias is not None)
        quick.weight, quick.bias = linear.weight, linear.bias
        return quick.train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.dtype not in KINDS or not usable(x) or not self.weight.is_contiguous():
            return F.linear(x, self.weight, self.bias)
        y = linear(x, Matrix(self.weight))
        return y if self.bias is None else y + self.bias


def quicken(module: nn.Module) -> None:
    """Let every linear layer and every mixture of experts inside take the compiled functions.

    The weights must be where they will stay. Without a compiler nothing changes.
    """
    if library() is None:
        return
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, FewRowsLinear.of(child))
        prepare = getattr(parent, "prepare_few_rows", None)
        if prepare is not None:
            prepare()


def _padded(x: Tensor, columns: int) -> Tensor:
    """x [N, C] in fp32, contiguous, with zeros up to `columns`."""
    return F.pad(x.float(), (0, columns - x.shape[1])).contiguous()


def _library() -> ctypes.CDLL:
    compiled = library()
    assert compiled is not None, "usable() was not asked"
    return compiled
