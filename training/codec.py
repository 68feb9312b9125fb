"""Stage `codec`: codec encoder and audio decoder, learnt together on nano's own voice.

Afterwards stage `audio_decoder` freezes the encoder, so that codes no longer move, and lets the
decoder settle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.models.nano.audio_decoder import PITCH_HZ, AudioDecoder, AudioDecoderConfig
from vivavoce.models.nano.codec import CodecEncoder

from .loop import Stage, load_modules, run_folder
from .pitch import pitch
from .shipped import CODEC_ENCODER, NANO, load_half
from .spectral_loss import SpectralLoss
from .speech_texts import everyday_texts
from .voice_pool import random_segments, voice_pool

BATCH, SEGMENT_CODES = 8, 48
PEAK_RATE = 1e-3
MEL_HEAD_WEIGHT, PITCH_WEIGHT = 5.0, 3.0
POOL_TEXTS = 3200  # about 2 hours


class Codec(nn.Module):
    """Encoder and decoder as one model: samples → codes → samples."""

    def __init__(self, config: AudioDecoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or AudioDecoderConfig()
        self.encoder = CodecEncoder(self.config.levels)
        self.decoder = AudioDecoder(self.config)

    def parts(self) -> dict[str, nn.Module]:
        """The modules by their name in checkpoints."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    @torch.no_grad()
    def encode(self, samples: Tensor) -> Tensor:
        """Samples [B, n] → codes [B, ceil(n / 640)]; the rest is filled with silence."""
        size = self.config.samples_per_code
        samples = F.pad(samples, (0, -samples.shape[-1] % size))
        codes: Tensor = self.encoder(self.encoder.features(samples)).codes
        return codes


def load_codec() -> Codec:
    """The codec as trained last, or else as shipped; ready to use."""
    codec = Codec()
    if any(load_modules(name, codec.parts()) for name in ("audio_decoder", "codec")):
        return codec.eval()
    return shipped_codec()


def shipped_codec() -> Codec:
    """The codec that nano's voice was made with."""
    codec = Codec()
    load_half(codec.encoder, CODEC_ENCODER)
    load_half(codec.decoder, NANO / "audio_decoder.safetensors")
    return codec.eval()


class CodecLoss:
    """Loss of a batch of samples [B, n] through the codec."""

    def __init__(self, codec: Codec, device: torch.device) -> None:
        self.codec = codec
        self.spectral = SpectralLoss().to(device)

    def __call__(self, samples: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss and its parts; `codes` is how many different codes the batch took."""
        mel = self.codec.encoder.features(samples)
        coded = self.codec.encoder(mel)
        pitch_hz, voiced = pitch(samples)
        made = self.codec.decoder.synthesize(coded.values, pitch_hz)
        wave_loss = self.spectral(made.samples, samples)
        mel_loss = (made.mel - mel).abs().mean()
        off = (made.log_pitch - (pitch_hz / PITCH_HZ).log()).abs()
        pitch_loss = (off * voiced).sum() / voiced.sum().clamp(min=1)
        figures = {
            "loss": wave_loss.item(),
            "mel_loss": mel_loss.item(),
            "pitch_loss": pitch_loss.item(),
            "codes": float(coded.codes.unique().numel()),
        }
        return wave_loss + MEL_HEAD_WEIGHT * mel_loss + PITCH_WEIGHT * pitch_loss, figures


def segments(pool: np.ndarray, device: torch.device, seed: int) -> Iterator[Tensor]:
    """Batches [B, n] of the pool at random loudness, for ever."""
    rng = np.random.default_rng(seed)
    size = SEGMENT_CODES * AudioDecoderConfig().samples_per_code
    while True:
        samples = torch.from_numpy(random_segments(pool, rng, BATCH, size))
        yield samples.to(device) * float(rng.uniform(0.7, 1.1))


def stage(device: torch.device, languages: Sequence[str] = ("en",), seed: int = 0) -> Stage:
    """The stage as `python -m training` runs it; the voice speaks English only."""
    codec = Codec().to(device)
    pool = voice_pool(run_folder("codec") / "pool.npy", everyday_texts(seed=1), POOL_TEXTS)
    return Stage(
        "codec",
        modules=codec.parts(),
        batches=segments(pool, device, seed),
        loss=CodecLoss(codec, device),
        peak_lr=PEAK_RATE,
    )
