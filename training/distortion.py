"""How far a voice is from its recordings after the codec, without a recogniser."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vivavoce.models.features import MelConfig, initial_tail, log_mel
from vivavoce.models.nano.audio_decoder import PITCH_HZ

from .codec import Codec

N_COEFFICIENTS = 13
AUDIBLE_DB = 40.0  # frames softer than this below the loudest are silence and do not count


class Distortion(NamedTuple):
    """Mel-cepstral distortion in dB; correlation of the pitch with that of the recordings."""

    mcd_db: float
    melody: float


def codec_distortion(codec: Codec, recordings: list[Tensor], voice: int) -> Distortion:
    """Of recordings [n] of a voice, coded and decoded at their own pitch."""
    distances, melodies = [], []
    for samples in recordings:
        samples = samples[None, : len(samples) // 640 * 640]
        with torch.inference_mode():
            heard = codec.coded(samples)
            voices = torch.full_like(heard.codes, voice)
            log_pitch = codec.decoder(heard.codes, voices).log_pitch
            made = codec.decoder.synthesize(heard.values, voices, PITCH_HZ * log_pitch.exp())
        distances.append(cepstral_distances(made.samples, samples))
        spoken = heard.voiced[0]
        melodies.append(torch.stack([log_pitch[0], heard.pitch_hz[0].log()])[:, spoken])
    melody = torch.corrcoef(torch.cat(melodies, dim=1))[0, 1]
    return Distortion(torch.cat(distances).mean().item(), melody.item())


def cepstral_distances(made: Tensor, real: Tensor) -> Tensor:
    """Distance in dB of each audible frame [T] of samples [1, n] from samples [1, n].

    13 coefficients of the cosine transform of the log-mel, without the level; the usual factor
    10 / ln 10 · √2 (Kubichek 1993).
    """
    config = MelConfig()
    mels = []
    for samples in (made, real):
        padded = torch.cat([initial_tail(config, 1), samples], dim=1)
        mels.append((log_mel(padded, config)[0] * config.scale - config.shift) * math.log(10) / 2)
    band = torch.arange(config.n_mels) + 0.5
    order = torch.arange(1, N_COEFFICIENTS + 1)[:, None]
    cosines = (order * band * math.pi / config.n_mels).cos() * 2 / config.n_mels
    difference = (mels[0] - mels[1]) @ cosines.T
    level = (2 * mels[1]).logsumexp(-1) * 10 / math.log(10)
    audible = level > level.max() - AUDIBLE_DB
    return 10 / math.log(10) * (2 * difference.square().sum(-1)).sqrt()[audible]
