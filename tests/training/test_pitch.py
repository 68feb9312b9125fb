"""The pitch of recordings."""

import pytest
import torch

from training.pitch import pitch


def tone(hz, n=16_000, n_harmonics=10):
    time = torch.arange(n) / 16_000
    return 0.05 * sum(torch.sin(2 * torch.pi * hz * k * time) for k in range(1, n_harmonics))[None]


@pytest.mark.parametrize("hz", [75.0, 97.0, 140.0])
def test_the_pitch_of_a_tone_is_found_to_half_a_percent(hz):
    found, voiced = pitch(tone(hz))
    assert found.shape == voiced.shape == (1, 100)
    assert voiced[:, 4:-4].all()
    torch.testing.assert_close(found[:, 4:-4], torch.full((1, 92), hz), rtol=5e-3, atol=0)


def test_noise_and_silence_are_not_voiced():
    torch.manual_seed(0)
    assert pitch(0.1 * torch.randn(1, 16_000))[1].float().mean() < 0.05
    assert not pitch(torch.zeros(1, 16_000))[1].any()


def test_the_pitch_is_held_where_the_voice_pauses():
    found, voiced = pitch(torch.cat([tone(120.0), torch.zeros(1, 8_000)], dim=1))
    assert not voiced[:, 110:].any()
    torch.testing.assert_close(found[:, 110:], found[:, 105:106].expand(-1, 40))
