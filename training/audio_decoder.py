"""Stage `audio_decoder`: the decoder alone, on the codes of a codec that no longer changes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .codec import PEAK_RATE, CodecLoss, load_codec, pools_of, segments
from .loop import Stage
from .voices import run_name, speaker_of


def stage(device: torch.device, languages: Sequence[str] = ("en",), seed: int = 0) -> Stage:
    """The stage as `python -m training` runs it; it starts from stage `codec`, or as shipped."""
    speaker = speaker_of(languages)
    codec = load_codec(speaker, ("codec",)).to(device)
    return Stage(
        run_name("audio_decoder", speaker),
        modules=codec.parts(),
        batches=segments(pools_of(languages), device, seed),
        loss=CodecLoss(codec, device),
        peak_lr=PEAK_RATE / 2,
        frozen=("codec_encoder",),
    )
