"""Which router a prompt position takes: text, image or audio (arXiv 2506.09344 §2)."""

from __future__ import annotations

import torch
from torch import Tensor

TEXT, IMAGE, AUDIO = 0, 1, 2
"""Rows of the routers: `gate`, `image_gate`, `audio_gate` of a checkpoint."""


def modalities(
    ids: Tensor, image_patch_id: int, audio_patch_id: int, image_span: bool = False
) -> Tensor:
    """The modality [T] of prompt ids [T]: placeholders take their own router, all else text's.

    image_span: as Preview does, all between the first and the last image placeholder counts as
        image, text between two images too.
    """
    kinds = torch.full_like(ids, TEXT)
    image = ids == image_patch_id
    if image_span and bool(image.any()):
        first, *_, last = image.nonzero().flatten().tolist() * 2
        image = torch.zeros_like(image)
        image[first : last + 1] = True
    kinds[image] = IMAGE
    kinds[ids == audio_patch_id] = AUDIO
    return kinds
