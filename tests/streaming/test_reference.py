from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import tone
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.playout import Playout
from vivavoce.streaming.reference import FractionalReader, Reference

RATE_HZ, BLOCK = 48_000, 480


def noise(n: int, seed: int = 0) -> Pcm:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, n).astype(np.float32)


# --- the tap in playout ------------------------------------------------------------------------

ORDERS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3000)),
        st.tuples(st.just("fill"), st.integers(1, 1200)),
        st.tuples(st.sampled_from(["gain", "duck"]), st.floats(0, 1.5)),
        st.tuples(st.sampled_from(["pause", "resume", "stop", "open", "finish"]), st.just(0)),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(ORDERS, st.sampled_from([16_000, 24_000, 48_000]))
def test_the_reference_is_what_the_device_got_sample_for_sample(orders, rate_hz):
    reference = Reference(RATE_HZ)
    playout = Playout(RATE_HZ, lambda: 0.0, reference)
    generation, played = 0, [np.zeros(0, np.float32)]
    playout.open(generation, rate_hz)
    for order, value in orders:
        if order == "write":
            playout.write(generation, noise(value, value))
        elif order == "fill":
            out = np.full(value, np.nan, np.float32)
            playout.fill(out, 0.0)
            played.append(out)
        elif order == "gain":
            playout.set_gain(value)
        elif order == "duck":
            playout.duck(value)
        elif order == "open":
            generation += 1
            playout.open(generation, rate_hz)
        elif order == "finish":
            playout.finish(generation)
        else:
            getattr(playout, order)()
    whole = np.concatenate(played)
    assert reference.end == len(whole)
    np.testing.assert_array_equal(reference.read(0, len(whole)), whole)


def test_ducking_comes_on_top_of_the_loudness_and_goes_without_a_trace():
    playout = Playout(RATE_HZ, lambda: 0.0)
    playout.set_gain(0.5)
    playout.open(1, RATE_HZ)
    playout.write(1, np.ones(10 * BLOCK, np.float32))
    out = np.zeros(BLOCK, np.float32)
    levels = []
    for gain in (1.0, 0.25, 0.25, 1.0, 1.0):
        playout.duck(gain)
        playout.fill(out, 0.0)
        levels.append(float(out[-1]))
    assert levels == pytest.approx([0.5, 0.125, 0.125, 0.5, 0.5])


# --- the ring --------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 700), min_size=1, max_size=20),
    st.integers(-300, 4000),
    st.integers(0, 1500),
)
def test_reading_gives_what_is_known_and_zeros_for_the_rest(sizes, start, n):
    reference, sound = Reference(1000, room_s=1.0), noise(sum(sizes), 1)
    at = 0
    for size in sizes:
        reference.write(sound[at : at + size], at / 1000)
        at += size
    expected = np.zeros(n, np.float32)
    for i in range(n):
        if max(0, at - 875) <= start + i < at:
            expected[i] = sound[start + i]
    np.testing.assert_array_equal(reference.read(start, n), expected)


def test_a_reader_beside_a_writer_never_sees_anything_but_the_truth():
    """The sample at index i is i + 1: whatever is read at i is that, or nothing."""
    reference, wrong, done = Reference(48_000, room_s=0.1), [], threading.Event()

    def write() -> None:
        for at in range(0, 16_000_000, 480):  # float32 counts exactly so far
            reference.write(np.arange(at + 1, at + 481, dtype=np.float32), 0.0)
            if at > 2_000_000 and len(wrong) > 100:
                break
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        start = reference.end - 4100
        got = reference.read(start, 2000)
        truth = np.arange(start + 1, start + 2001, dtype=np.float32)
        wrong.append(np.any((got != truth) & (got != 0)))
    writer.join()
    assert len(wrong) > 100
    assert not any(wrong)


def test_stamps_are_handed_out_once():
    reference = Reference(RATE_HZ)
    reference.write(noise(480), 7.0)
    reference.write(noise(100), 7.01)
    assert reference.take_stamps() == [(0, 7.0), (480, 7.01)]
    assert reference.take_stamps() == []


# --- reading between the samples ---------------------------------------------------------------


def wave(positions: np.ndarray, rate_hz: int) -> np.ndarray:
    """Three tones, within the band of speech, at any position of the reference."""
    t = positions / rate_hz
    return sum(0.2 * np.sin(2 * np.pi * hz * t + hz) for hz in (211.0, 1733.0, 6100.0))


@pytest.mark.parametrize(("rate_hz", "ratio"), [(48_000, 3), (16_000, 1)])
@pytest.mark.parametrize("ppm", [0.0, 200.0, -200.0])
def test_a_drifting_reader_leaves_no_seams(rate_hz, ratio, ppm):
    reference = Reference(rate_hz)
    reference.write(wave(np.arange(rate_hz), rate_hz).astype(np.float32), 0.0)
    reader = FractionalReader(reference, rate_hz // ratio)
    step = 160 * ratio * (1 + ppm * 1e-6)
    firsts = 1000.37 + step * np.arange(60)
    got = np.concatenate([reader.read(at, at + step, 160) for at in firsts])
    ideal = np.concatenate([wave(at + np.arange(160) * step / 160, rate_hz) for at in firsts])
    assert np.sqrt(np.mean((got - ideal) ** 2) / np.mean(ideal**2)) < 10 ** (-50 / 20)


def test_what_the_slower_rate_cannot_hold_does_not_come_back_as_something_else():
    reference = Reference(48_000)
    reference.write(tone(0.5, 9500, 48_000), 0.0)
    got = FractionalReader(reference, 16_000).read(4800.0, 4800.0 + 480, 160)
    assert np.abs(got).max() < 0.005


def test_rates_must_fit():
    with pytest.raises(ValueError, match="44100 Hz is not a multiple of 16000 Hz"):
        FractionalReader(Reference(44_100), 16_000)
