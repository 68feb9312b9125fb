from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import cut, tone
from vivavoce.streaming.capture import MOST_FAILURES, Capture
from vivavoce.streaming.frames import Frame
from vivavoce.streaming.resample import resample

BLOCK = 480


def drain(capture: Capture) -> None:
    """What the DSP thread would do, until the source is over."""
    while capture.step(timeout_s=0) and capture.waiting_samples:
        pass


def together(frames: list[Frame]) -> np.ndarray:
    return np.concatenate([frame.pcm for frame in frames])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=6).filter(any), st.integers(0, 9000))
def test_frames_are_even_and_follow_one_another_however_the_device_blocks(sizes, n):
    sound = np.random.default_rng(n).normal(size=n).astype(np.float32)
    frames: list[Frame] = []
    capture = Capture(frames.append, room_s=10)
    for block in cut(sound, sizes):
        assert capture.accept(block, 0.0)
        capture.step(timeout_s=0)
    capture.end()
    while capture.step(timeout_s=0):
        pass
    assert [f.start for f in frames] == [i * 320 for i in range(len(frames))]
    assert all(f.rate_hz == 16_000 for f in frames)
    assert all(len(f.pcm) == 320 for f in frames[:-1])
    if frames:
        np.testing.assert_array_equal(together(frames), resample(sound, 48_000, 16_000, "LQ"))


def test_a_block_is_copied_because_devices_reuse_their_memory():
    frames: list[Frame] = []
    capture = Capture(frames.append, rate_hz=48_000, frame_ms=10)
    block = np.full(BLOCK, 0.5, np.float32)
    capture.accept(block, 0.0)
    block[:] = -1
    capture.step(timeout_s=0)
    assert (frames[0].pcm == 0.5).all()


def test_sound_that_found_no_room_is_replaced_by_silence_of_its_length():
    frames: list[Frame] = []
    capture = Capture(frames.append, rate_hz=48_000, frame_ms=10, room_s=0.02)
    loud = np.full(BLOCK, 0.5, np.float32)
    assert capture.accept(loud, 0.0)
    assert capture.accept(loud, 0.01)
    for _ in range(3):
        assert not capture.accept(loud, 0.02)
        capture.lose(BLOCK)
    drain(capture)
    assert capture.accept(loud, 0.05)
    drain(capture)
    assert [float(f.pcm.max()) for f in frames] == [0.5, 0.5, 0, 0, 0, 0.5]
    assert frames[-1].start == 5 * BLOCK
    assert capture.n_lost == 3 * BLOCK


def test_capture_knows_when_a_sample_was_taken():
    capture = Capture(lambda frame: None)
    assert capture.time_of(0) is None
    for i in range(300):
        capture.accept(np.zeros(BLOCK, np.float32), 50 + i / 100)
        drain(capture)
    assert capture.time_of(0) == pytest.approx(50.0)
    assert capture.time_of(16_000) == pytest.approx(51.0)


def test_frames_say_when_they_were_taken_also_behind_sound_that_was_lost():
    frames: list[Frame] = []
    capture = Capture(frames.append, room_s=0.05)
    for i in range(300):
        if not capture.accept(np.zeros(BLOCK, np.float32), 50 + i / 100):
            capture.lose(BLOCK)
        if i > 100:
            drain(capture)
    assert capture.n_lost
    for frame in (frames[0], frames[-1]):
        assert frame.time_s == pytest.approx(50 + frame.start / 16_000)


def test_the_level_meter_follows():
    capture = Capture(lambda frame: None)
    for block in cut(tone(0.5, 440, 48_000, peak=1.0), [BLOCK]):
        capture.accept(block, 0.0)
    drain(capture)
    assert capture.meter.level_dbfs == pytest.approx(-3, abs=0.3)


def test_the_thread_hands_on_everything_and_says_when_the_source_is_over():
    frames: list[Frame] = []
    over = threading.Event()
    capture = Capture(frames.append, over.set)
    capture.start()
    for block in cut(tone(0.5, rate_hz=48_000), [BLOCK]):
        capture.accept(block, 0.0)
    capture.end()
    assert over.wait(30)
    assert len(together(frames)) == 8000
    capture.close()


def test_closing_is_not_the_end_of_the_source():
    over = threading.Event()
    capture = Capture(lambda frame: None, over.set)
    capture.start()
    capture.close()
    capture.close()
    assert not over.is_set()


def test_a_consumer_that_fails_now_and_then_hears_the_rest(caplog):
    heard: list[int] = []

    def fail_at_times(frame: Frame) -> None:
        if frame.start // 320 % 2:
            raise RuntimeError("consumer's mistake")
        heard.append(frame.start)

    capture = Capture(fail_at_times)
    capture.start()
    for block in cut(tone(2 * MOST_FAILURES * 0.02, rate_hz=48_000), [BLOCK]):
        while not capture.accept(block, 0.0):
            time.sleep(0.001)
    capture.close()
    assert heard == list(range(0, 2 * MOST_FAILURES * 320, 640))
    assert "consumer's mistake" in caplog.text


def test_a_consumer_that_keeps_failing_is_logged_once_and_reported_as_the_end(caplog):
    over = threading.Event()

    def fail(frame: Frame) -> None:
        raise RuntimeError("consumer's mistake")

    capture = Capture(fail, over.set)
    capture.start()
    for block in cut(tone(1.1, rate_hz=48_000), [BLOCK]):
        capture.accept(block, 0.0)
    assert over.wait(30)
    assert caplog.text.count("RuntimeError: consumer's mistake") == 1
    assert "nothing more is captured" in caplog.text
    capture.close()
