"""Stage `audio_decoder`: the decoder alone, on the codes of a codec that no longer changes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .codec import PEAK_RATE, CodecLoss, load_codec, pools_of, segments
from .loop import Stage


def stage(device: torch.device, languages: Sequence[str] = ("en",), seed: int = 0) -> Stage:
    """The stage as `python -m training` runs it; it starts from stage `codec`."""
    codec = load_codec().to(device)
    return Stage(
        "audio_decoder",
        modules=codec.parts(),
        batches=segments(pools_of(languages), device, seed),
        loss=CodecLoss(codec, device),
        peak_lr=PEAK_RATE / 2,
        frozen=tuple(name for name in codec.parts() if name.startswith("codec_encoder")),
    )
