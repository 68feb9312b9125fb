"""Causal 1-D convolution that can be run in pieces.

k = 5, s = 2:   [. . .] x0 x1 x2 x3        left padding k - s
                 └──────────┘ y0
                     └──────────┘ y1
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .depthwise import depthwise


class CausalConv(nn.Module):
    """Convolution over x [B, T, C]; output t needs no input after (t + 1) * stride - 1.

    `groups` is 1, or the number of channels where each is by itself (stride 1).
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.c_in, self.stride = c_in, stride
        self.n_left = kernel - stride
        self.weight = nn.Parameter(torch.empty(c_out, c_in // groups, kernel))
        self.bias = nn.Parameter(torch.zeros(c_out))
        self.groups = groups
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def initial(self, batch: int = 1) -> Tensor:
        """The state before the first frame: zeros [B, kernel - stride, C_in]."""
        return self.weight.new_zeros(batch, self.n_left, self.c_in)

    def forward(self, x: Tensor) -> Tensor:
        """Whole sequences [B, T, C_in] → [B, T // stride, C_out]."""
        return self.step(x, self.initial(x.shape[0]))[0]

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The next frames [B, T, C_in] → [B, T // stride, C_out] and the state.

        T must be a multiple of the stride, except for the last piece, whose rest is dropped.
        """
        joined = torch.cat([state, x], dim=1)
        if joined.shape[1] < self.n_left + self.stride:
            return joined.new_zeros(x.shape[0], 0, self.weight.shape[0]), joined[:, -self.n_left :]
        return self._convolved(joined), joined[:, joined.shape[1] - self.n_left :]

    def _convolved(self, x: Tensor) -> Tensor:
        if self.groups > 1:
            return depthwise(x, self.weight, self.bias)
        # A matrix product: the gradient of conv1d takes ten times as long.
        patches = x.unfold(1, self.weight.shape[-1], self.stride)
        return F.linear(patches.flatten(2), self.weight.flatten(1), self.bias)
