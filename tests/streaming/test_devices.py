from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.streaming.fake_devices import eventually
from tests.streaming.sounds import tone
from vivavoce.streaming.device_file import FileBackend
from vivavoce.streaming.devices import (
    DeviceClock,
    DeviceInfo,
    DeviceUnavailable,
    Xruns,
    choose,
    make_backend,
)
from vivavoce.streaming.frames import Frame
from vivavoce.streaming.playout import Drained, Stopped
from vivavoce.streaming.soundcard import SoundCard
from vivavoce.streaming.wavfile import WavError, read_wav, write_wav

# --- choosing --------------------------------------------------------------------------------

DEVICES = [
    DeviceInfo(0, "HDA Intel: Analog", "ALSA", 2, 2),
    DeviceInfo(1, "HDA Intel: HDMI", "ALSA", 0, 8),
    DeviceInfo(2, "USB Speakerphone", "ALSA", 1, 2, default_input=True, default_output=True),
    DeviceInfo(3, "USB Speakerphone Pro", "ALSA", 1, 2),
]


def test_a_device_is_chosen_by_index_name_or_default():
    assert choose(DEVICES, None, output=True).index == 2
    assert choose(DEVICES, 1, output=True).index == 1
    assert choose(DEVICES, "0", output=False).index == 0
    assert choose(DEVICES, "hdmi", output=True).index == 1
    assert choose(DEVICES, "USB Speakerphone", output=True).index == 2
    assert choose(DEVICES[:2], None, output=False).index == 0


@pytest.mark.parametrize(
    ("devices", "choice", "why"),
    [
        ([], None, "no microphone was found.*--no-audio"),
        (DEVICES[1:2], None, "no microphone was found"),
        (DEVICES, "hdmi", "no device fits the microphone 'hdmi'; choose one of 0: HDA Intel"),
        (DEVICES, "usb", "several devices fit the microphone 'usb'; choose one of 2: .* 3: "),
        (DEVICES, 9, "no device fits"),
        (DEVICES, "²", "no device fits the microphone '²'"),
    ],
)
def test_a_choice_that_fits_nothing_or_too_much_is_explained(devices, choice, why):
    with pytest.raises(DeviceUnavailable, match=why):
        choose(devices, choice, output=False)


def test_an_unknown_backend_is_refused_by_name():
    with pytest.raises(ValueError, match="auto, sounddevice, pyaudio, null"):
        make_backend("jack")


def test_a_storm_is_more_than_twenty_xruns_within_a_second():
    xruns = Xruns()
    for i in range(20):
        xruns.count(i * 0.01)
    assert not xruns.storm()
    xruns.count(0.2)
    assert xruns.storm()
    xruns.calm()
    assert not xruns.storm()
    assert (xruns.n, xruns.n_storms) == (21, 1)
    xruns.calm()
    assert xruns.n_storms == 1
    for i in range(100):
        xruns.count(i * 0.06)
    assert not xruns.storm()


@pytest.fixture
def monotonic(monkeypatch) -> SimpleNamespace:
    """The machine's clock as the devices see it, turned by hand."""
    hands = SimpleNamespace(now_s=7.0)
    fake = SimpleNamespace(monotonic=lambda: hands.now_s)
    monkeypatch.setattr("vivavoce.streaming.devices.time", fake)
    return hands


def test_a_device_clock_is_not_asked_once_it_is_stopped(monotonic):
    asked: list[float] = []

    def read() -> float:
        asked.append(50.0)
        return 50.0

    clock = DeviceClock(read, OSError)
    before = clock.now()
    clock.stop()
    monotonic.now_s += 0.25
    assert clock.now() - before == pytest.approx(0.25)
    assert len(asked) == 1


def test_a_device_clock_goes_on_when_the_device_cannot_be_asked(monotonic):
    gone = False

    def read() -> float:
        if gone:
            raise OSError("Stream not open")
        return 1000.0 + monotonic.now_s

    clock = DeviceClock(read, OSError)
    before = clock.now()
    gone = True
    monotonic.now_s += 0.02
    assert clock.now() - before == pytest.approx(0.02)


# --- files as devices ------------------------------------------------------------------------


def test_an_unpaced_file_is_captured_whole_and_replies_are_written_whole(tmp_path):
    write_wav(tmp_path / "in.wav", tone(1.003, 440, 44_100), 44_100)
    frames: list[Frame] = []
    notices: list[object] = []
    over, played = threading.Event(), threading.Event()

    def notice(one: object) -> None:
        notices.append(one)
        played.set()

    backend = FileBackend(tmp_path / "in.wav", tmp_path / "out.wav", pace=0)
    with SoundCard(backend, frames.append, notice, over.set) as card:
        card.playout.open(1, 16_000)
        card.playout.write(1, tone(5.0, 300))
        card.playout.finish(1)
        assert over.wait(30)
        assert played.wait(30)
        assert card.playout.heard(1) == 80_000
        assert card.n_reopened == card.n_overflows == card.n_underflows == 0
    assert notices == [Drained(1, 80_000)]
    heard = np.concatenate([frame.pcm for frame in frames])
    assert len(heard) == -(-round(1.003 * 48_000) // 480) * 160  # the last block is filled up
    np.testing.assert_allclose(heard[1000:15_000], tone(1.0, 440)[1000:15_000], atol=0.01)
    out, rate_hz = read_wav(tmp_path / "out.wav")
    assert (len(out), rate_hz) == (240_000, 48_000)
    np.testing.assert_allclose(out[4800:-4800], tone(5.0, 300, 48_000)[4800:-4800], atol=0.003)


def test_a_paced_file_plays_in_real_time_and_can_be_stopped(tmp_path):
    stopped = threading.Event()
    notices: list[object] = []

    def notice(one: object) -> None:
        notices.append(one)
        stopped.set()

    backend = FileBackend(None, tmp_path / "out.wav", pace=4.0)
    with SoundCard(backend, lambda frame: None, notice) as card:
        card.playout.open(1, 48_000)
        card.playout.write(1, np.full(480_000, 0.5, np.float32))
        assert eventually(lambda: card.playout.heard(1) > 24_000)
        card.playout.stop()
        assert stopped.wait(20)
    assert isinstance(notices[0], Stopped)
    assert 24_000 <= notices[0].heard <= 0.9 * 480_000
    out, _ = read_wav(tmp_path / "out.wav")
    loud = np.nonzero(out > 0.49)[0]
    assert loud[-1] - loud[0] + 1 == len(loud) == pytest.approx(notices[0].heard, abs=480)


def test_the_null_device_hears_silence_in_real_time():
    frames: list[Frame] = []
    begin = time.monotonic()
    with SoundCard(make_backend("null"), frames.append):
        assert eventually(lambda: len(frames) >= 10)
    assert time.monotonic() - begin >= 0.2
    assert not np.concatenate([frame.pcm for frame in frames]).any()


def test_a_file_that_cannot_be_read_leaves_nothing_open(tmp_path):
    before = threading.active_count()
    with pytest.raises(WavError, match="nothing.wav"):
        SoundCard(FileBackend(tmp_path / "nothing.wav"), lambda frame: None)
    assert threading.active_count() == before
