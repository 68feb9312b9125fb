from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.streaming.timeline import ClockLine, DeviceTimeline

RATE_HZ, BLOCK = 48_000, 480


def settled() -> tuple[DeviceTimeline, int]:
    """A timeline after three seconds of perfect stamps, position 0 at 100 s."""
    timeline, position = DeviceTimeline(RATE_HZ), 0
    while position < 3 * RATE_HZ:
        timeline.stamp(position, 100 + position / RATE_HZ)
        position += BLOCK
    return timeline, position


def test_before_the_first_stamp_nothing_is_known():
    assert DeviceTimeline(RATE_HZ).time_of(0) is None


def test_small_wobbles_are_followed():
    timeline, position = settled()
    assert timeline.stamp(position, 103.002) == 103.002
    assert timeline.n_jumps == 0


def test_a_wild_stamp_is_replaced_by_what_the_last_good_one_implies():
    timeline, position = settled()
    assert timeline.stamp(position, 0.0) == pytest.approx(103.0)
    assert timeline.stamp(position + BLOCK, 103.6) == pytest.approx(103.01)
    assert timeline.stamp(position + 2 * BLOCK, 103.021) == pytest.approx(103.021)
    assert timeline.n_jumps == 2


def test_a_device_that_has_really_moved_is_believed_in_the_end():
    timeline, position = settled()
    for i in range(20):
        at = position + i * BLOCK
        believed = timeline.stamp(at, 100.2 + at / RATE_HZ)
    assert believed == pytest.approx(100.2 + at / RATE_HZ)
    assert timeline.time_of(0) == pytest.approx(100.2)


def test_while_it_settles_every_stamp_is_believed():
    timeline = DeviceTimeline(RATE_HZ)
    timeline.stamp(0, 50.0)
    assert timeline.stamp(BLOCK, 60.0) == 60.0
    timeline, position = settled()
    timeline.restart()
    assert timeline.time_of(0) is None
    assert timeline.stamp(position, 7.0) == 7.0
    assert timeline.stamp(position + BLOCK, 8.0) == 8.0


# --- how fast a device really runs -------------------------------------------------------------


def fed(line: ClockLine, seconds: float, ppm: float, *, start: int = 0, zero_s=100.0, seed=0):
    """Stamps of 10 ms blocks, wrong by up to a millisecond; gives the next position."""
    rng, true_hz = np.random.default_rng(seed), RATE_HZ * (1 + ppm * 1e-6)
    position = start
    while position < start + seconds * RATE_HZ:
        line.feed(position, zero_s + position / true_hz + rng.uniform(-1e-3, 1e-3))
        position += BLOCK
    return position


@pytest.mark.parametrize("ppm", [100.0, -100.0, 0.0])
def test_drift_is_measured_through_the_jitter_of_stamps(ppm):
    line = ClockLine(RATE_HZ)
    at = fed(line, 30, ppm)
    assert line.drift_ppm == pytest.approx(ppm, abs=4)
    truth_s = 100 + at / (RATE_HZ * (1 + ppm * 1e-6))
    assert line.time_of(at) == pytest.approx(truth_s, abs=1.5e-4)
    assert line.n_steps == 0


@given(st.floats(-300, 300), st.floats(0.1, 20), st.floats(0, 1e7))
@settings(deadline=None, max_examples=20)
def test_positions_and_times_are_two_sides_of_one_line(ppm, seconds, position):
    line = ClockLine(RATE_HZ)
    fed(line, seconds, ppm)
    assert line.position_of(line.time_of(position)) == pytest.approx(position, abs=0.01)


def test_a_line_knows_nothing_before_the_first_stamp_and_something_from_then_on():
    line = ClockLine(RATE_HZ)
    assert line.time_of(0) is None and line.position_of(0.0) is None
    line.feed(480, 50.01)
    assert line.time_of(0) == pytest.approx(50.0)


def test_sound_that_was_lost_moves_the_line_and_keeps_the_speed():
    line = ClockLine(RATE_HZ)
    at = fed(line, 20, 80)
    at = fed(line, 1.0, 80, start=at, zero_s=100.02)
    truth_s = 100.02 + at / (RATE_HZ * (1 + 80e-6))
    assert line.n_steps == 1
    assert line.time_of(at) == pytest.approx(truth_s, abs=1e-3)
    assert line.drift_ppm == pytest.approx(80, abs=15)


def test_one_odd_moment_does_not_move_it():
    line = ClockLine(RATE_HZ)
    at = fed(line, 10, 0)
    at = fed(line, ClockLine.BIN_S, 0, start=at, zero_s=100.02)
    at = fed(line, 2, 0, start=at)
    assert line.n_steps == 0
    assert line.time_of(at) == pytest.approx(100 + at / RATE_HZ, abs=5e-4)


def test_a_device_opened_anew_begins_a_new_line_at_once():
    line = ClockLine(RATE_HZ)
    at = fed(line, 20, 80)
    line.feed(at, 200.0)
    assert line.time_of(at) == pytest.approx(200.0)
    assert line.drift_ppm == 0


def test_a_speed_is_told_after_twenty_seconds_and_anew_after_the_device_was():
    line = ClockLine(RATE_HZ)
    at = fed(line, 18, 80)
    assert not line.speed_known, "two seconds of jitter look like any drift"
    at = fed(line, 4, 80, start=at)
    assert line.speed_known and line.drift_ppm == pytest.approx(80, abs=8)
    at = fed(line, 5, 80, start=at, zero_s=200.0)
    assert not line.speed_known, "opened anew"
    fed(line, 21, 80, start=at, zero_s=200.0)
    assert line.speed_known
