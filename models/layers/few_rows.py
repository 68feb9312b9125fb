"""Matrix times few vectors on the CPU, by the compiled functions of few_rows.cpp.

Each function wants `usable` asked first; PyTorch's own operations do the rest. Weights may be
fp32, bf16, int8 with a scale a row, or int4 with a scale for 32 weights, see quantised.py.

Letters: N vectors, R rows and C columns of a weight matrix, E experts, I their width, D width.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

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


def usable(x: Tensor, stored: torch.dtype, share: float = 1.0) -> bool:
    """Whether the compiled functions serve x [.., C] best: on the CPU, without gradient, few.

    Args:
        x: the vectors.
        stored: dtype of the weights.
        share: of the vectors that one matrix is multiplied with, on average.
    """
    if x.device.type != "cpu" or x.numel() == 0 or stored not in KINDS:
        return False
    if torch.is_grad_enabled() and x.requires_grad:
        return False
    n = x.numel() // x.shape[-1]
    return n * share <= _most(stored) and library() is not None


def _most(stored: torch.dtype) -> int:
    """So many vectors PyTorch's own products do not catch up with.

    For fp32 they do as soon as computing counts more than reading; for bf16 only on processors
    that multiply it, the others are outdone at any number; 8 and 4 bits they would first restore.
    """
    if stored is not torch.float32 and not _multiplies_bf16():
        return sys.maxsize
    return FEW if stored.is_floating_point else MAX_VECTORS


@lru_cache(maxsize=1)
def _multiplies_bf16() -> bool:
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    x86 = any(getattr(torch.cpu, name, lambda: False)() for name in tests)
    return x86 or platform.machine() in ("arm64", "aarch64")


def linear(x: Tensor, matrix: Matrix) -> Tensor:
    """x [.., C] times the matrix, transposed → [.., R] in x's dtype; computed in fp32."""
    vectors = _padded(x.reshape(-1, x.shape[-1]), matrix.columns)
    y = torch.empty(vectors.shape[0], matrix.weights.shape[0])
    for start in range(0, vectors.shape[0], MAX_VECTORS):
        part = slice(start, start + MAX_VECTORS)
        _multiply(vectors[part], matrix, y[part])
    return y.view(*x.shape[:-1], -1).to(x.dtype)


def _multiply(vectors: Tensor, matrix: Matrix, y: Tensor) -> None:
    """vectors [n, C] times the matrix, transposed, into y [n, R]; n is at most MAX_VECTORS."""
    weights, scales = matrix.pointers
    functions().few_rows_linear(
        ctypes.c_int(KINDS[matrix.weights.dtype]),
        ctypes.c_void_p(weights),
        ctypes.c_void_p(scales),
        ctypes.c_long(matrix.weights.shape[0]),
        ctypes.c_long(matrix.columns),
        ctypes.c_void_p(vectors.data_ptr()),
        ctypes.c_int(vectors.shape[0]),
        ctypes.c_void_p(y.data_ptr()),
        ctypes.c_int(torch.get_num_threads()),
    )


class ExpertTable:
    """Where the gate, up and down matrices of E experts lie. They must not move afterwards."""

    def __init__(self, experts: Sequence[tuple[Matrix, Matrix, Matrix]]) -> None:
        gate, _, down = experts[0]
        self.stored = gate.weights.dtype
        self.dim, self.hidden = down.weights.shape[0], gate.weights.shape[0]
        self.dim_columns, self.hidden_columns = gate.columns, down.columns
        pointers = np.array([[m.pointers for m in matrices] for matrices in experts], np.int64)
        self._weights = np.ascontiguousarray(pointers[..., 0])  # [E, 3]
        self._scales = np.ascontiguousarray(pointers[..., 1])
        self._kept_alive = experts

    def usable(self, x: Tensor, top_k: int) -> bool:
        """Whether to run vectors x [N, D], each of which visits top_k experts, here."""
        return usable(x, self.stored, top_k / self._weights.shape[0])

    def run(self, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
        """x [N, D] through the experts chosen [N, k], weighed by shares [N, k] and summed."""
        visits = chosen.flatten()
        order = visits.argsort(stable=True)
        used, first = _runs(visits[order].tolist())
        out = self._visited(
            _padded(x, self.dim_columns),
            np.array(used),
            np.array(first, np.int32),
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
        functions().few_rows_experts(
            ctypes.c_int(KINDS[self.stored]),
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


def bare_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """As F.linear, without compiled functions: one bf16 vector on the CPU takes half the time."""
    alone = x.numel() == weight.shape[1] and x.device.type == "cpu"
    if not alone or weight.dtype is not torch.bfloat16 or x.dtype is not torch.bfloat16:
        return F.linear(x, weight, bias)
    y = torch.mv(weight, x.flatten())
    return (y if bias is None else y + bias).view(*x.shape[:-1], -1)


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
        if not usable(x, self.weight.dtype) or not self.weight.is_contiguous():
            return bare_linear(x, self.weight, self.bias)
        y = linear(x, Matrix(self.weight))
        return y if self.bias is None else y + self.bias


_NOTHING = torch.zeros((), dtype=torch.bfloat16)


class FewRowsNorm(nn.RMSNorm):
    """The same for one bf16 vector on the CPU in three operations, where PyTorch takes eight."""

    @classmethod
    def of(cls, norm: nn.RMSNorm) -> FewRowsNorm:
        """The same norm, sharing its weights."""
        with torch.device("meta"):
            quick = cls(norm.normalized_shape, norm.eps)
        quick.weight = norm.weight
        return quick.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        learns = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        if x.numel() != x.shape[-1] or x.device.type != "cpu" or learns:
            return super().forward(x)
        if x.dtype is not torch.bfloat16 or self.weight.dtype is not torch.bfloat16:
            return super().forward(x)
        length = torch.linalg.vector_norm(x, dtype=torch.float32).item()
        scale = (length * length / x.numel() + self.eps) ** -0.5
        return torch.addcmul(_NOTHING, x, self.weight, value=scale)


def quicken(module: nn.Module) -> None:
    """Let linear layers, norms and mixtures of experts inside take the quickest functions.

    The weights must be where they will stay.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, FewRowsLinear.of(child))
            if type(child) is nn.RMSNorm and child.weight is not None and child.eps is not None:
                setattr(parent, name, FewRowsNorm.of(child))
        prepare = getattr(parent, "prepare_few_rows", None)
        if prepare is not None and library() is not None:
            prepare()


def _runs(sorted_experts: list[int]) -> tuple[list[int], list[int]]:
    """The expert of each run of equal numbers, and where each begins, with the end.

    No run is longer than MAX_VECTORS: an expert with more visits comes again.
    """
    used: list[int] = []
    first: list[int] = []
    for at, expert in enumerate(sorted_experts):
        if not used or used[-1] != expert or at - first[-1] == MAX_VECTORS:
            used.append(expert)
            first.append(at)
    return used, [*first, len(sorted_experts)]


def _padded(x: Tensor, columns: int) -> Tensor:
    """x [N, C] in fp32, contiguous, with zeros up to `columns`."""
    return F.pad(x.float(), (0, columns - x.shape[1])).contiguous()


def functions() -> ctypes.CDLL:
    """The compiled functions, for those who have asked `usable`."""
    compiled = library()
    assert compiled is not None, "usable() was not asked"
    return compiled
