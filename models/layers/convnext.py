"""ConvNeXt block over time (arXiv 2201.03545; as vocoder body: Vocos, arXiv 2306.00814).

Depthwise convolution, norm, two pointwise layers, residual. With `look_ahead` a it answers a
frames late:

    k = 7, a = 1:   x[t-5] x[t-4] .. x[t] x[t+1]  →  y[t]

Letters: B batch, T frames, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .depthwise import depthwise


class ConvNext(nn.Module):
    """Residual block over x [B, T, C]; zeros lie before the first and after the last frame."""

    def __init__(self, dim: int, hidden: int, kernel: int = 7, look_ahead: int = 0) -> None:
        super().__init__()
        self.dim, self.kernel, self.look_ahead = dim, kernel, look_ahead
        self.weight = nn.Parameter(torch.randn(dim, 1, kernel) * kernel**-0.5)
        self.bias = nn.Parameter(torch.zeros(dim))
        self.norm = nn.LayerNorm(dim, eps=1e-5)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.3))

    def initial(self, batch: int = 1) -> Tensor:
        """The frames before the first."""
        return self.weight.new_zeros(batch, self.kernel - 1 - self.look_ahead, self.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Whole sequences [B, T, C] → [B, T, C]."""
        left = self.kernel - 1 - self.look_ahead
        return self._block(F.pad(x, (0, 0, left, self.look_ahead)))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The next frames [B, T, C] → the frames they complete, and the state."""
        joined = torch.cat([state, x], dim=1)
        n_out = max(0, joined.shape[1] - self.kernel + 1)
        if n_out == 0:
            return joined[:, :0], joined
        return self._block(joined), joined[:, n_out:]

    def flush(self, x: Tensor, state: Tensor) -> Tensor:
        """The last frames [B, T, C] → every frame that is still due."""
        return self.step(F.pad(x, (0, 0, 0, self.look_ahead)), state)[0]

    def _block(self, padded: Tensor) -> Tensor:
        """[B, T + kernel - 1, C] → [B, T, C]."""
        left = self.kernel - 1 - self.look_ahead
        residual = padded[:, left : padded.shape[1] - self.look_ahead]
        y = depthwise(padded, self.weight, self.bias)
        y = self.down(F.gelu(self.up(self.norm(y))))
        return residual + self.scale * y
