"""The simulated room as two devices see it: delay, drift, levels, stamps, and always the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivavoce.streaming.acoustics import active_dbfs
from vivavoce.streaming.capture import Capture
from vivavoce.streaming.devices import DEVICE_HZ
from vivavoce.streaming.frames import Frame, Pcm
from vivavoce.streaming.playout import Drained, Playout
from vivavoce.streaming.room import Room, RoomSettings

DRY = RoomSettings(rt60_s=0.0, echo_gain_db=0.0, jitter_ms=0.0, noise_dbfs=None)


class Devices:
    """A room between a real playout and a real capture, both at 48 kHz."""

    def __init__(self, settings: RoomSettings) -> None:
        self.frames: list[Frame] = []
        self.capture = Capture(self.frames.append, rate_hz=DEVICE_HZ, frame_ms=10)
        self.playout = Playout(DEVICE_HZ, lambda: 0.0)
        self.room = Room(settings, self.playout, self.capture)

    def play(self, pcm: Pcm, generation: int = 1) -> None:
        self.playout.open(generation, DEVICE_HZ)
        self.playout.write(generation, pcm)
        self.playout.finish(generation)

    @property
    def heard(self) -> Pcm:
        return np.concatenate([frame.pcm for frame in self.frames])


def clicks(*at: int) -> Pcm:
    sound = np.zeros(max(at) + 1, dtype=np.float32)
    sound[list(at)] = 1.0
    return sound


def speech_like(n: int, seed: int = 1) -> Pcm:
    rng = np.random.default_rng(seed)
    slow = np.repeat(rng.uniform(0.05, 0.3, -(-n // 4800)), 4800)[:n]
    return (slow * rng.standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("delay_ms", [20, 50, 120])
def test_the_echo_comes_after_the_playback_delay_exactly(delay_ms):
    devices = Devices(replace(DRY, delay_ms=delay_ms))
    devices.play(clicks(1000, 30_000))
    devices.room.run(until_s=1.0)
    late = delay_ms * DEVICE_HZ // 1000
    assert np.flatnonzero(devices.heard > 0.5).tolist() == [1000 + late, 30_000 + late]


@pytest.mark.parametrize("ppm", [-100, 100])
def test_clocks_drift_apart_by_288_samples_in_a_minute(ppm):
    devices = Devices(replace(DRY, delay_ms=20, drift_ppm=ppm))
    devices.play(clicks(4800, 60 * DEVICE_HZ + 4800))
    devices.room.run(until_s=60.5)
    first, second = peaks(devices.heard)
    assert second - first == pytest.approx(60 * DEVICE_HZ / (1 + ppm * 1e-6), abs=0.1)
    assert second - first - 60 * DEVICE_HZ == pytest.approx(-2.88 * ppm, abs=0.1)


def peaks(heard: Pcm) -> list[float]:
    """Where two clicks lie between the samples: the centre of each one's energy."""
    found = []
    for half in (slice(0, DEVICE_HZ), slice(DEVICE_HZ, None)):
        part = heard[half].astype(np.float64)
        at = int(np.argmax(part))
        near = np.arange(at - 12, at + 13)
        centre = float(near @ part[near] / part[near].sum())
        found.append((half.start or 0) + centre)
    return found


def test_stamps_are_true_but_for_what_they_do_not_know():
    devices = Devices(replace(DRY, delay_ms=80, hidden_ms=30))
    devices.play(np.ones(DEVICE_HZ, dtype=np.float32))
    devices.room.run(until_s=0.5)
    assert devices.room.now() == pytest.approx(0.49)
    assert devices.playout.heard(1) == pytest.approx(0.44 * DEVICE_HZ, abs=1)  # 50 ms are known
    assert devices.capture.time_of(4800) == pytest.approx(0.1)


def test_wrong_stamps_are_wrong_by_the_jitter():
    devices = Devices(replace(DRY, jitter_ms=1.0))
    stamped: list[float] = []
    devices.capture.accept = lambda pcm, adc_s: bool(stamped.append(adc_s)) or True  # type: ignore[method-assign]
    devices.room.run(until_s=5.0)
    errors = np.array(stamped) - np.arange(len(stamped)) / 100
    assert np.std(errors) == pytest.approx(0.001, rel=0.15)
    assert abs(errors.mean()) < 0.0002


def test_a_voice_arrives_when_and_as_loud_as_asked_for():
    devices = Devices(replace(DRY, rt60_s=0.3))
    ends_s = devices.room.say(speech_like(DEVICE_HZ), at_s=0.5, level_dbfs=-26.0)
    devices.room.run(until_s=2.5)
    heard = devices.heard
    assert np.flatnonzero(heard)[0] == DEVICE_HZ // 2
    assert np.flatnonzero(heard)[-1] < ends_s * DEVICE_HZ <= 1.85 * DEVICE_HZ
    assert active_dbfs(heard, DEVICE_HZ) == pytest.approx(-26.0, abs=0.5)


def test_the_echo_has_the_level_that_is_foretold_of_it():
    settings = RoomSettings(seed=3, echo_gain_db=-9.0, gain_db=6.0, clipping="tanh")
    devices = Devices(replace(settings, noise_dbfs=None))
    reply = speech_like(2 * DEVICE_HZ)
    devices.play(reply)
    devices.room.run(until_s=2.6)
    foretold = devices.room.echo_of(reply)
    late = 50 * DEVICE_HZ // 1000
    heard = devices.heard[late : late + len(foretold)]
    np.testing.assert_allclose(heard, foretold[: len(heard)], atol=1e-4)
    echoes = np.concatenate(devices.room.record.echo)
    assert active_dbfs(echoes, DEVICE_HZ) == pytest.approx(
        active_dbfs(foretold, DEVICE_HZ), abs=0.3
    )


def test_noise_has_its_level():
    devices = Devices(replace(DRY, noise="pink", noise_dbfs=-40.0))
    devices.room.run(until_s=21.0)
    assert 20 * np.log10(np.std(devices.heard)) == pytest.approx(-40.0, abs=0.2)


def test_double_talk_is_the_sum_of_echo_and_voice():
    def heard(echo: bool, voice: bool) -> Pcm:
        devices = Devices(replace(RoomSettings(seed=5), noise_dbfs=None))
        if echo:
            devices.play(speech_like(DEVICE_HZ))
        if voice:
            devices.room.say(speech_like(DEVICE_HZ, 2), at_s=0.2, level_dbfs=-20)
        devices.room.run(until_s=1.5)
        return devices.heard

    both = heard(True, True)
    np.testing.assert_allclose(both, heard(True, False) + heard(False, True), atol=1e-5)
    assert np.abs(both).max() < 1.0


def test_the_same_seed_gives_the_same_samples_and_another_one_others():
    def heard(seed: int) -> Pcm:
        settings = RoomSettings(seed=seed, drift_ppm=50, clipping="tanh", noise="pink")
        devices = Devices(settings)
        devices.play(speech_like(DEVICE_HZ))
        devices.room.say(speech_like(DEVICE_HZ, 2), at_s=0.2, level_dbfs=-20)
        devices.room.run(until_s=1.5)
        return devices.heard

    assert heard(1).tolist() == heard(1).tolist()
    assert not np.allclose(heard(1), heard(2), atol=1e-3)


def test_a_reply_is_heard_to_its_end_after_the_delay():
    devices = Devices(replace(DRY, delay_ms=100))
    devices.play(np.full(4800, 0.1, dtype=np.float32))
    devices.room.run(until_s=0.19)
    assert devices.playout.notices() == []
    devices.room.run(until_s=0.23)
    assert devices.playout.notices() == [Drained(1, 4800)]
