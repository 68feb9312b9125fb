from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.streaming.clock import ManualClock, Pacer, PlayoutEstimate, at_rate


@given(st.integers(0, 10**9), st.sampled_from([8000, 16000, 24000, 44100, 48000]))
def test_an_index_survives_the_way_to_a_higher_rate_and_back(index, rate):
    assert at_rate(at_rate(index, 16_000, 48_000), 48_000, 16_000) == index
    assert at_rate(index, rate, rate) == index


def test_the_pacer_holds_a_stream_to_real_time():
    clock = ManualClock(100.0)
    pacer = Pacer(16_000, pace=1.0, clock=clock)
    pacer.wait(8_000)
    assert clock.now() == 100.5
    clock.sleep(1.0)  # somebody was slow: no further wait, and no lost time later
    pacer.wait(16_000)
    assert clock.now() == 101.5
    pacer.wait(32_000)
    assert clock.now() == 102.0


def test_pace_zero_never_waits_and_pace_two_waits_half():
    clock = ManualClock()
    Pacer(16_000, pace=0, clock=clock).wait(10**9)
    assert clock.now() == 0
    Pacer(16_000, pace=2, clock=clock).wait(16_000)
    assert clock.now() == 0.5


def test_what_a_far_player_heard_grows_with_time_and_stops_at_what_was_sent():
    estimate = PlayoutEstimate(24_000)
    estimate.sent(24_000, now_s=10.0)
    assert estimate.heard(9.0) == 0
    assert estimate.heard(10.5) == 12_000
    assert estimate.heard(20.0) == 24_000
    assert estimate.ends_at_s() == 11.0


def test_a_gap_in_sending_delays_what_follows():
    estimate = PlayoutEstimate(1000)
    estimate.sent(1000, now_s=0.0)
    estimate.sent(1000, now_s=3.0)  # ran dry for two seconds
    assert estimate.heard(2.0) == 1000
    assert estimate.heard(3.5) == 1500


def test_sound_sent_ahead_is_heard_one_after_another():
    estimate = PlayoutEstimate(1000, latency_s=0.1)
    for _ in range(10):
        estimate.sent(100, now_s=0.0)
    assert estimate.heard(0.1) == 0
    assert estimate.heard(0.6) == 500


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 2000)), max_size=20),
    st.floats(0, 1),
)
def test_heard_never_falls_and_never_exceeds_what_was_sent(sends, latency_s):
    estimate = PlayoutEstimate(16_000, latency_s)
    now_s, before = 0.0, 0
    for n, wait_ms in sends:
        estimate.sent(n, now_s)
        now_s += wait_ms / 1000
        heard = estimate.heard(now_s)
        assert before <= heard <= estimate.n_sent
        before = heard
    assert estimate.heard(now_s + 1e6) == estimate.n_sent
