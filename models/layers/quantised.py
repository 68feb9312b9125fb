"""Weights in 8 or 4 bits; activations stay as they are.

int8: one scale for a row, weight = scale * q, q in -127..127.
int4: one bf16 scale for 32 weights of a row, weight = scale * (q - 8), q in 0..15; two in a byte,

    byte j of a group:   low half   weight j       (0..15)
                         high half  weight j + 16  (16..31)

4.5 bits a weight. Few vectors on the CPU are multiplied straight from these forms, see
few_rows.py; all else restores a matrix, uses it, and forgets it.

Letters: R rows, C columns, E experts, I their width, D width.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .few_rows import GROUP, Matrix, linear, quicken, usable
from .moe import ListedMoE, MoE, RoutedMixture

Bits = Literal["int8", "int4"]
BITS_PER_WEIGHT = {"int8": 8, "int4": 4.5}  # without the few scales of int8


def quantised(weight: Tensor, bits: Bits) -> Matrix:
    """A matrix [R, C] in 8 or 4 bits; int4 fills C up to a multiple of 32 with zeros."""
    if bits == "int8":
        values = weight.float()
        scales = values.abs().amax(1).clamp_min(1e-12) / 127
        return Matrix((values / scales[:, None]).round().to(torch.int8), scales)
    columns = -(-weight.shape[1] // GROUP) * GROUP
    values = F.pad(weight.float(), (0, columns - weight.shape[1]))
    groups = values.view(weight.shape[0], -1, GROUP)
    # The largest weight of a group falls on q = 0 exactly, whatever its sign.
    largest = groups.gather(2, groups.abs().argmax(2, keepdim=True))
    scales = (largest / -8).to(torch.bfloat16)
    steps = torch.where(scales == 0, 1.0, scales.float())
    q = (groups / steps).round().add(8).clamp(0, 15).to(torch.uint8)
    packed = q[..., : GROUP // 2] | q[..., GROUP // 2 :] << 4
    return Matrix(packed.flatten(1).contiguous(), scales.squeeze(2).contiguous())


def matrix_bytes(bits: Bits, rows: int, columns: int) -> int:
    """How many bytes a matrix [rows, columns] takes once `quantised`."""
    if bits == "int8":
        return rows * (columns + 4)
    return rows * -(-columns // GROUP) * (GROUP // 2 + 2)


def restored(matrix: Matrix, columns: int, dtype: torch.dtype) -> Tensor:
    """The weights [R, C] of a quantised matrix of C columns."""
    assert matrix.scales is not None
    if matrix.weights.dtype is torch.int8:
        return matrix.weights.to(dtype) * matrix.scales[:, None].to(dtype)
    packed = matrix.weights.view(matrix.weights.shape[0], -1, GROUP // 2)
    q = torch.cat([packed & 15, packed >> 4], dim=2).to(dtype) - 8
    return (q * matrix.scales[..., None].to(dtype)).flatten(1)[:, :columns]


class QuantisedLinear(nn.Module):
    """A linear layer in 8 or 4 bits."""

    weight: Tensor
    scales: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None, bits: Bits) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        matrix = quantised(weight, bits)
        self.register_buffer("weight", matrix.weights)
        self.register_buffer("scales", matrix.scales)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """x [.., C] → [.., R]."""
        matrix = Matrix(self.weight, self.scales)
        if usable(x, self.weight.dtype):
            y = linear(x, matrix)
            return y if self.bias is None else y + self.bias
        return F.linear(x, restored(matrix, self.in_features, x.dtype), self.bias)


class QuantisedMoE(RoutedMixture):
    """A mixture of experts in 8 or 4 bits, made of one that is not, expert by expert.

    The routers keep their precision: a wrong expert costs more than a wrong weight.
    """

    def __init__(self, moe: MoE | ListedMoE, bits: Bits) -> None:
        n_modalities, n_experts, dim = moe.routers.shape
        with torch.device("meta"):
            super().__init__(dim, n_experts, moe.top_k, n_modalities)
        self.routers = moe.routers
        self.shared = quantise(moe.shared, bits)
        self.dim = dim
        for index in range(n_experts):
            for name, weight in zip(("gate", "up", "down"), moe.weights(index), strict=True):
                matrix = quantised(weight, bits)
                self.register_buffer(f"{name}_{index}", matrix.weights)
                self.register_buffer(f"{name}_scales_{index}", matrix.scales)
        self.hidden = self.get_buffer("gate_0").shape[0]

    def matrices(self, index: int) -> tuple[Matrix, Matrix, Matrix]:
        gate, up, down = (
            Matrix(self.get_buffer(f"{name}_{index}"), self.get_buffer(f"{name}_scales_{index}"))
            for name in ("gate", "up", "down")
        )
        return gate, up, down

    def expert(self, index: int, x: Tensor) -> Tensor:
        gate, up, down = self.matrices(index)
        inner = F.silu(F.linear(x, restored(gate, self.dim, x.dtype)))
        inner = inner * F.linear(x, restored(up, self.dim, x.dtype))
        return F.linear(inner, restored(down, self.hidden, x.dtype))


def quantise(module: nn.Module, bits: Bits) -> nn.Module:
    """Put quantised layers in the place of all linear layers and mixtures inside `module`.

    Gives the module itself, or what takes its place. Embeddings, norms and routers stay.
    """
    if isinstance(module, nn.Linear):
        bias = None if module.bias is None else module.bias.data
        return QuantisedLinear(module.weight.data, bias, bits)
    if isinstance(module, (MoE, ListedMoE)):
        return QuantisedMoE(module, bits)
    for name, child in list(module.named_children()):
        setattr(module, name, quantise(child, bits))
    return module


def fitted(module: nn.Module, bits: Bits | None) -> nn.Module:
    """Make a loaded model ready for its machine: quantised if so wished, quick on the CPU.

    Its weights must already be where they will stay.
    """
    if bits is not None:
        module = quantise(module, bits)
    if next(module.parameters()).device.type == "cpu":
        quicken(module)
    return module
