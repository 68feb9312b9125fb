"""Prompt mel and the change of rate, against tones whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch

from vivavoce.models.ming.detokenizer_yaml import MEL_V1, MEL_V1_5, MelSettings
from vivavoce.models.ming.prompt_mel import prompt_mel
from vivavoce.models.ming.resampling import resampled


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> torch.Tensor:
    t = torch.arange(int(rate_hz * seconds), dtype=torch.float64) / rate_hz
    return (0.5 * torch.sin(2 * math.pi * hz * t)).float()


@pytest.mark.parametrize(
    ("rate_hz", "to_hz"), [(16_000, 24_000), (44_100, 16_000), (48_000, 22_050), (8_000, 16_000)]
)
def test_a_tone_keeps_pitch_and_place_at_another_rate(rate_hz, to_hz):
    out = resampled(tone(440, rate_hz), rate_hz, to_hz)
    assert len(out) == to_hz
    middle = slice(to_hz // 10, -to_hz // 10)
    torch.testing.assert_close(out[middle], tone(440, to_hz)[middle], atol=1e-3, rtol=0)


def test_what_the_lower_rate_cannot_hold_is_gone():
    assert resampled(tone(7_000, 24_000), 24_000, 8_000)[1000:-1000].abs().max() < 2e-3


def test_the_same_rate_and_an_empty_recording_are_left_alone():
    pcm = tone(440, 16_000)
    assert resampled(pcm, 16_000, 16_000) is pcm
    assert len(resampled(pcm[:0], 16_000, 24_000)) == 0


@pytest.mark.parametrize("settings", [MEL_V1, MEL_V1_5])
@pytest.mark.parametrize("hz", [300.0, 1500.0, 4000.0])
def test_a_tone_is_loudest_in_the_band_around_it(settings, hz):
    mel = prompt_mel(tone(hz, settings.rate_hz), settings)
    assert mel.shape == (settings.rate_hz // settings.hop, 80)
    band = int(mel[10].argmax())
    low, high = (_edge_hz(settings, band + i) for i in (0, 2))
    assert low < hz < high


def _edge_hz(settings: MelSettings, index: int) -> float:
    """Edges of Slaney's mel bands, linear below 1 kHz."""
    top = 15 + math.log(settings.high_hz / 1000) * 27 / math.log(6.4)
    mel = top * index / (settings.n_mels + 1)
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def test_silence_is_the_floor():
    mel = prompt_mel(torch.zeros(24_000), MEL_V1_5)
    torch.testing.assert_close(mel, torch.full_like(mel, math.log(1e-5)))
