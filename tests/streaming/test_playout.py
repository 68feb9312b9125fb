"""Playout against a simulated device: its blocks are laid on a time line as a DAC would."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import cut, tone
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.playout import Drained, Playout, Stopped

RATE_HZ, BLOCK = 48_000, 480
PAUSE_FADE, STOP_FADE = 240, 480


class Device:
    """A loudspeaker that asks for a block every 10 ms and plays it `latency_s` later."""

    def __init__(self, latency_s: float = 0.02, stamp_error_s=lambda block: 0.0) -> None:
        self.latency_s = latency_s
        self.now_s = 1000.0
        self.n_blocks = 0
        self.blocks: list[Pcm] = []
        self.stamp_error_s = stamp_error_s
        self.playout = Playout(RATE_HZ, lambda: self.now_s)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            block = np.full(BLOCK, np.nan, np.float32)
            stamp = self.now_s + self.latency_s + self.stamp_error_s(self.n_blocks)
            self.playout.fill(block, stamp)
            self.blocks.append(block)
            self.n_blocks += 1
            self.now_s = 1000.0 + self.n_blocks * BLOCK / RATE_HZ

    @property
    def played(self) -> Pcm:
        return np.concatenate([np.zeros(0, np.float32), *self.blocks])


def sound(n: int, seed: int = 0) -> Pcm:
    """Noise without zeros, so that every sample can be recognised."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, n).astype(np.float32)


def speak(device: Device, generation: int, pcm: Pcm, rate_hz: int = RATE_HZ) -> None:
    device.playout.open(generation, rate_hz)
    device.playout.write(generation, pcm)
    device.playout.finish(generation)


def test_an_idle_loudspeaker_plays_zeros():
    device = Device()
    device.run(0.05)
    np.testing.assert_array_equal(device.played, np.zeros(5 * BLOCK))


def test_what_is_written_is_played_sample_for_sample():
    device, pcm = Device(), sound(5000)
    device.run(0.02)
    device.playout.open(1, RATE_HZ)
    for piece in cut(pcm, [700, 1, 0, 123]):
        device.playout.write(1, piece)
    device.playout.finish(1)
    assert device.playout.queued_samples == 5000
    device.run(0.2)
    np.testing.assert_array_equal(device.played[960:5960], pcm)
    assert not device.played[5960:].any()
    assert device.playout.n_starved == 0


def test_replies_follow_one_another_without_a_gap():
    device = Device()
    first, second = sound(700, 1), sound(900, 2)
    speak(device, 1, first)
    speak(device, 2, second)
    device.run(0.1)
    np.testing.assert_array_equal(device.played[:1600], np.concatenate((first, second)))
    assert device.playout.notices() == [Drained(1, 700), Drained(2, 900)]


def test_a_reply_at_another_rate_is_resampled_and_counted_in_its_own_samples():
    device = Device()
    speak(device, 1, tone(0.5, 440, 16_000), 16_000)
    device.run(0.25)
    assert device.playout.heard(1) == pytest.approx(0.23 * 16_000, abs=16)
    device.run(0.5)
    assert device.playout.heard(1) == 8000
    assert device.playout.notices() == [Drained(1, 8000)]
    middle = slice(4800, 19_200)
    expected = tone(0.5, 440, RATE_HZ)
    np.testing.assert_allclose(device.played[middle], expected[middle], atol=0.003)


def test_running_dry_in_a_reply_is_counted_once_and_loses_nothing():
    device, pcm = Device(), sound(4000)
    device.playout.open(1, RATE_HZ)
    device.playout.write(1, pcm[:2000])
    device.run(0.1)
    device.playout.write(1, pcm[2000:])
    device.playout.finish(1)
    device.run(0.1)
    played = device.played
    np.testing.assert_array_equal(played[played != 0], pcm)
    assert device.playout.n_starved == 1


# --- pause and resume ------------------------------------------------------------------------


def test_pause_is_silent_within_one_block_and_resume_goes_on_at_the_exact_sample():
    device, pcm = Device(), sound(48_000)
    speak(device, 1, pcm)
    device.run(0.1)
    device.playout.pause()
    device.run(0.3)
    at = 4800
    paused = device.played[at : at + 30 * BLOCK]
    assert (np.abs(paused[:PAUSE_FADE]) <= pcm[at : at + PAUSE_FADE]).all()
    assert not paused[PAUSE_FADE:].any()
    device.playout.resume()
    device.run(1.0)
    resumed = device.played[at + 30 * BLOCK :]
    np.testing.assert_array_equal(resumed[PAUSE_FADE : 48_000 - at], pcm[at + PAUSE_FADE :])
    together = paused[:PAUSE_FADE] + resumed[:PAUSE_FADE]
    np.testing.assert_allclose(together, pcm[at : at + PAUSE_FADE], rtol=1e-5)


def test_heard_stands_still_in_a_pause():
    device = Device()
    speak(device, 1, sound(48_000))
    device.run(0.1)
    device.playout.pause()
    device.run(0.1)
    assert device.playout.heard(1) == 4800
    device.run(1.0)
    assert device.playout.heard(1) == 4800
    device.playout.resume()
    device.run(0.05)
    assert device.playout.heard(1) == 4800 + (5 - 2) * BLOCK


def test_a_pause_taken_back_before_the_next_block_changes_nothing():
    device, pcm = Device(), sound(9600)
    speak(device, 1, pcm)
    device.run(0.1)
    device.playout.pause()
    device.playout.resume()
    device.run(0.1)
    np.testing.assert_array_equal(device.played, pcm)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.integers(1, 20_000))
def test_pauses_lose_and_repeat_nothing(pauses, n):
    """Wherever pauses fall, the sound without the fades' first halves is the sound written."""
    device, pcm = Device(), sound(n)
    speak(device, 1, pcm)
    for turn, n_blocks in enumerate(pauses):
        (device.playout.pause if turn % 2 else device.playout.resume)()
        device.run(n_blocks / 100)
    device.playout.resume()
    device.run(0.5)
    assert device.playout.heard(1) == n
    assert device.playout.notices() == [Drained(1, n)]
    assert device.played.sum() == pytest.approx(pcm.sum(), rel=1e-3)


# --- stop ------------------------------------------------------------------------------------


def test_stop_fades_one_block_and_drops_the_rest():
    device, pcm = Device(), sound(48_000)
    speak(device, 1, pcm)
    device.run(0.1)
    device.playout.stop()
    device.run(0.5)
    fade = device.played[4800 : 4800 + STOP_FADE]
    assert (fade < pcm[4800 : 4800 + STOP_FADE]).all()
    assert fade[-1] < 0.01
    assert (np.diff(fade / pcm[4800 : 4800 + STOP_FADE]) < 0).all()
    assert not device.played[4800 + STOP_FADE :].any()
    assert device.playout.queued_samples == 0
    assert device.playout.heard(1) == 4800
    assert device.playout.notices() == [Stopped(1, 4800)]


def test_stop_in_a_pause_makes_no_sound_and_frees_the_way_for_the_next_reply():
    device, pcm = Device(), sound(960, 5)
    speak(device, 1, sound(48_000))
    device.run(0.1)
    device.playout.pause()
    device.run(0.1)
    device.playout.stop()
    speak(device, 2, pcm)
    device.run(0.1)
    assert not device.played[5280:10_080].any()
    np.testing.assert_array_equal(device.played[10_080:11_040], pcm)
    assert device.playout.notices() == [Stopped(1, 4800), Drained(2, 960)]


def test_late_sound_of_a_stopped_reply_is_dropped():
    device = Device()
    device.playout.open(1, RATE_HZ)
    device.playout.write(1, sound(480))
    device.playout.stop(1)
    device.playout.write(1, sound(4800))
    device.playout.finish(1)
    device.playout.write(7, sound(4800))  # never opened
    device.run(0.2)
    assert not device.played.any()
    assert device.playout.notices() == [Stopped(1, 0)]


def test_a_reply_stopped_before_its_first_sound_ends_too():
    device = Device()
    device.playout.open(1, RATE_HZ)
    device.playout.stop()
    device.run(0.05)
    assert device.playout.notices() == [Stopped(1, 0)]
    assert device.playout.heard(1) == 0


def test_stop_spares_newer_replies():
    device, newer = Device(), sound(960, 3)
    speak(device, 1, sound(48_000))
    speak(device, 2, sound(48_000))
    speak(device, 3, newer)
    device.run(0.02)
    device.playout.stop(2)
    device.run(0.1)
    np.testing.assert_array_equal(device.played[1440:2400], newer)
    notices = device.playout.notices()
    assert notices == [Stopped(1, 960), Stopped(2, 0), Drained(3, 960)]


def test_generations_rise():
    playout = Device().playout
    playout.open(3, RATE_HZ)
    with pytest.raises(ValueError, match="generation 3 is not newer than 3"):
        playout.open(3, RATE_HZ)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("speak"), st.integers(0, 9000)),
        st.tuples(st.just("open"), st.just(0)),
        st.tuples(st.just("write"), st.integers(0, 3000)),
        st.tuples(st.sampled_from(["finish", "pause", "resume", "stop"]), st.just(0)),
        st.tuples(st.just("run"), st.integers(1, 20)),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=150)
@given(ACTIONS, st.sampled_from([16_000, 24_000, 48_000]))
def test_every_reply_ends_once_and_no_more_is_heard_than_was_written(actions, rate_hz):
    device = Device()
    written: dict[int, int] = {}
    notices = []
    newest = 0
    for action, number in actions:
        if action in ("speak", "open"):
            if newest:
                device.playout.finish(newest)
            newest += 1
            device.playout.open(newest, rate_hz)
            written[newest] = 0
        if action in ("speak", "write") and newest:
            device.playout.write(newest, sound(number))
            written[newest] += number
        if action in ("finish", "speak"):
            device.playout.finish(newest)
        elif action == "run":
            before = {g: device.playout.heard(g) for g in written}
            device.run(number / 100)
            after = {g: device.playout.heard(g) for g in written}
            assert all(before[g] <= after[g] <= written[g] for g in written)
            notices += device.playout.notices()
        elif action in ("pause", "resume", "stop"):
            getattr(device.playout, action)()
    device.playout.stop()
    device.run(0.1)
    notices += device.playout.notices()
    assert [notice.generation for notice in notices] == sorted(written)
    assert device.playout.queued_samples == 0
    assert np.isfinite(device.played).all()
    for notice in notices[-10:]:
        assert device.playout.heard(notice.generation) == notice.heard


# --- the clock of what was heard -------------------------------------------------------------


@pytest.mark.parametrize("latency_s", [0.005, 0.02, 0.06, 0.3])
def test_heard_names_the_sample_at_the_loudspeaker(latency_s):
    device = Device(latency_s)
    device.run(0.3)
    speak(device, 1, sound(96_000))
    begin_s = device.now_s + latency_s
    for at_s in np.arange(0, 1.0, 0.0137):
        while device.now_s < begin_s + at_s:
            device.run(0.01)
        exact = at_s * RATE_HZ
        assert device.playout.heard(1, begin_s + at_s) == pytest.approx(exact, abs=1)


def test_heard_does_not_depend_on_the_size_of_the_pieces_written():
    device, pcm = Device(latency_s=0.4), sound(RATE_HZ)
    device.playout.open(1, RATE_HZ)
    for piece in cut(pcm, [7]):
        device.playout.write(1, piece)
    begin_s = device.now_s + 0.4
    assert device.playout.heard(1) == 0
    device.run(0.8)
    assert device.playout.heard(1, begin_s + 0.2) == 9600
    assert device.playout.heard(1) == 19_200


def test_heard_survives_stamps_that_wobble_and_jump():
    """1 ms of wobble, and now and then a stamp that is wrong by 0.1 to 0.5 s."""
    rng = np.random.default_rng(3)

    def error_s(block: int) -> float:
        if block > 250 and rng.random() < 0.05:
            return float(rng.choice([-0.5, -0.1, 0.1, 0.5]))
        return float(rng.uniform(-0.001, 0.001))

    device = Device(0.02, error_s)
    device.run(2.5)
    speak(device, 1, sound(10 * RATE_HZ))
    begin_s = device.now_s + 0.02
    errors_ms = []
    for _ in range(800):
        device.run(0.01)
        exact = max(device.now_s - begin_s, 0) * RATE_HZ
        errors_ms.append(abs(device.playout.heard(1) - exact) / 48)
    assert np.median(errors_ms) <= 1
    assert max(errors_ms) <= 2.5


def test_a_notice_comes_when_the_last_sample_has_sounded():
    device = Device(latency_s=0.05)
    speak(device, 1, sound(960))
    device.run(0.03)
    assert device.playout.notices() == []
    assert device.playout.heard(1) == 0
    device.run(0.05)
    assert device.playout.notices() == [Drained(1, 960)]
    assert device.playout.notices() == []


def test_old_replies_are_remembered_for_a_while_and_then_forgotten():
    device = Device()
    for generation in range(1, 31):
        speak(device, generation, sound(100))
        device.run(0.02)
    assert device.playout.heard(29) == 100
    assert device.playout.heard(20) == 100
    assert device.playout.heard(1) == 0


def test_gain_glides():
    device = Device()
    speak(device, 1, np.ones(4800, np.float32))
    device.run(0.02)
    device.playout.set_gain(0.25)
    device.run(0.03)
    played = device.played
    assert (played[:960] == 1).all()
    assert np.abs(np.diff(played[:2400])).max() < 0.002
    np.testing.assert_allclose(played[1440:2400], 0.25)


def test_two_threads_lose_nothing_between_them():
    """One thread writes in haste while another fills; what comes out is what went in."""
    device, pcm = Device(), sound(200_000)
    device.playout.open(1, RATE_HZ)

    def write() -> None:
        for piece in cut(pcm, [97, 480, 1000]):
            device.playout.write(1, piece)
        device.playout.finish(1)

    writer = threading.Thread(target=write)
    writer.start()
    deadline = time.monotonic() + 20
    while device.playout.heard(1) < len(pcm) and time.monotonic() < deadline:
        device.run(0.01)
        if device.n_blocks % 7 == 0:
            device.playout.pause()
            device.run(0.01)
            device.playout.resume()
    writer.join()
    assert device.playout.heard(1) == len(pcm)
    assert device.played.sum() == pytest.approx(pcm.sum(), rel=1e-3)


def test_what_a_stand_in_plays_counts_as_unheard_from_there_on():
    device = Device()
    device.playout.open(1, 16_000)
    device.playout.write(1, sound(16_000))
    device.playout.finish(1)
    device.run(0.2)
    device.playout.audible = False
    device.run(0.3)
    before = device.playout.heard(1)
    assert before == pytest.approx(0.2 * 16_000, abs=1)
    device.playout.audible = True
    device.run(0.3)
    assert device.playout.heard(1) == before, "words after a hole were not understood either"
    device.run(0.5)
    assert device.playout.notices() == [Drained(1, before)]
    assert device.playout.heard(1) == before
    speak(device, 2, sound(960))
    device.run(0.1)
    assert device.playout.notices() == [Drained(2, 960)], "the next one is heard"
