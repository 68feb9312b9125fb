"""Position ids: one row (Preview, v1), or time, height and width (v1.5; arXiv 2409.12191 §2.1).

Text and audio count on in all three rows. An image of t x h x w patches after merging stands at

    time    b b b b b b        b = next position
    height  b b b 1 1 1  + b   next afterwards: the largest of all + 1
    width   0 1 2 0 1 2  + b

Letters: B batch, T positions; rows are (time, height, width).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .config import ThinkerConfig

Grid = tuple[int, int, int]
"""Frames, rows and columns of patches before merging, as the image processor counts them."""


def ordinary(start: int, n: int) -> Tensor:
    """Positions [3, n] of text or audio that begins at `start`."""
    return torch.arange(start, start + n).expand(3, n)


def grid_positions(
    start: int, grid: Grid, merge: int = 2, frame_step: float = 1.0
) -> tuple[Tensor, int]:
    """Positions [3, t * h * w] of an image or video that begins at `start`, and the next one.

    frame_step: how far the time row goes from frame to frame.
    """
    n_frames, n_rows, n_columns = grid[0], grid[1] // merge, grid[2] // merge
    time = (torch.arange(n_frames) * frame_step).long()
    axes = torch.meshgrid(time, torch.arange(n_rows), torch.arange(n_columns), indexing="ij")
    rows = torch.stack([axis.flatten() for axis in axes]) + start
    return rows, int(rows.max()) + 1


def picture_rows(grid: Grid, config: ThinkerConfig, merge: int = 2) -> tuple[Tensor, int]:
    """Positions [3, T] of a picture or video that begins at 0, and the next one."""
    if config.sections is None:
        n = grid[0] * grid[1] * grid[2] // merge**2
        return ordinary(0, n), n
    return grid_positions(0, grid, merge)


def prompt_positions(
    ids: Tensor,
    config: ThinkerConfig,
    images: Sequence[Grid] = (),
    videos: Sequence[Grid] = (),
    frame_steps: Sequence[float] | None = None,
    start: int = 0,
) -> tuple[Tensor, int]:
    """Positions [3, T] of prompt ids [T], and the position of what follows.

    With 1-D positions all rows count on. A run of image placeholders takes the next grid: of
    `videos` after a video marker, else of `images`.

    Raises:
        ValueError: the placeholders are not those that the grids ask for.
    """
    if config.sections is None or not bool((ids == config.image_patch_id).any()):
        return ordinary(start, ids.shape[0]), start + ids.shape[0]
    steps = frame_steps or [1.0] * len(videos)
    waiting = {False: [(g, 1.0) for g in images], True: list(zip(videos, steps, strict=True))}
    parts, at, listed = [], 0, ids.tolist()
    while at < len(listed):
        n = _run(listed, at, config.image_patch_id)
        if listed[at] != config.image_patch_id:
            rows, start = ordinary(start, n), start + n
        else:
            is_video = at > 0 and listed[at - 1] == config.video_start_id
            if not waiting[is_video]:
                raise ValueError("there are more image placeholders than images")
            grid, step = waiting[is_video].pop(0)
            rows, start = grid_positions(start, grid, frame_step=step)
            if rows.shape[1] != n:
                raise ValueError(f"an image takes {rows.shape[1]} placeholders, not {n}")
        parts.append(rows)
        at += n
    return torch.cat(parts, dim=1), start


def padded_positions(mask: Tensor) -> Tensor:
    """Positions [B, T] of left-padded rows whose real tokens are 1 in mask [B, T]."""
    counted = mask.long().cumsum(-1) - 1
    return counted.masked_fill(mask == 0, 1)


def _run(ids: list[int], start: int, patch_id: int) -> int:
    """How many ids from `start` on are placeholders, or are none, like the first."""
    end = start + 1
    while end < len(ids) and (ids[end] == patch_id) == (ids[start] == patch_id):
        end += 1
    return end - start
