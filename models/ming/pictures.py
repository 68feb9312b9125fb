"""Pictures and video frames as the vision tower takes them: sized, scaled, cut into patches.

    h x w pixels ─ to multiples of 28, within a number of pixels ─ minus mean, over deviation ─
    patches of 14 x 14 pixels and 2 frames (a picture stands still for two), in groups of 2 x 2

    order of patches:   0 1 | 4 5      a group becomes one thinker position,
                        2 3 | 6 7      groups go row by row, then frame by frame

Source: arXiv 2502.13923 §2.1, 2409.12191 §2.1 and their public image processor.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..dialogue import Unsupported
from .checkpoint import CheckpointError
from .positions import Grid

Rgb = npt.NDArray[np.uint8]
"""Pixels [height, width, 3]."""

LONGEST_TO_SHORTEST = 200  # a picture more extreme than that is refused


@dataclass(frozen=True)
class PictureSettings:
    """How pixels become patches; the fields of `preprocessor_config.json`.

    Args:
        min_pixels: a smaller picture is enlarged.
        max_pixels: a larger one is reduced.
        patch_size: pixels a side.
        temporal_patch_size: frames in a patch.
        merge_size: patches a side of one thinker position.
        image_mean: of red, green, blue in [0, 1].
        image_std: deviation of each.
        video_max_pixels: of one frame of a video.
    """

    min_pixels: int = 78_400
    max_pixels: int = 2_007_040
    patch_size: int = 14
    temporal_patch_size: int = 2
    merge_size: int = 2
    image_mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    image_std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    video_max_pixels: int = 602_112

    @classmethod
    def from_folder(cls, folder: Path | str) -> PictureSettings:
        """Those of a checkpoint folder; the defaults where its file says nothing.

        Raises:
            CheckpointError: the file is there and cannot be read.
        """
        path = Path(folder) / "preprocessor_config.json"
        if not path.is_file():
            return cls()
        try:
            data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            said = {f.name: data[f.name] for f in fields(cls) if data.get(f.name) is not None}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from None
        listed = {key: tuple(v) if isinstance(v, list) else v for key, v in said.items()}
        return cls(**listed)


@dataclass(frozen=True, eq=False)
class Picture:
    """Patches [N, 3 * frames * side * side] and how many there are: N = t * h * w."""

    patches: Tensor
    grid: Grid

    def n_positions(self, merge: int = 2) -> int:
        """Positions it takes in the thinker."""
        return math.prod(self.grid) // (merge * merge)


def picture(pixels: Rgb, settings: PictureSettings | None = None) -> Picture:
    """One picture.

    Raises:
        ValueError: not pixels [height, width, 3], or far too long for its width.
    """
    settings = settings or PictureSettings()
    still = _resized(pixels, settings, settings.max_pixels)
    return _patches(still[None].expand(settings.temporal_patch_size, -1, -1, -1), settings)


def video(frames: Sequence[Rgb], settings: PictureSettings | None = None) -> Picture:
    """The frames of a video in order, all of one size; the last is repeated if one is missing.

    Raises:
        ValueError: no frame, frames of several sizes, or as for a picture.
    """
    settings = settings or PictureSettings()
    if len(frames) == 0:
        raise ValueError("a video needs at least one frame")
    if len({frame.shape for frame in frames}) > 1:
        raise ValueError("the frames of a video must have one size")
    stack = [_resized(frame, settings, settings.video_max_pixels) for frame in frames]
    stack += [stack[-1]] * (-len(stack) % settings.temporal_patch_size)
    return _patches(torch.stack(stack), settings)


def open_picture(source: Path | str | bytes) -> Rgb:
    """The pixels of a picture file or of its content; upright, and on white where it is clear.

    Raises:
        Unsupported: Pillow is not installed.
        ValueError: no picture.
    """
    _pillow()
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"this is no picture that can be read: {error}") from None


def fitted(height: int, width: int, settings: PictureSettings, max_pixels: int) -> tuple[int, int]:
    """The size a picture gets: multiples of a group's side, its shape kept as far as possible.

    Raises:
        ValueError: one side is more than 200 times the other.
    """
    if max(height, width) > LONGEST_TO_SHORTEST * min(height, width):
        raise ValueError(f"a picture of {width} x {height} pixels is too long for its width")
    side = settings.patch_size * settings.merge_size

    size = tuple(round(n / side) * side for n in (height, width))
    if math.prod(size) > max_pixels:
        reduction = math.sqrt(height * width / max_pixels)
        size = tuple(max(1, math.floor(n / reduction / side)) * side for n in (height, width))
    elif math.prod(size) < settings.min_pixels:
        growth = math.sqrt(settings.min_pixels / (height * width))
        size = tuple(math.ceil(n * growth / side) * side for n in (height, width))
    return size


def _resized(pixels: Rgb, settings: PictureSettings, max_pixels: int) -> Tensor:
    """[3, height, width] as uint8; Pillow's bicubic, to the bit what the public processor has."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError("a picture is uint8 pixels [height, width, 3]")
    size = fitted(*pixels.shape[:2], settings, max_pixels)
    pillow = _pillow()
    image = pillow.fromarray(pixels)
    if size != pixels.shape[:2]:
        image = image.resize(size[::-1], pillow.Resampling.BICUBIC)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def _pillow() -> Any:
    """Pillow's Image module, which only pictures need."""
    try:
        from PIL import Image
    except ImportError:
        raise Unsupported("pictures need Pillow: pip install 'vivavoce[pictures]'") from None
    return Image


def _patches(frames: Tensor, settings: PictureSettings) -> Picture:
    """Frames [t * temporal, 3, height, width] → patches in the order of the module's drawing."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (settings.image_mean, settings.image_std))
    scaled = (frames / 255.0 - mean) / std
    side, merge, depth = settings.patch_size, settings.merge_size, settings.temporal_patch_size
    t, h, w = (n // by for n, by in zip(frames[:, 0].shape, (depth, side, side), strict=True))
    cut = scaled.view(t, depth, 3, h // merge, merge, side, w // merge, merge, side)
    ordered = cut.permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
    return Picture(ordered.reshape(t * h * w, -1), (t, h, w))
