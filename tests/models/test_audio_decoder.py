"""The audio decoder as a stream: pieces equal the whole, states can be kept, reset is fresh."""

import json
import random

import pytest
import torch
from safetensors.torch import load_file

from vivavoce.models.nano.audio_decoder import PITCH_HZ, AudioDecoder, AudioDecoderConfig
from vivavoce.models.nano.model import FOLDER

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
    return AudioDecoder(CONFIG).eval().requires_grad_(False)


def codes(n, seed=0):
    return torch.randint(CONFIG.n_codes, (1, n), generator=torch.Generator().manual_seed(seed))


def in_pieces(decoder, numbers, sizes):
    state, pieces = decoder.initial(), []
    for piece in numbers.split(sizes, dim=1):
        samples, state = decoder.step(piece, state)
        pieces.append(samples)
    return torch.cat([*pieces, decoder.flush(state)], dim=1)


def test_random_pieces_equal_the_whole(decoder):
    rng = random.Random(5)
    for n in (1, 2, 3, 9, 20):
        numbers, sizes = codes(n, seed=n), []
        while sum(sizes) < n:
            sizes.append(rng.randint(0, n - sum(sizes)))
        whole = decoder(numbers).samples
        assert whole.shape == (1, n * 640)
        torch.testing.assert_close(in_pieces(decoder, numbers, sizes), whole, **TOLERANCE)


def test_a_kept_state_can_be_returned_to(decoder):
    _, kept = decoder.step(codes(5), decoder.initial())
    first, _ = decoder.step(codes(4, seed=1), kept)
    decoder.step(codes(7, seed=2), kept)
    again, _ = decoder.step(codes(4, seed=1), kept)
    torch.testing.assert_close(first, again, rtol=0, atol=0)


def test_a_fresh_state_knows_nothing_of_an_earlier_reply(decoder):
    before = in_pieces(decoder, codes(6), [6])
    in_pieces(decoder, codes(8, seed=3), [3, 5])
    torch.testing.assert_close(in_pieces(decoder, codes(6), [6]), before, rtol=0, atol=0)


def test_audio_of_a_code_depends_on_two_later_codes_only(decoder):
    numbers = codes(12)
    changed = numbers.clone()
    changed[:, 8:] = (changed[:, 8:] + 1) % CONFIG.n_codes
    whole = decoder(numbers).samples
    other = decoder(changed).samples
    safe = (8 - CONFIG.look_ahead) * 640 - 480  # a frame reaches three hops back
    torch.testing.assert_close(whole[:, :safe], other[:, :safe], **TOLERANCE)
    assert not torch.allclose(whole[:, 8 * 640 :], other[:, 8 * 640 :])


def test_first_audio_comes_after_the_look_ahead(decoder):
    samples, state = decoder.step(codes(2), decoder.initial())
    assert samples.shape == (1, 0)
    samples, _ = decoder.step(codes(1), state)
    assert samples.shape == (1, 640 - 480)


def test_every_code_has_its_own_values(decoder):
    values = decoder.values(torch.arange(CONFIG.n_codes)[None])[0]
    assert len({tuple(row) for row in values.tolist()}) == CONFIG.n_codes
    assert values.min() == -1 and values.max() == 1


@pytest.fixture(scope="module")
def shipped():
    data = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))["audio_decoder"]
    decoder = AudioDecoder(AudioDecoderConfig(**{**data, "levels": tuple(data["levels"])}))
    weights = load_file(FOLDER / "audio_decoder.safetensors")
    decoder.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return decoder.eval().requires_grad_(False)


def test_the_shipped_voice_has_no_seams(shipped):
    numbers = torch.randint(512, (1, 46), generator=torch.Generator().manual_seed(2))
    whole = shipped(numbers).samples
    made = in_pieces(shipped, numbers, [4, *[6] * 7])
    torch.testing.assert_close(made, whole, **TOLERANCE)


def test_the_shipped_voice_repeats_a_vowel_at_its_pitch(shipped):
    decoded = shipped(torch.full((1, 50), VOWEL))
    pitch_hz = shipped.config.pitch_scale * PITCH_HZ * decoded.log_pitch[0, -20].exp()
    wave = decoded.samples[0, -8_000:-2_000]
    lags = range(80, 200)
    pairs = [torch.stack([wave[:-lag], wave[lag:]]) for lag in lags]
    likeness = torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs])
    assert likeness.max() > 0.95
    assert lags[int(likeness.argmax())] == pytest.approx(16_000 / pitch_hz.item(), abs=2)


def test_the_shipped_voice_is_silent_between_words(shipped):
    pause = shipped(torch.full((1, 50), SILENCE)).samples[0, 8_000:]
    assert pause.abs().max() < 0.005
