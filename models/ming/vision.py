"""Vision tower of the Qwen2.5-VL design and its projector: patches → thinker positions.

    patches ─ linear ─ blocks ─ 4 neighbours side by side ─ MLP ─ projector ─ to length 1

A block sees a window of 112 x 112 pixels of one frame; four of the 32 see the whole frame.

Letters: N patches, K values in a patch, D width, P = N / 4 positions.
Source: arXiv 2502.13923 §2.1; checkpoint prefixes `vision.` and `linear_proj.`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.rotary import RotaryTable, rotate
from .checkpoint import Built, CheckpointError, Names, load_into
from .config import VisionConfig
from .parts import Parts
from .pictures import Picture, PictureSettings, open_picture, picture, video
from .positions import Grid

THETA = 10_000.0
EPS = 1e-6

Segments = tuple[Tensor, ...]
"""Which patches see each other: numbers [segments, patches in each], one tensor a size."""

VISION_NAMES: Names = {
    "patch.weight": Built(("patch_embed.proj.weight",), lambda kernel: kernel.flatten(1)),
}
VISION_PROJECTOR_NAMES: Names = {
    "inner.weight": "0.weight",
    "inner.bias": "0.bias",
    "outer.weight": "2.weight",
    "outer.bias": "2.bias",
}


class VisionAttention(nn.Module):
    """Self-attention within segments."""

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, table: RotaryTable, segments: Segments) -> Tensor:
        """x [N, D] → [N, D]."""
        q, k, v = self.qkv(x).view(len(x), 3, self.n_heads, -1).permute(1, 2, 0, 3)
        q, k = rotate(q, table), rotate(k, table)
        y = torch.empty_like(v)
        for members in segments:
            parts = (side[:, members].transpose(0, 1) for side in (q, k, v))
            y[:, members] = F.scaled_dot_product_attention(*parts).transpose(0, 1)
        return self.proj(y.transpose(0, 1).flatten(1))


class VisionMlp(nn.Module):
    """Gated feed-forward with biases."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(dim, hidden)
        self.up_proj = nn.Linear(dim, hidden)
        self.down_proj = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class VisionBlock(nn.Module):
    """Pre-norm attention and feed-forward, each with a residual."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(config.dim, eps=EPS)
        self.norm2 = nn.RMSNorm(config.dim, eps=EPS)
        self.attn = VisionAttention(config.dim, config.n_heads)
        self.mlp = VisionMlp(config.dim, config.ffn_dim)

    def forward(self, x: Tensor, table: RotaryTable, segments: Segments) -> Tensor:
        x = x + self.attn(self.norm1(x), table, segments)
        return x + self.mlp(self.norm2(x))


class Merger(nn.Module):
    """Every 2 x 2 patches to one position."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        wide = config.dim * config.merge**2
        self.ln_q = nn.RMSNorm(config.dim, eps=EPS)
        self.mlp = nn.Sequential(nn.Linear(wide, wide), nn.GELU(), nn.Linear(wide, config.out_dim))

    def forward(self, x: Tensor) -> Tensor:
        """x [N, D] → [P, out_dim]."""
        return self.mlp(self.ln_q(x).view(-1, self.mlp[0].in_features))


class VisionTower(nn.Module):
    """See the module's drawing."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        n_values = config.in_channels * config.temporal_patch * config.patch**2
        self.patch = nn.Linear(n_values, config.dim, bias=False)
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config.depth))
        self.merger = Merger(config)

    def forward(self, patches: Tensor, grid: Grid) -> Tensor:
        """One picture or video: patches [N, K] in groups of 2 x 2 → [P, out_dim]."""
        config = self.config
        rows, columns = patch_places(grid, config.merge)
        cos, sin = _rotary(rows, columns, config.dim // config.n_heads)
        table = cos.to(patches.device), sin.to(patches.device)
        windows = window_segments(grid, rows, columns, config.window // config.patch)
        frames, windows = (
            tuple(members.to(patches.device) for members in segments)
            for segments in (whole_frames(grid), windows)
        )
        x = self.patch(patches.to(self.patch.weight.dtype))
        for number, block in enumerate(self.blocks):
            x = block(x, table, frames if number in config.full_attention_blocks else windows)
        return self.merger(x)


class VisionProjector(nn.Module):
    """Linear, GELU, linear, to length 1."""

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim_in, dim)
        self.outer = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.outer(F.gelu(self.inner(x))), dim=-1)


class Eye(nn.Module):
    """Tower and projector, and how pixels become their patches."""

    def __init__(
        self,
        tower: VisionTower,
        projector: VisionProjector,
        settings: PictureSettings | None = None,
    ) -> None:
        super().__init__()
        self.tower, self.projector = tower, projector
        self.settings = settings or PictureSettings()

    def open(self, files: Sequence[bytes]) -> Picture:
        """The content of one picture file, or of a video's frames in order.

        Raises:
            Unsupported: Pillow is not installed.
            ValueError: a file is no picture, or frames do not go together.
        """
        frames = [open_picture(content) for content in files]
        if len(frames) == 1:
            return picture(frames[0], self.settings)
        return video(frames, self.settings)

    def see(self, seen: Picture) -> Tensor:
        """A picture or video → positions [1, P, D], each of length 1."""
        weight = self.tower.patch.weight
        patches = seen.patches.to(weight.device, weight.dtype)
        return self.projector(self.tower(patches, seen.grid))[None]


def load_eye(
    parts: Parts,
    config: VisionConfig | None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    settings: PictureSettings | None = None,
) -> Eye:
    """The eye of a checkpoint; `dtype` and `device` as in `load_into`, `settings` of pixels.

    Raises:
        CheckpointError: the checkpoint has none, or its tensors do not fit.
    """
    if parts.vision is None or parts.vision_projector is None or config is None:
        raise CheckpointError("this checkpoint has no vision tower")
    with torch.device("meta"):
        tower = VisionTower(config)
        dim = parts.vision_projector.shape("0.weight")[0]
        projector = VisionProjector(config.out_dim, dim)
    load_into(tower, parts.vision, VISION_NAMES, dtype=dtype, device=device)
    load_into(projector, parts.vision_projector, VISION_PROJECTOR_NAMES, dtype=dtype, device=device)
    return Eye(tower, projector, settings).eval()


def patch_places(grid: Grid, merge: int) -> tuple[Tensor, Tensor]:
    """Row and column [N] of every patch in its frame, in the order of the patches."""
    t, h, w = grid

    def ordered(places: Tensor) -> Tensor:
        groups = places.view(h // merge, merge, w // merge, merge).transpose(1, 2)
        return groups.flatten().repeat(t)

    rows = torch.arange(h)[:, None].expand(h, w).contiguous()
    columns = torch.arange(w).expand(h, w).contiguous()
    return ordered(rows), ordered(columns)


def whole_frames(grid: Grid) -> Segments:
    """Every frame sees itself."""
    t, h, w = grid
    return (torch.arange(t * h * w).view(t, h * w),)


def window_segments(grid: Grid, rows: Tensor, columns: Tensor, side: int) -> Segments:
    """Windows of side x side patches from the upper left; those at the border are smaller."""
    t, h, w = grid
    n_across, n_down = -(-w // side), -(-h // side)
    frame = torch.arange(t).repeat_interleave(h * w)
    window = (frame * n_down + rows // side) * n_across + columns // side
    members = window.argsort(stable=True)
    counts = window.bincount(minlength=t * n_down * n_across).tolist()
    by_size: dict[int, list[Tensor]] = {}
    for segment in members.split(counts):
        by_size.setdefault(len(segment), []).append(segment)
    return tuple(torch.stack(segments) for segments in by_size.values())


def _rotary(rows: Tensor, columns: Tensor, head_dim: int) -> RotaryTable:
    """Half of the frequencies turn with the row, half with the column."""
    exponent = torch.arange(0, head_dim // 2, 2).float() / (head_dim // 2)
    rates = THETA**-exponent
    angle = torch.cat([rows[:, None] * rates, columns[:, None] * rates], dim=-1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)
