from __future__ import annotations

import pytest

from vivavoce.streaming.timeline import DeviceTimeline

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
