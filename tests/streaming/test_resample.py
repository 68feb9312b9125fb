from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import cut, tone
from vivavoce.streaming.resample import BlockResampler, Resampler, resample

RATES = st.sampled_from([8000, 16_000, 22_050, 24_000, 44_100, 48_000])
SIZES = st.lists(st.integers(0, 1700), min_size=1, max_size=8).filter(any)


@settings(max_examples=60, deadline=None)
@given(RATES, RATES, st.integers(0, 9000), SIZES, st.sampled_from(["QQ", "LQ", "MQ", "HQ"]))
def test_resampling_does_not_depend_on_how_the_sound_was_cut(from_hz, to_hz, n, sizes, quality):
    sound = np.random.default_rng(n).normal(size=n).astype(np.float32)
    whole = Resampler(from_hz, to_hz, quality)
    expected = np.concatenate((whole.feed(sound), whole.flush()))
    pieces = Resampler(from_hz, to_hz, quality)
    parts = [pieces.feed(piece) for piece in cut(sound, sizes)]
    assert sum(map(len, parts)) == pieces.n_out
    assert pieces.n_in == n
    assert pieces.held_back == n * to_hz // from_hz - pieces.n_out
    np.testing.assert_array_equal(np.concatenate([*parts, pieces.flush()]), expected)
    assert abs(len(expected) - n * to_hz / from_hz) <= 0.5


@settings(max_examples=25, deadline=None)
@given(SIZES, st.integers(0, 9000))
def test_blocks_are_all_of_one_size_and_nothing_is_lost(sizes, n):
    sound = np.random.default_rng(n).normal(size=n).astype(np.float32)
    resampler = BlockResampler(48_000, 16_000, 160, "LQ")
    blocks = [b for piece in cut(sound, sizes) for b in resampler.feed(piece)]
    assert all(len(b) == 160 for b in blocks)
    assert sum(map(len, blocks)) + resampler.held_back == n // 3
    rest = resampler.flush()
    assert all(len(b) == 160 for b in rest[:-1])
    np.testing.assert_array_equal(
        np.concatenate([*blocks, *rest, np.zeros(0, np.float32)]),
        resample(sound, 48_000, 16_000, "LQ"),
    )


def test_a_padded_flush_ends_on_a_whole_block():
    resampler = BlockResampler(48_000, 16_000, 160)
    n_before = sum(map(len, resampler.feed(tone(0.0251, rate_hz=48_000))))
    assert (n_before + sum(map(len, resampler.flush(pad=True)))) == 480


@pytest.mark.parametrize("quality", ["LQ", "MQ", "HQ"])
@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(48_000, 16_000), (16_000, 48_000), (24_000, 48_000)]
)
def test_output_is_aligned_with_input(from_hz, to_hz, quality):
    out = resample(tone(0.5, 440, from_hz), from_hz, to_hz, quality)
    expected = tone(0.5, 440, to_hz)
    middle = slice(to_hz // 10, -to_hz // 10)
    assert np.abs(out[middle] - expected[middle]).max() < 0.003


def test_a_flushed_or_reset_resampler_is_as_new():
    sound = tone(0.1, rate_hz=48_000)
    expected = resample(sound, 48_000, 16_000, "MQ")
    used = Resampler(48_000, 16_000)
    used.feed(tone(0.05, 1000, 48_000))
    used.reset()
    assert (used.n_in, used.n_out, used.held_back) == (0, 0, 0)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate((used.feed(sound), used.flush())), expected)


def test_what_is_held_back_at_capture_stays_short():
    resampler = Resampler(48_000, 16_000, "LQ")
    held = []
    for block in cut(tone(1.0, rate_hz=48_000), [480]):
        resampler.feed(block)
        held.append(resampler.held_back)
    assert np.median(held) <= 0.025 * 16_000
    assert max(held) <= 0.05 * 16_000


def test_impossible_rates_are_refused():
    with pytest.raises(ValueError, match="positive"):
        Resampler(0, 16_000)
