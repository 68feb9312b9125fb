"""Stage `codec`: codec encoder and audio decoder, learnt together on nano's own voices.

Afterwards stage `audio_decoder` freezes the encoder, so that codes no longer move, and lets the
decoder settle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.models.nano.audio_decoder import PITCH_HZ, AudioDecoder, AudioDecoderConfig
from vivavoce.models.nano.codec import CodecEncoder

from .chinese_texts import chinese_texts
from .loop import Stage, load_modules, run_folder
from .pitch import pitch
from .shipped import load_shipped
from .spectral_loss import SpectralLoss
from .speech_texts import everyday_texts
from .voice_pool import random_segments, voice_pool
from .voices import OWN_VOICES, TONAL, OwnVoice, run_name, speaker_of, voices_of

BATCH, SEGMENT_CODES = 6, 48
PEAK_RATE = 1e-3
MEL_HEAD_WEIGHT, PITCH_WEIGHT = 5.0, 6.0
POOL_TEXTS = {
    "en": 3200,
    "cmn": 1200,
    "yue": 1200,
}  # 2.3 hours of English, 40 minutes of each other

Segments = tuple[Tensor, Tensor]
"""Samples [B, n] and the number of each one's voice [B]."""


class Analysed(NamedTuple):
    """codes [B, N], values [B, N, D]; mel, pitch in Hz and whether there is a voice [B, 4 N]."""

    codes: Tensor
    values: Tensor
    mel: Tensor
    pitch_hz: Tensor
    voiced: Tensor


class Codec(nn.Module):
    """Encoder and decoder of one speaker as one model: samples → codes → samples."""

    def __init__(self, speaker: str, config: AudioDecoderConfig | None = None) -> None:
        super().__init__()
        self.speaker = speaker
        self.config = config or AudioDecoderConfig()
        self.encoder = CodecEncoder(self.config.levels, hears_pitch=speaker in TONAL)
        self.decoder = AudioDecoder(self.config)
        voices = [voice for voice in OWN_VOICES if voice.speaker == speaker]
        self.shortest_period = min(voice.shortest_period for voice in voices)

    def parts(self) -> dict[str, nn.Module]:
        """The modules by their name in checkpoints."""
        return {"codec_encoder": self.encoder, "audio_decoder": self.decoder}

    @torch.no_grad()
    def encode(self, samples: Tensor) -> Tensor:
        """Samples [B, n] → codes [B, ceil(n / 640)]; the rest is filled with silence."""
        size = self.config.samples_per_code
        return self.coded(F.pad(samples, (0, -samples.shape[-1] % size))).codes

    def coded(self, samples: Tensor) -> Analysed:
        """What the encoder makes of samples [B, n * 640]."""
        shortest = torch.full((len(samples),), self.shortest_period, device=samples.device)
        pitch_hz, voiced = pitch(samples, shortest)
        melody = torch.stack([(pitch_hz / PITCH_HZ).log() * voiced, voiced.float()], dim=-1)
        mel = self.encoder.features(samples)
        codes, values = self.encoder(mel, melody)
        return Analysed(codes, values, mel, pitch_hz, voiced)


def load_codec(speaker: str, stages: Sequence[str] = ("audio_decoder", "codec")) -> Codec:
    """A speaker's codec as the first of the stages with a checkpoint left it, or else as shipped;
    ready to use."""
    codec = Codec(speaker)
    for stage in stages:
        if load_modules(run_name(stage, speaker), codec.parts()):
            return codec.eval()
    return shipped_codec(speaker)


def shipped_codec(speaker: str) -> Codec:
    """The codec that nano's voices were made with."""
    codec = Codec(speaker)
    load_shipped(codec.parts(), speaker)
    return codec.eval()


class CodecLoss:
    """Loss of a batch of segments through the codec."""

    def __init__(self, codec: Codec, device: torch.device) -> None:
        self.codec = codec
        self.spectral = SpectralLoss().to(device)

    def __call__(self, batch: Segments, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss and its parts; `codes` is how many different codes the batch took."""
        samples, voices = batch
        heard = self.codec.coded(samples)
        every = voices[:, None].expand_as(heard.codes)
        made = self.codec.decoder.synthesize(heard.values, every, heard.pitch_hz)
        wave_loss = self.spectral(made.samples, samples)
        mel_loss = (made.mel - heard.mel).abs().mean()
        off = (made.log_pitch - (heard.pitch_hz / PITCH_HZ).log()).abs() * heard.voiced
        pitch_loss = off.sum() / heard.voiced.sum().clamp(min=1)
        figures = {
            "loss": wave_loss.item(),
            "mel_loss": mel_loss.item(),
            "pitch_loss": pitch_loss.item(),
            "codes": float(heard.codes.unique().numel()),
        }
        return wave_loss + MEL_HEAD_WEIGHT * mel_loss + PITCH_WEIGHT * pitch_loss, figures


def segments(
    pools: dict[int, np.ndarray], device: torch.device, seed: int, batch: int = BATCH
) -> Iterator[Segments]:
    """Batches of the voices' pools, each voice equally often, at random loudness, for ever."""
    rng = np.random.default_rng(seed)
    size = SEGMENT_CODES * AudioDecoderConfig().samples_per_code
    numbers = sorted(pools)
    while True:
        first = rng.integers(len(numbers))
        voices = [numbers[(first + i) % len(numbers)] for i in range(batch)]
        cut = [random_segments(pools[number], rng, 1, size) for number in voices]
        samples = torch.from_numpy(np.concatenate(cut)).to(device)
        yield samples * float(rng.uniform(0.7, 1.1)), torch.tensor(voices, device=device)


def pools_of(languages: Sequence[str]) -> dict[int, np.ndarray]:
    """The recordings of each language's voice by voice number; made where they are missing."""
    return {voice.number: _pool(voice) for voice in voices_of(languages)}


def _pool(voice: OwnVoice) -> np.ndarray:
    if voice.language == "en":
        texts = everyday_texts(seed=1)
    else:
        texts = chinese_texts(seed=1, language=voice.language)
    path = run_folder(run_name("codec", voice.speaker)) / f"pool-{voice.name}.npy"
    return voice_pool(path, texts, POOL_TEXTS[voice.language], voice)


def stage(device: torch.device, languages: Sequence[str] = ("en",), seed: int = 0) -> Stage:
    """The stage as `python -m training` runs it, for the voices of `languages`."""
    speaker = speaker_of(languages)
    codec = Codec(speaker).to(device)
    return Stage(
        run_name("codec", speaker),
        modules=codec.parts(),
        batches=segments(pools_of(languages), device, seed),
        loss=CodecLoss(codec, device),
        peak_lr=PEAK_RATE,
    )
