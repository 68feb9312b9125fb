"""Stage `audio_decoder`: the decoder alone, on the codes of a codec that no longer changes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .codec import PEAK_RATE, POOL_TEXTS, CodecLoss, load_codec, segments
from .loop import Stage, run_folder
from .speech_texts import everyday_texts
from .voice_pool import voice_pool


def stage(device: torch.device, languages: Sequence[str] = ("en",), seed: int = 0) -> Stage:
    """The stage as `python -m training` runs it; it starts from stage `codec`."""
    codec = load_codec().to(device)
    pool = voice_pool(run_folder("codec") / "pool.npy", everyday_texts(seed=1), POOL_TEXTS)
    return Stage(
        "audio_decoder",
        modules=codec.parts(),
        batches=segments(pool, device, seed),
        loss=CodecLoss(codec, device),
        peak_lr=PEAK_RATE / 2,
        frozen=("encoder",),
    )
