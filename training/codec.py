"""Stage `codec`: codec encoders and audio decoder, learnt together on nano's own voices.

Each timbre has an encoder of its own, which nano does not ship: what the voices share is the
decoder. Afterwards stage `audio_decoder` freezes the encoders, so that codes no longer move, and
lets the decoder settle. Begun with `--from-shipped`, the English encoder keeps still from the
start, so that the codes the talker has learnt stay valid.
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
from .voices import OWN_VOICES, OwnVoice, voice_numbers

BATCH, SEGMENT_CODES = 6, 48
PEAK_RATE = 1e-3
MEL_HEAD_WEIGHT, PITCH_WEIGHT = 5.0, 6.0
POOL_TEXTS = {
    "en": 3200,
    "cmn": 1200,
    "yue": 1200,
}  # 2.3 hours of English, 40 minutes of each other
TIMBRES = tuple(dict.fromkeys(voice.timbre for voice in OWN_VOICES))

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
    """Encoders and decoder as one model: samples → codes → samples."""

    def __init__(self, config: AudioDecoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or AudioDecoderConfig()
        self.encoders = nn.ModuleDict(
            {t: CodecEncoder(self.config.levels, hears_pitch=t == "espeak") for t in TIMBRES}
        )
        self.decoder = AudioDecoder(self.config)

    def parts(self) -> dict[str, nn.Module]:
        """The modules by their name in checkpoints, which is that of their file."""
        encoders = {f"codec_encoder_{t}": encoder for t, encoder in self.encoders.items()}
        return {**encoders, "audio_decoder": self.decoder}

    def encoder_of(self, voice: int) -> CodecEncoder:
        """The encoder of a voice number."""
        encoder = self.encoders[OWN_VOICES[voice].timbre]
        assert isinstance(encoder, CodecEncoder)
        return encoder

    @torch.no_grad()
    def encode(self, samples: Tensor, voice: int) -> Tensor:
        """Samples [B, n] → codes [B, ceil(n / 640)]; the rest is filled with silence."""
        size = self.config.samples_per_code
        samples = F.pad(samples, (0, -samples.shape[-1] % size))
        voices = torch.full((len(samples),), voice, device=samples.device)
        return self.coded(samples, voices).codes

    def coded(self, samples: Tensor, voices: Tensor) -> Analysed:
        """What the encoder of each one's voice [B] makes of samples [B, n * 640]."""
        shortest = torch.tensor([v.shortest_period for v in OWN_VOICES], device=samples.device)
        pitch_hz, voiced = pitch(samples, shortest[voices])
        melody = torch.stack([(pitch_hz / PITCH_HZ).log() * voiced, voiced.float()], dim=-1)
        mel = self.encoder_of(0).features(samples)
        timbres = [OWN_VOICES[number].timbre for number in voices.tolist()]
        rows, coded = [], []
        for timbre in dict.fromkeys(timbres):
            own = [i for i, name in enumerate(timbres) if name == timbre]
            rows += own
            coded.append(self.encoders[timbre](mel[own], melody[own]))
        order = torch.tensor(rows, device=samples.device).argsort()
        codes, values = (torch.cat(parts)[order] for parts in zip(*coded, strict=True))
        return Analysed(codes, values, mel, pitch_hz, voiced)


def load_codec() -> Codec:
    """The codec as trained last, or else as shipped; ready to use."""
    codec = Codec()
    if any(load_modules(name, codec.parts()) for name in ("audio_decoder", "codec")):
        return codec.eval()
    return shipped_codec()


def shipped_codec() -> Codec:
    """The codec that nano's voices were made with."""
    codec = Codec()
    load_shipped(codec.parts())
    return codec.eval()


class CodecLoss:
    """Loss of a batch of segments through the codec."""

    def __init__(self, codec: Codec, device: torch.device) -> None:
        self.codec = codec
        self.spectral = SpectralLoss().to(device)

    def __call__(self, batch: Segments, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss and its parts; `codes` is how many different codes the batch took."""
        samples, voices = batch
        heard = self.codec.coded(samples, voices)
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
    return {number: _pool(OWN_VOICES[number]) for number in voice_numbers(languages)}


def _pool(voice: OwnVoice) -> np.ndarray:
    if voice.language == "en":
        texts = everyday_texts(seed=1)
    else:
        texts = chinese_texts(seed=1, language=voice.language)
    path = run_folder("codec") / f"pool-{voice.name}.npy"
    return voice_pool(path, texts, POOL_TEXTS[voice.language], voice)


def stage(device: torch.device, languages: Sequence[str] = ("en",), seed: int = 0) -> Stage:
    """The stage as `python -m training` runs it, for the voices of `languages`."""
    codec = Codec().to(device)
    return Stage(
        "codec",
        modules=codec.parts(),
        batches=segments(pools_of(languages), device, seed),
        loss=CodecLoss(codec, device),
        peak_lr=PEAK_RATE,
        kept_if_shipped=("codec_encoder_flite",),
    )
