"""The quantiser: every level gets used, and code numbers mean the same to encoder and decoder."""

import torch

from vivavoce.models.nano.audio_decoder import AudioDecoder, AudioDecoderConfig
from vivavoce.models.nano.codec import CodecEncoder, Quantizer


def test_levels_are_used_evenly_whatever_the_scale_of_the_input():
    torch.manual_seed(0)
    quantizer = Quantizer((4, 4))
    coded = quantizer(torch.randn(8, 500, 2) * 100 + 30)
    share = torch.bincount(coded.codes.flatten(), minlength=16) / coded.codes.numel()
    assert share.min() > 0.02 and share.max() < 0.12


def test_encoder_and_decoder_agree_on_the_values_of_a_code():
    torch.manual_seed(0)
    config = AudioDecoderConfig(levels=(4, 6, 8), dim=8, hidden=12)
    quantizer, decoder = Quantizer(config.levels), AudioDecoder(config)
    coded = quantizer(torch.randn(2, 50, 3))
    torch.testing.assert_close(decoder.values(coded.codes), coded.values, rtol=0, atol=1e-6)


def test_the_gradient_reaches_the_encoder_through_the_rounding():
    quantizer = Quantizer((8, 8))
    x = torch.randn(2, 20, 2, requires_grad=True)
    (quantizer(x).values * torch.randn(2, 20, 2)).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_the_encoder_gives_one_code_for_forty_milliseconds():
    encoder = CodecEncoder((4, 4), dim=8, n_blocks=1).eval()
    coded = encoder(encoder.features(torch.randn(2, 640 * 7)), torch.zeros(2, 28, 2))
    assert coded.codes.shape == (2, 7)
    assert coded.codes.min() >= 0 and coded.codes.max() < 16


def test_an_encoder_that_hears_the_pitch_codes_it():
    torch.manual_seed(0)
    encoder = CodecEncoder((8, 8), dim=8, n_blocks=1, hears_pitch=True).eval()
    torch.nn.init.normal_(encoder.pitch.weight)
    mel = encoder.features(torch.randn(1, 640 * 40))
    low, high = (encoder(mel, torch.full((1, 160, 2), pitch)).codes for pitch in (-0.3, 0.3))
    assert not torch.equal(low, high)
