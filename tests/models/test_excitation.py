"""Pulses at a pitch, and noise: in tune, flat, and the same in pieces."""

import pytest
import torch

from vivavoce.models.nano.excitation import excite, initial_excitation, noise_table

HOP, RATE_HZ = 160, 16_000
NOISE = noise_table()


def run(pitch_hz, state=None):
    state = state or initial_excitation(pitch_hz.shape[0], 100.0, pitch_hz.device)
    return excite(pitch_hz, state, NOISE, HOP, RATE_HZ)


def test_pieces_equal_the_whole():
    pitch_hz = 80 + 100 * torch.rand(2, 30)
    pulses, noise, _ = run(pitch_hz)
    state, pieces = None, []
    for piece in pitch_hz.split([1, 0, 7, 2, 20], dim=1):
        *made, state = run(piece, state)
        pieces.append(made)
    torch.testing.assert_close(torch.cat([p for p, _ in pieces], 1), pulses, rtol=0, atol=1e-4)
    assert torch.equal(torch.cat([n for _, n in pieces], 1), noise)


@pytest.mark.parametrize("hz", [80.0, 123.0, 220.0])
def test_energy_lies_at_the_multiples_of_the_pitch(hz):
    pulses, _, _ = run(torch.full((1, 100), hz))
    spectrum = torch.fft.rfft(pulses[0, 1600:] * torch.hann_window(14_400)).abs().square()
    frequency = torch.fft.rfftfreq(14_400, 1 / RATE_HZ)
    distance = (frequency / hz - (frequency / hz).round()).abs() * hz
    assert spectrum[distance < 4].sum() > 0.99 * spectrum.sum()


def test_pulses_and_noise_are_about_equally_loud_at_any_pitch():
    for hz in (75.0, 150.0, 300.0):
        pulses, noise, _ = run(torch.full((1, 200), hz))
        assert pulses.std() == pytest.approx(1, abs=0.15)
        assert noise.std() == pytest.approx(1, abs=0.05)


def test_a_gliding_pitch_makes_no_clicks():
    steady, _, _ = run(torch.full((1, 60), 110.0))
    gliding, _, _ = run(torch.linspace(100, 120, 60)[None])
    assert gliding.abs().max() < 1.2 * steady.abs().max()
