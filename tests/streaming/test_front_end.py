"""The front end against two devices whose clocks drift, jitter, jump and lose sound."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import cut, human, noise, silence, tone
from tests.streaming.test_echo import echo_of, reply
from vivavoce.streaming.alignment import LEAD_S
from vivavoce.streaming.echo import RATE_HZ, make_canceller
from vivavoce.streaming.echo_delay import EchoDelay
from vivavoce.streaming.frames import Frame, Pcm
from vivavoce.streaming.front_end import FrontEnd
from vivavoce.streaming.levels import dbfs
from vivavoce.streaming.reference import Reference
from vivavoce.streaming.resample import resample

SPEAKER_HZ = 48_000
LATENCY_S = 0.02  # of either device


@dataclass
class Spy:
    """A canceller that passes everything and keeps what it was given."""

    far: list[Pcm] = field(default_factory=list)
    near: list[Pcm] = field(default_factory=list)
    kind = "apm"
    reply_gain = 1.0
    erle_db = None

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        self.near.append(near)
        self.far.append(far)
        return near


def wave(t: np.ndarray) -> Pcm:
    """What the loudspeaker plays at time `t` of its own clock, seconds."""
    return sum(0.2 * np.sin(2 * np.pi * hz * t + hz) for hz in (197.0, 810.0, 2903.0)).astype(
        np.float32
    )


class Devices:
    """A loudspeaker and a microphone in true time, the one heard by the other without delay.

    Sample p of the loudspeaker sounds at `speaker_s + p / its true rate`.
    """

    def __init__(self, speaker_ppm=0.0, microphone_ppm=0.0, jitter_s=0.0, sounding=True) -> None:
        self.speaker_hz = SPEAKER_HZ * (1 + speaker_ppm * 1e-6)
        self.microphone_hz = RATE_HZ * (1 + microphone_ppm * 1e-6)
        self.speaker_s, self.microphone_s = 1000.03, 1000.0
        self.n_played = self.n_heard = 0
        self.frames: list[Frame] = []
        self.spy = Spy()
        self.reference = Reference(SPEAKER_HZ)
        self.front_end = FrontEnd(self.frames.append, self.reference, self.spy)
        self._sounding = sounding
        self._jitter_s = jitter_s
        self._rng = np.random.default_rng(3)

    def run(self, seconds: float, frame_samples: int = 320) -> None:
        until = self.n_heard + seconds * RATE_HZ
        while self.n_heard < until:
            came_s = self._taken_s(self.n_heard + frame_samples) + LATENCY_S
            while self._played_s() - LATENCY_S <= came_s:
                self._play()
            self._hear(frame_samples)

    def misplaced(self) -> float:
        """By how many samples at 16 kHz the next block of the reference is read off its place."""
        lead = self._taken_s(self.n_heard) + LEAD_S - self.speaker_s
        return (self.front_end.alignment.position - lead * self.speaker_hz) * RATE_HZ / SPEAKER_HZ

    def _played_s(self) -> float:
        return self.speaker_s + self.n_played / self.speaker_hz

    def _taken_s(self, index: int) -> float:
        return self.microphone_s + index / self.microphone_hz

    def _play(self) -> None:
        block = np.zeros(480, np.float32)
        if self._sounding:
            block = wave((self.n_played + np.arange(480)) / SPEAKER_HZ)
        self.reference.write(block, self._played_s() + self._wobble())
        self.n_played += 480

    def _hear(self, n: int) -> None:
        pcm = np.zeros(n, np.float32)
        if self._sounding:
            taken_s = self._taken_s(self.n_heard) + np.arange(n) / self.microphone_hz
            pcm = wave((taken_s - self.speaker_s) * self.speaker_hz / SPEAKER_HZ)
        stamp_s = self._taken_s(self.n_heard) + self._wobble()
        self.front_end(Frame(self.n_heard, RATE_HZ, pcm, stamp_s))
        self.n_heard += n

    def _wobble(self) -> float:
        return float(self._rng.uniform(-1, 1)) * self._jitter_s


@pytest.mark.parametrize(("speaker_ppm", "microphone_ppm"), [(100, -100), (-100, 0)])
def test_for_minutes_the_reference_stays_where_it_belongs(speaker_ppm, microphone_ppm):
    """Clocks that differ by up to 200 ppm are 24 ms apart after two minutes; here: 4 samples."""
    devices = Devices(speaker_ppm, microphone_ppm, jitter_s=1e-3, sounding=False)
    devices.run(10)
    worst = 0.0
    for _ in range(110):
        devices.run(1)
        worst = max(worst, abs(devices.misplaced()))
    assert worst < 4
    assert devices.front_end.alignment.drift_ppm == pytest.approx(
        microphone_ppm - speaker_ppm, abs=3
    )
    assert devices.front_end.alignment.n_found == 1


def test_the_far_end_is_what_the_microphone_hears_20_ms_later_sample_for_sample():
    devices = Devices(100, -100)
    devices.run(20)
    n_lead = round(LEAD_S * RATE_HZ)
    far, near = np.concatenate(devices.spy.far), np.concatenate(devices.spy.near)
    late = slice(15 * RATE_HZ, 19 * RATE_HZ)
    off = far[late] - near[late.start + n_lead : late.stop + n_lead]
    assert np.sqrt(np.mean(off**2) / np.mean(near[late] ** 2)) < 10 ** (-30 / 20)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8).filter(any))
def test_frames_of_any_length_give_the_same_sound_and_the_same_far_end(sizes):
    def through(sizes: list[int]) -> tuple[Pcm, Pcm]:
        reference, frames, spy = Reference(SPEAKER_HZ), [], Spy()
        front_end = FrontEnd(frames.append, reference, spy)
        for block in range(150):
            reference.write(wave((480 * block + np.arange(480)) / SPEAKER_HZ), 5 + block / 100)
        start = 0
        for pcm in cut(human()[:16_000], sizes):
            front_end(Frame(start, RATE_HZ, pcm, 5 + start / RATE_HZ))
            start += len(pcm)
        assert [f.start for f in frames] == list(np.cumsum([0, *(len(f.pcm) for f in frames)])[:-1])
        assert all(len(f.pcm) % 160 == 0 for f in frames)
        return np.concatenate([f.pcm for f in frames]), np.concatenate(spy.far)

    whole, pieces = through([320]), through(sizes)
    np.testing.assert_array_equal(pieces[0], whole[0])
    np.testing.assert_allclose(pieces[1], whole[1], atol=1e-4)


def test_frames_say_whether_the_loudspeaker_may_be_heard_and_for_how_long_after():
    devices = Devices()
    devices.run(1)
    assert devices.frames[-1].playing
    devices._sounding = False
    devices.run(0.2)
    assert devices.frames[-1].playing, "the room still sounds"
    devices.run(0.4)
    assert not devices.frames[-1].playing


def test_frames_keep_their_place_in_time():
    devices = Devices(jitter_s=1e-3)
    devices.run(8)
    frame = devices.frames[-1]
    assert frame.start == 8 * RATE_HZ - 320
    assert frame.time_s == pytest.approx(1000 + frame.start / RATE_HZ, abs=5e-4)


def test_devices_opened_anew_are_aligned_again_at_once():
    devices = Devices(50, -50)
    devices.run(5)
    devices.microphone_s += 2.5  # it was away for so long; its samples are counted on
    devices.run(1)
    assert abs(devices.misplaced()) < 2
    devices.speaker_s += 1.25
    devices.run(2)
    assert abs(devices.misplaced()) < 2
    assert devices.front_end.alignment.n_found == 3


def test_microphone_sound_that_was_lost_leaves_a_gap_and_no_confusion():
    devices = Devices()
    devices.run(5.01)
    devices.n_heard += 777
    devices.run(1)
    assert abs(devices.misplaced()) < 2
    starts = [frame.start for frame in devices.frames]
    ends = [frame.end for frame in devices.frames]
    gaps = [later - end for later, end in zip(starts[1:], ends, strict=False)]
    assert [gap for gap in gaps if gap] == [777]


def test_a_loudspeaker_quicker_than_the_lead_is_read_closer_to_its_end():
    """Blocks are written just before they sound: 20 ms ahead there is nothing yet."""
    reference, spy = Reference(SPEAKER_HZ), Spy()
    front_end = FrontEnd(lambda frame: None, reference, spy)
    for block in range(100):
        reference.write(wave((480 * block + np.arange(480)) / SPEAKER_HZ), block / 100)
        front_end(Frame(160 * block, RATE_HZ, np.zeros(160, np.float32), block / 100))
    gaps = [far[-32:].any() for far in spy.far]
    assert not any(gaps[1:20]) and all(gaps[40:])


def test_without_stamps_everything_passes_and_nothing_is_known_of_the_far_end():
    frames, spy, reference = [], Spy(), Reference(SPEAKER_HZ)
    reference.write(wave(np.arange(4800) / SPEAKER_HZ), 0.0)
    front_end = FrontEnd(frames.append, reference, spy)
    front_end(Frame(0, RATE_HZ, human()[:320]))
    front_end(Frame(320, RATE_HZ, human()[:0]))
    assert len(frames) == 1
    np.testing.assert_array_equal(frames[0].pcm, human()[:320])
    assert not np.concatenate(spy.far).any()
    assert frames[0].time_s is None and not frames[0].playing


def test_who_plays_is_told_when_the_reply_should_be_softer():
    spy, told = Spy(), []
    front_end = FrontEnd(lambda frame: None, Reference(SPEAKER_HZ), spy, told.append)
    for block, gain in enumerate((1.0, 0.25, 0.25, 1.0)):
        spy.reply_gain = gain
        front_end(Frame(160 * block, RATE_HZ, np.zeros(160, np.float32)))
    assert told == [0.25, 1.0]


# --- stamps that are not true ------------------------------------------------------------------


@pytest.mark.parametrize("hidden_s", [-0.25, -0.04, 0.75])
def test_an_echo_far_from_where_the_stamps_say_is_found_by_ear(hidden_s):
    """The devices' stamps do not know of `hidden_s` between loudspeaker and microphone."""
    pytest.importorskip("livekit.rtc")
    far, n_late = reply(14), round((hidden_s - 0.05) * RATE_HZ)  # 50 ms are in the echo
    near = np.roll(echo_of(far), n_late) + noise(14, -60)
    played = resample(far, RATE_HZ, SPEAKER_HZ)
    reference, frames = Reference(SPEAKER_HZ), []
    front_end = FrontEnd(frames.append, reference, make_canceller("apm"))
    for block in range(1400):
        at = 480 * block
        reference.write(played[at : at + 480], 5.4 + block / 100)
        if block >= 40:  # the microphone's blocks come 100 ms after what is written by then
            start = 160 * (block - 40)
            front_end(Frame(start, RATE_HZ, near[start : start + 160], 5.4 + start / RATE_HZ))
    out = np.concatenate([frame.pcm for frame in frames])
    late = slice(9 * RATE_HZ, 13 * RATE_HZ)
    assert dbfs(near[late]) - dbfs(out[late]) > 25


@pytest.mark.parametrize(
    ("near", "far"),
    [(noise(4, -30, seed=5), reply(4)), (silence(4), silence(4)), (tone(4, 350), tone(4, 350))],
)
def test_noise_silence_and_tones_tell_no_delay(near, far):
    delay = EchoDelay()
    assert delay.find() is None
    for i in range(0, 4 * RATE_HZ, 160):
        delay.feed(near[i : i + 160], far[i : i + 160])
    assert delay.find() is None
