"""The audio decoder as a stream: pieces equal the whole, states can be kept, reset is fresh."""

import math
import random
from dataclasses import replace

import pytest
import torch

from training.export import load_voice
from vivavoce.models.nano.audio_decoder import PITCH_HZ, AudioDecoder, AudioDecoderConfig

CONFIG = AudioDecoderConfig(
    levels=(4, 4), dim=8, hidden=12, n_mel_blocks=1, n_wave_blocks=1, n_mels=10
)
# fp32 sums of the same numbers in batches of another size; the oscillator adds up the rounding of
# the pitch, so the phase of high harmonics moves by some thousandths. Spoken waves are about 0.1;
# a border that lost or repeated anything is off by as much.
TOLERANCE = {"rtol": 0.0, "atol": 1e-3}
VOWEL, SILENCE = 142, 251  # codes of the shipped voice


@pytest.fixture
def decoder():
    torch.manual_seed(1)
    decoder = AudioDecoder(CONFIG).eval().requires_grad_(False)
    torch.nn.init.normal_(decoder.voices.weight)
    return decoder


def codes(n, seed=0):
    return torch.randint(CONFIG.n_codes, (1, n), generator=torch.Generator().manual_seed(seed))


def changing(numbers):
    """Voices that change with every third code."""
    return (torch.arange(numbers.shape[1]) // 3 % 3).expand_as(numbers)


def in_pieces(decoder, numbers, sizes, voices=None, rate=1.0):
    voices = torch.zeros_like(numbers) if voices is None else voices
    state, pieces = decoder.initial(rate=rate), []
    for piece, of_piece in zip(numbers.split(sizes, 1), voices.split(sizes, 1), strict=True):
        samples, state = decoder.step(piece, of_piece, state)
        pieces.append(samples)
    return torch.cat([*pieces, decoder.flush(state)], dim=1)


@pytest.mark.parametrize("rate", [1.0, 0.5, 0.7, 1.3, 2.0])
def test_random_pieces_equal_the_whole_in_every_voice_at_every_rate(decoder, rate):
    rng = random.Random(5)
    for n in (1, 2, 3, 9, 20):
        numbers, sizes = codes(n, seed=n), []
        while sum(sizes) < n:
            sizes.append(rng.randint(0, n - sum(sizes)))
        whole = decoder(numbers, changing(numbers), rate).samples
        assert whole.shape == (1, math.ceil(4 * n / rate) * 160)
        made = in_pieces(decoder, numbers, sizes, changing(numbers), rate)
        torch.testing.assert_close(made, whole, **TOLERANCE)


def test_each_code_has_the_pitch_scale_of_its_own_voice():
    decoder = AudioDecoder(replace(CONFIG, pitch_scales=(1.0, 2.0))).requires_grad_(False)
    numbers = codes(40)
    low, high = (
        decoder(numbers, torch.full_like(numbers, voice)).samples for voice in (0, 1)
    )  # the voices' vectors are still zero: only the pitch differs
    assert not torch.allclose(low, high)
    both = torch.cat([torch.zeros(1, 20), torch.ones(1, 20)], dim=1).long()
    torch.testing.assert_close(decoder(numbers, both).samples[:, :12_000], low[:, :12_000])


def test_another_rate_keeps_the_pitch(shipped):
    numbers = torch.full((1, 50), VOWEL)
    slow = shipped(numbers, torch.zeros_like(numbers), 0.6).samples[0]
    usual = shipped(numbers, torch.zeros_like(numbers)).samples[0]
    assert len(slow) == pytest.approx(len(usual) / 0.6, abs=160)
    assert period(slow) == period(usual)


@pytest.mark.parametrize("rate", [0.0, 0.2, 4.5, -1.0, math.nan])
def test_a_rate_nobody_understands_is_refused(decoder, rate):
    with pytest.raises(ValueError, match="speaking rate must be 0.25 to 4"):
        decoder.initial(rate=rate)


def step(decoder, numbers, state):
    return decoder.step(numbers, torch.zeros_like(numbers), state)


def test_a_kept_state_can_be_returned_to(decoder):
    _, kept = step(decoder, codes(5), decoder.initial())
    first, _ = step(decoder, codes(4, seed=1), kept)
    step(decoder, codes(7, seed=2), kept)
    again, _ = step(decoder, codes(4, seed=1), kept)
    torch.testing.assert_close(first, again, rtol=0, atol=0)


def test_a_fresh_state_knows_nothing_of_an_earlier_reply(decoder):
    before = in_pieces(decoder, codes(6), [6])
    in_pieces(decoder, codes(8, seed=3), [3, 5])
    torch.testing.assert_close(in_pieces(decoder, codes(6), [6]), before, rtol=0, atol=0)


def test_audio_of_a_code_depends_on_two_later_codes_only(decoder):
    numbers = codes(12)
    changed = numbers.clone()
    changed[:, 8:] = (changed[:, 8:] + 1) % CONFIG.n_codes
    voices = torch.zeros_like(numbers)
    whole, other = (decoder(x, voices).samples for x in (numbers, changed))
    safe = (8 - CONFIG.look_ahead) * 640 - 480  # a frame reaches three hops back
    torch.testing.assert_close(whole[:, :safe], other[:, :safe], **TOLERANCE)
    assert not torch.allclose(whole[:, 8 * 640 :], other[:, 8 * 640 :])


def test_first_audio_comes_after_the_look_ahead(decoder):
    samples, state = step(decoder, codes(2), decoder.initial())
    assert samples.shape == (1, 0)
    samples, _ = step(decoder, codes(1), state)
    assert samples.shape == (1, 640 - 480)


def test_every_code_has_its_own_values(decoder):
    values = decoder.values(torch.arange(CONFIG.n_codes)[None])[0]
    assert len({tuple(row) for row in values.tolist()}) == CONFIG.n_codes
    assert values.min() == -1 and values.max() == 1


@pytest.fixture(scope="module")
def shipped():
    return load_voice().decoders["english"]


def test_the_shipped_voices_have_no_seams():
    voice = load_voice()
    numbers = torch.randint(512, (1, 46), generator=torch.Generator().manual_seed(2))
    for own in voice.voices:
        decoder, voices = voice.decoders[own.speaker], torch.full_like(numbers, own.number)
        whole = decoder(numbers, voices).samples
        made = in_pieces(decoder, numbers, [4, *[6] * 7], voices)
        torch.testing.assert_close(made, whole, **TOLERANCE)


def period(samples):
    """The pitch period in the middle of a steady sound, in samples."""
    wave = samples[len(samples) // 2 :][:6_000]
    lags = range(80, 200)
    pairs = [torch.stack([wave[:-lag], wave[lag:]]) for lag in lags]
    likeness = torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs])
    assert likeness.max() > 0.95
    return lags[int(likeness.argmax())]


def test_the_shipped_voice_repeats_a_vowel_at_its_pitch(shipped):
    numbers = torch.full((1, 50), VOWEL)
    decoded = shipped(numbers, torch.zeros_like(numbers))
    pitch_hz = shipped.config.pitch_scales[0] * PITCH_HZ * decoded.log_pitch[0, -20].exp()
    assert period(decoded.samples[0]) == pytest.approx(16_000 / pitch_hz.item(), abs=2)


def test_the_shipped_voice_is_silent_between_words(shipped):
    numbers = torch.full((1, 50), SILENCE)
    pause = shipped(numbers, torch.zeros_like(numbers)).samples[0, 8_000:]
    assert pause.abs().max() < 0.005
