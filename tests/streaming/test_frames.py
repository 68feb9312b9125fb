from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streaming.sounds import cut
from vivavoce.streaming.frames import Frame, History, Reblocker, as_pcm, samples

SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any)


def ramp(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.float32)


def test_a_frame_knows_where_it_ends():
    assert Frame(100, 16_000, ramp(20)).end == 120


def test_samples_of_a_duration_are_whole():
    assert samples(10, 48_000) == 480
    assert samples(32, 16_000) == 512
    assert samples(10, 11_025) == 110


def test_stereo_is_not_taken_for_mono():
    with pytest.raises(ValueError, match=r"shape \[n\]"):
        as_pcm(np.zeros((4, 2)))


@given(n=st.integers(0, 400), sizes=SIZES, block=st.integers(1, 50))
def test_reblocking_does_not_depend_on_how_the_sound_was_cut(n, sizes, block):
    reblocker = Reblocker(block)
    blocks = [b for piece in cut(ramp(n), sizes) for b in reblocker.feed(piece)]
    assert all(len(b) == block for b in blocks)
    assert len(reblocker.waiting) == n % block
    whole = np.concatenate([*blocks, reblocker.flush()])
    np.testing.assert_array_equal(whole, ramp(n))
    assert len(reblocker.flush()) == 0


def test_a_short_last_block_can_be_padded():
    reblocker = Reblocker(4)
    reblocker.feed(ramp(6))
    np.testing.assert_array_equal(reblocker.flush(pad=True), [4, 5, 0, 0])
    assert len(reblocker.flush(pad=True)) == 0


def test_a_block_never_changes_with_its_source():
    reblocker = Reblocker(4)
    source = ramp(3)
    reblocker.feed(source)
    source[:] = 9
    np.testing.assert_array_equal(reblocker.feed(ramp(1))[0], [0, 1, 2, 0])


@given(n=st.integers(0, 300), sizes=SIZES, capacity=st.integers(1, 60), first=st.integers(0, 500))
def test_history_gives_back_the_newest_samples_by_index(n, sizes, capacity, first):
    history = History(capacity, 16_000, start=first)
    for piece in cut(ramp(n), sizes):
        history.feed(piece)
    assert history.end == first + n
    assert history.start == first + max(0, n - capacity)
    held = history.read(0)
    assert held.start == history.start
    np.testing.assert_array_equal(held.pcm, ramp(n)[held.start - first :])


@given(a=st.integers(-20, 140), b=st.integers(-20, 140))
def test_history_reads_the_part_of_a_stretch_that_it_holds(a, b):
    history = History(50, 16_000)
    history.feed(ramp(100))
    frame = history.read(a, b)
    wanted = [i for i in range(50, 100) if a <= i < b]
    np.testing.assert_array_equal(frame.pcm, wanted)
    if wanted:
        assert frame.start == wanted[0]
