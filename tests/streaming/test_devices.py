from __future__ import annotations

import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.streaming.sounds import tone
from vivavoce.streaming import soundcard
from vivavoce.streaming.capture import Capture
from vivavoce.streaming.device_file import FileBackend
from vivavoce.streaming.devices import (
    DeviceClock,
    DeviceInfo,
    DeviceUnavailable,
    Pulse,
    Xruns,
    choose,
    make_backend,
)
from vivavoce.streaming.frames import Frame
from vivavoce.streaming.playout import Drained, Playout, Stopped
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


def test_a_device_clock_is_not_asked_once_it_is_stopped():
    asked: list[float] = []

    def read() -> float:
        asked.append(50.0)
        return 50.0

    clock = DeviceClock(read, OSError)
    before = clock.now()
    clock.stop()
    assert clock.now() == pytest.approx(before, abs=0.5)
    assert len(asked) == 1


def test_a_device_clock_goes_on_when_the_device_cannot_be_asked():
    gone = False

    def read() -> float:
        if gone:
            raise OSError("Stream not open")
        return 1000.0 + time.monotonic()

    clock = DeviceClock(read, OSError)
    before = clock.now()
    gone = True
    time.sleep(0.02)
    assert clock.now() - before == pytest.approx(0.02, abs=0.05)
    assert clock.now() > before


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
        assert over.wait(10)
        assert played.wait(10)
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
        time.sleep(0.25)
        card.playout.stop()
        assert stopped.wait(5)
    assert isinstance(notices[0], Stopped)
    assert 480 <= notices[0].heard <= 0.9 * 480_000
    out, _ = read_wav(tmp_path / "out.wav")
    loud = np.nonzero(out > 0.49)[0]
    assert loud[-1] - loud[0] + 1 == len(loud) == pytest.approx(notices[0].heard, abs=480)


def test_the_null_device_hears_silence_in_real_time():
    frames: list[Frame] = []
    begin = time.monotonic()
    with SoundCard(make_backend("null"), frames.append):
        while len(frames) < 10 and time.monotonic() < begin + 10:
            time.sleep(0.01)
    assert time.monotonic() - begin >= 0.2
    assert not np.concatenate([frame.pcm for frame in frames]).any()


def test_a_file_that_cannot_be_read_leaves_nothing_open(tmp_path):
    before = threading.active_count()
    with pytest.raises(WavError, match="nothing.wav"):
        SoundCard(FileBackend(tmp_path / "nothing.wav"), lambda frame: None)
    assert threading.active_count() == before


# --- a device in trouble ---------------------------------------------------------------------


class FakeStream:
    latency_s = 0.01

    def __init__(self) -> None:
        self.alive = True
        self.error: Exception | None = None
        self.closed = False

    def time_s(self) -> float:
        return time.monotonic()

    def trouble(self) -> str | None:
        if self.error is not None:
            return f"its callback failed ({type(self.error).__name__}: {self.error})"
        return None if self.alive else "its device stopped"

    def close(self) -> None:
        self.closed = True


class FakeBackend:
    """Opens streams that do nothing. `there` are the devices that are plugged in; the library
    knows them as of its last scan.
    """

    name = "fake"

    def __init__(self, there: list[DeviceInfo] | None = None) -> None:
        self.there = there or [DeviceInfo(0, "card", "fake", 1, 1, True, True)]
        self.known = self.there
        self.busy: list[DeviceInfo] = []
        self.n_looks = 0
        self.outputs: list[FakeStream] = []
        self.inputs: list[FakeStream] = []
        self.opened: list[DeviceInfo] = []
        self.xruns: list[Xruns] = []
        self.n_scans = 0

    def devices(self) -> list[DeviceInfo]:
        return self.known

    def look(self) -> list[DeviceInfo]:
        self.n_looks += 1
        return self.there

    def rescan(self) -> None:
        assert all(stream.closed for stream in self.inputs + self.outputs)
        self.known = self.there
        self.n_scans += 1

    def open_input(self, device: DeviceInfo, capture: Capture, xruns: Xruns) -> FakeStream:
        return self._open(self.inputs, device, xruns)

    def open_output(self, device: DeviceInfo, playout: Playout, xruns: Xruns) -> FakeStream:
        return self._open(self.outputs, device, xruns)

    def _open(self, streams: list[FakeStream], device: DeviceInfo, xruns: Xruns) -> FakeStream:
        if device not in self.there or device in self.busy:
            raise DeviceUnavailable("gone")
        self.xruns.append(xruns)
        self.opened.append(device)
        streams.append(FakeStream())
        return streams[-1]


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(soundcard, "_TEND_EVERY_S", 0.01)
    monkeypatch.setattr(soundcard, "_LOOK_AFTER_S", 0.05)
    monkeypatch.setattr(soundcard, "_LOOK_AT_LEAST_EVERY_S", 0.1)


def eventually(condition) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(condition())


def test_a_storm_of_underflows_opens_the_loudspeaker_anew(hasty, caplog):
    backend = FakeBackend()
    with SoundCard(backend, lambda frame: None) as card:
        for i in range(21):
            backend.xruns[0].count(i * 0.01)
        assert eventually(lambda: card.n_reopened == 1)
        assert backend.outputs[0].closed
        assert not backend.outputs[1].closed
        assert card.n_underflows == 21
        time.sleep(0.05)
        assert len(backend.outputs) == 2
    assert backend.outputs[1].closed
    assert "too many blocks came late" in caplog.text


SPEAKER = DeviceInfo(0, "built-in: Analog (hw:0,0)", "ALSA", 0, 2, default_output=True)
USB = DeviceInfo(1, "USB Mic: Audio (hw:1,0)", "ALSA", 1, 0, default_input=True)
WEBCAM = DeviceInfo(1, "Webcam: Audio (hw:1,0)", "ALSA", 1, 0, default_input=True)
USB_LATER = DeviceInfo(2, "USB Mic: Audio (hw:2,0)", "ALSA", 1, 0)


@pytest.mark.parametrize("choice", [1, "1", "usb mic"])
def test_a_microphone_that_comes_back_is_found_under_its_new_number(hasty, caplog, choice):
    backend = FakeBackend([SPEAKER, USB])
    frames: list[Frame] = []
    with SoundCard(backend, frames.append, microphone=choice) as card:
        backend.there = [SPEAKER, WEBCAM]  # where the old number is another device now
        backend.inputs[0].alive = False
        assert eventually(lambda: backend.inputs[0].closed)
        assert eventually(lambda: len(frames) > 10), "silence stands in"
        assert not card.microphone_open
        assert backend.n_scans == 0, "nothing is disturbed while the device is away"
        assert not backend.outputs[0].closed
        backend.there = [SPEAKER, WEBCAM, USB_LATER]
        assert eventually(lambda: len(backend.inputs) == 2)
        assert backend.opened[-1] == USB_LATER
        assert eventually(lambda: card.microphone_open)
        report = card.report()
        assert backend.n_scans == 1
        assert (report.microphone.n_gone, report.microphone.n_reopened) == (1, 1)
        assert (report.loudspeaker.n_gone, report.loudspeaker.n_reopened) == (0, 1)
        assert report.microphone.device == USB_LATER
    assert caplog.text.count("the microphone is gone") == 1


def test_a_device_that_comes_back_as_it_was_disturbs_nothing(hasty):
    backend = FakeBackend([SPEAKER, USB])
    with SoundCard(backend, lambda frame: None) as card:
        backend.there = [SPEAKER]
        backend.inputs[0].alive = False
        assert eventually(lambda: not card.microphone_open)
        backend.there = [SPEAKER, USB]
        assert eventually(lambda: card.microphone_open)
        assert (backend.n_scans, len(backend.outputs)) == (0, 1)


def test_a_device_that_another_program_keeps_disturbs_nobody_while_it_is_waited_for(hasty):
    backend = FakeBackend([SPEAKER, USB])
    with SoundCard(backend, lambda frame: None) as card:
        backend.busy = [USB]
        backend.inputs[0].alive = False
        assert eventually(lambda: not card.microphone_open)
        backend.there = [USB, WEBCAM]  # the loudspeaker is ours, so nobody else sees it
        looks = backend.n_looks
        assert eventually(lambda: backend.n_looks > looks + 3)
        assert (backend.n_scans, len(backend.outputs)) == (0, 1)
        backend.busy = []
        assert eventually(lambda: card.microphone_open)


def test_in_place_of_the_lost_default_another_device_is_taken(hasty):
    backend = FakeBackend([SPEAKER, USB])
    with SoundCard(backend, lambda frame: None) as card:
        backend.there = [SPEAKER, WEBCAM]
        backend.inputs[0].alive = False
        assert eventually(lambda: card.report().microphone.device == WEBCAM)


def test_in_place_of_the_lost_default_not_just_any_device_is_taken(hasty):
    backend = FakeBackend([SPEAKER, USB])
    with SoundCard(backend, lambda frame: None) as card:
        backend.there = [SPEAKER, DeviceInfo(1, "Monitor of built-in", "ALSA", 2, 0)]
        backend.inputs[0].alive = False
        assert eventually(lambda: backend.n_looks > 3)
        assert not card.microphone_open and backend.n_scans == 0
        backend.there = [SPEAKER, USB_LATER]
        assert eventually(lambda: card.report().microphone.device == USB_LATER)


def test_a_reply_ends_though_the_loudspeaker_is_away(hasty):
    backend = FakeBackend()
    notices: list[object] = []
    with SoundCard(backend, lambda frame: None, notices.append) as card:
        backend.there = []
        backend.outputs[0].alive = False
        card.playout.open(1, 48_000)
        card.playout.write(1, np.full(4800, 0.5, np.float32))
        card.playout.finish(1)
        assert eventually(lambda: notices == [Drained(1, 4800)])


def test_a_patient_card_waits_for_a_device_that_is_not_there_yet(hasty, caplog):
    backend = FakeBackend([SPEAKER])
    with pytest.raises(DeviceUnavailable, match="no microphone was found"):
        SoundCard(backend, lambda frame: None)
    assert backend.outputs[0].closed
    backend.known = []
    with pytest.raises(DeviceUnavailable, match="no loudspeaker was found"):
        SoundCard(backend, lambda frame: None, patient=True)
    backend.known = backend.there
    changes: list[bool] = []
    told = lambda: changes.append(card.microphone_open)  # noqa: E731
    with SoundCard(backend, lambda frame: None, patient=True, on_change=told) as card:
        backend.there = [SPEAKER, USB]
        assert eventually(lambda: changes == [True])
        assert card.report().microphone.device == USB
    assert "the microphone is not there yet: no microphone was found" in caplog.text


def test_mute_closes_the_stream_and_silence_is_captured(hasty):
    backend = FakeBackend()
    frames: list[Frame] = []
    changes: list[bool] = []
    told = lambda: changes.append(card.microphone_open)  # noqa: E731
    with SoundCard(backend, frames.append, on_change=told) as card:
        card.mute()
        card.mute()
        assert backend.inputs[0].closed and not card.microphone_open
        assert eventually(lambda: len(frames) > 5)
        assert not any(frame.pcm.any() for frame in frames)
        time.sleep(0.1)
        assert len(backend.inputs) == 1, "a muted microphone is not looked for"
        card.unmute()
        assert not backend.inputs[1].closed and card.microphone_open
        assert changes == [False, True]
        backend.there = []
        card.mute()
        card.unmute()
        assert not card.microphone_open
        backend.there = backend.known
        assert eventually(lambda: card.microphone_open)


def test_a_failed_callback_is_logged_and_its_stream_opened_anew(hasty, caplog):
    backend = FakeBackend()
    with SoundCard(backend, lambda frame: None) as card:
        backend.outputs[0].error = ZeroDivisionError("oh")
        assert eventually(lambda: card.n_reopened == 1)
    assert "ZeroDivisionError: oh" in caplog.text


def test_a_device_without_a_pulse_is_in_trouble():
    pulse = Pulse(longest_s=3.0)
    assert pulse.trouble(True, 100.0) is None
    assert pulse.trouble(True, 102.9) is None
    pulse.beat()
    assert pulse.trouble(True, 104.0) is None
    assert pulse.trouble(True, 107.5) == "no sound came or went for 3 s"
    pulse.beat()
    assert pulse.trouble(True, 108.0) is None
    assert pulse.trouble(False, 108.0) == "its device stopped"


def test_a_failing_consumer_of_notices_does_not_end_the_tending(caplog):
    seen = []

    def fail(notice: object) -> None:
        seen.append(notice)
        raise RuntimeError("consumer's mistake")

    with SoundCard(FileBackend(pace=0), lambda frame: None, fail) as card:
        for generation in (1, 2):
            card.playout.open(generation, 48_000)
            card.playout.finish(generation)
            assert eventually(lambda generation=generation: len(seen) == generation)
    assert "consumer's mistake" in caplog.text


# --- sounddevice and pyaudio, with the libraries replaced ------------------------------------


class PortAudioError(Exception):
    pass


class FakeSounddevice:
    """As much of sounddevice as is used; `n_channels` are those its streams accept."""

    PortAudioError = PortAudioError

    class CallbackAbort(Exception):  # noqa: N818, sounddevice's own name
        pass

    def __init__(self, devices=(), n_channels=(1, 2), rate_hz=48_000) -> None:
        self._devices = list(devices)
        self._accepted = n_channels
        self._rate_hz = rate_hz
        self.opened: list[SimpleNamespace] = []
        self.default = SimpleNamespace(device=[0, 0] if devices else [-1, -1])

    def query_devices(self):
        return self._devices

    def query_hostapis(self):
        return [{"name": "ALSA", "default_input_device": -1, "default_output_device": -1}]

    def InputStream(self, **options):  # noqa: N802, sounddevice's own name
        return self._stream(options)

    OutputStream = InputStream

    def _stream(self, options):
        if options["channels"] not in self._accepted:
            raise PortAudioError("Invalid number of channels")
        if options["samplerate"] != self._rate_hz:
            raise PortAudioError("Invalid sample rate")
        own = {"latency": 0.02, "time": 5.0, "active": True, "asked": options}
        stream = SimpleNamespace(**options | own)
        stream.start = stream.close = lambda: None
        self.opened.append(stream)
        return stream


CARD = {"name": "card", "hostapi": 0, "max_input_channels": 2, "max_output_channels": 2}
FINE = SimpleNamespace(input_overflow=False, output_underflow=False)
LATE = SimpleNamespace(input_overflow=True, output_underflow=True)
STAMPS = SimpleNamespace(currentTime=5.0, inputBufferAdcTime=4.98, outputBufferDacTime=5.02)
NO_STAMPS = SimpleNamespace(currentTime=5.0, inputBufferAdcTime=0.0, outputBufferDacTime=0.0)


def use(monkeypatch, fake) -> FakeSounddevice:
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def test_sounddevice_streams_are_mono_48_khz_in_blocks_of_10_ms(monkeypatch):
    fake = use(monkeypatch, FakeSounddevice([CARD]))
    with SoundCard(make_backend("sounddevice"), lambda frame: None) as card:
        for stream in fake.opened:
            assert (stream.samplerate, stream.blocksize, stream.channels) == (48_000, 480, 1)
            assert (stream.dtype, stream.asked["latency"]) == ("float32", "low")
        assert card.latency_s == 0.04


def test_sounddevice_callbacks_copy_count_and_stamp(monkeypatch):
    fake = use(monkeypatch, FakeSounddevice([CARD]))
    frames: list[Frame] = []
    with SoundCard(make_backend("sounddevice"), frames.append) as card:
        output, microphone = fake.opened
        card.playout.open(1, 48_000)
        card.playout.write(1, np.full(960, 0.5, np.float32))
        block = np.full((480, 1), 9, np.float32)
        output.callback(block, 480, STAMPS, LATE)
        assert (block == 0.5).all()
        assert card.playout.heard(1, 5.025) == 240
        output.callback(block, 480, NO_STAMPS, FINE)
        for _ in range(10):
            microphone.callback(np.full((480, 1), 0.5, np.float32), 480, STAMPS, FINE)
        microphone.callback(np.zeros((480, 1), np.float32), 480, NO_STAMPS, LATE)
        assert eventually(lambda: len(frames) >= 3)
        assert frames[1].pcm.mean() == pytest.approx(0.5, abs=0.01)
        assert (card.n_underflows, card.n_overflows) == (1, 1)


def test_after_a_storm_the_stream_is_opened_with_more_latency(monkeypatch, hasty):
    fake = use(monkeypatch, FakeSounddevice([CARD]))
    with SoundCard(make_backend("sounddevice"), lambda frame: None) as card:
        for _ in range(21):
            fake.opened[0].callback(np.zeros((480, 1), np.float32), 480, STAMPS, LATE)
        assert eventually(lambda: card.n_reopened == 1)
    assert [stream.asked["latency"] for stream in fake.opened] == ["low", "low", 0.06]


def test_a_card_without_mono_is_opened_in_stereo(monkeypatch):
    fake = use(monkeypatch, FakeSounddevice([CARD], n_channels=(2,)))
    frames: list[Frame] = []
    with SoundCard(make_backend("sounddevice"), frames.append) as card:
        output, microphone = fake.opened
        card.playout.open(1, 48_000)
        card.playout.write(1, np.full(480, 0.5, np.float32))
        block = np.zeros((480, 2), np.float32)
        output.callback(block, 480, STAMPS, FINE)
        assert (block == 0.5).all()
        for _ in range(10):
            microphone.callback(np.tile(np.float32([0.2, 0.6]), (480, 1)), 480, STAMPS, FINE)
        assert eventually(lambda: len(frames) >= 3)
        assert frames[1].pcm.mean() == pytest.approx(0.4, abs=0.01)


def test_a_callback_that_fails_ends_its_stream_and_keeps_the_reason(monkeypatch):
    fake = use(monkeypatch, FakeSounddevice([CARD]))
    backend = make_backend("sounddevice")
    playout = Playout(48_000, time.monotonic)
    stream = backend.open_output(backend.devices()[0], playout, Xruns())
    playout.fill = None  # type: ignore[method-assign, assignment]
    with pytest.raises(FakeSounddevice.CallbackAbort):
        fake.opened[0].callback(np.zeros((480, 1), np.float32), 480, STAMPS, FINE)
    assert "its callback failed (TypeError" in (stream.trouble() or "")


class FakePyAudio:
    """As much of PyAudio as is used: the module, its host object and its streams in one."""

    paFloat32, paInputOverflow, paOutputUnderflow, paContinue, paAbort = 1, 2, 4, 0, 2  # noqa: N815

    def __init__(self, rate_hz=48_000) -> None:
        self._rate_hz = rate_hz
        self.opened: list[SimpleNamespace] = []

    def PyAudio(self):  # noqa: N802, PyAudio's own name
        return self

    def get_device_count(self):
        return 1

    def get_device_info_by_index(self, index):
        names = {"name": "card", "index": index, "hostApi": 0}
        return {**names, "maxInputChannels": 1, "maxOutputChannels": 1}

    def get_host_api_info_by_index(self, index):
        return {"name": "ALSA"}

    def get_default_input_device_info(self):
        return self.get_device_info_by_index(0)

    def get_default_output_device_info(self):
        raise OSError("No Default Output Device Available")

    def open(self, **options):
        if options["rate"] != self._rate_hz:
            raise OSError("Invalid sample rate")
        stream = SimpleNamespace(**options)
        stream.get_output_latency = stream.get_input_latency = lambda: 0.02
        stream.get_time, stream.is_active = lambda: 5.0, lambda: True
        stream.start_stream = stream.close = lambda: None
        self.opened.append(stream)
        return stream


PA_STAMPS = {"current_time": 5.0, "input_buffer_adc_time": 4.98, "output_buffer_dac_time": 5.02}


def test_pyaudio_callbacks_copy_count_and_stamp(monkeypatch):
    fake = FakePyAudio()
    monkeypatch.setitem(sys.modules, "pyaudio", fake)
    frames: list[Frame] = []
    backend = make_backend("pyaudio")
    assert [(d.default_input, d.default_output) for d in backend.devices()] == [(True, False)]
    with SoundCard(backend, frames.append) as card:
        output, microphone = fake.opened
        assert (output.rate, output.frames_per_buffer, output.channels) == (48_000, 480, 1)
        card.playout.open(1, 48_000)
        card.playout.write(1, np.full(960, 0.5, np.float32))
        data, verdict = output.stream_callback(None, 480, PA_STAMPS, fake.paOutputUnderflow)
        assert (np.frombuffer(data, np.float32) == 0.5).all()
        assert len(data) == 4 * 480
        assert verdict == fake.paContinue
        assert card.playout.heard(1, 5.025) == 240
        loud = np.full(480, 0.5, np.float32).tobytes()
        for _ in range(10):
            status = fake.paInputOverflow
            assert microphone.stream_callback(loud, 480, PA_STAMPS, status) == (None, 0)
        assert eventually(lambda: len(frames) >= 3)
        assert frames[1].pcm.mean() == pytest.approx(0.5, abs=0.01)
        assert (card.n_underflows, card.n_overflows) == (1, 10)
        assert card.latency_s == 0.04


def test_a_pyaudio_callback_that_fails_ends_its_stream(monkeypatch, hasty, caplog):
    fake = FakePyAudio()
    monkeypatch.setitem(sys.modules, "pyaudio", fake)
    backend = make_backend("pyaudio")
    monkeypatch.setattr(backend, "look", backend.devices)
    with SoundCard(backend, lambda frame: None) as card:
        data, verdict = fake.opened[0].stream_callback(None, 480, {}, 0)
        assert (data, verdict) == (bytes(4 * 480), fake.paAbort)
        assert eventually(lambda: card.n_reopened == 1)
    assert "KeyError" in caplog.text


def test_a_card_that_pyaudio_cannot_open_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyaudio", FakePyAudio(rate_hz=8000))
    with pytest.raises(DeviceUnavailable, match="'card' cannot be opened at 48000 Hz.*sample"):
        SoundCard(make_backend("pyaudio"), lambda frame: None)


@pytest.mark.parametrize(
    ("fake", "why"),
    [
        (FakeSounddevice(), "no loudspeaker was found.*--no-audio"),
        (FakeSounddevice([CARD], rate_hz=16_000), "'card' cannot be opened at 48000 Hz.*sample"),
    ],
)
def test_a_machine_without_a_usable_card_is_told_what_to_do(monkeypatch, fake, why):
    use(monkeypatch, fake)
    with pytest.raises(DeviceUnavailable, match=why):
        SoundCard(make_backend("sounddevice"), lambda frame: None)


def test_without_portaudio_the_message_says_what_to_install(monkeypatch):
    class NoPortAudio:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoPortAudio(), *sys.meta_path])
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    for name in ("sounddevice", "auto"):
        with pytest.raises(DeviceUnavailable, match="apt install libportaudio2.*--no-audio"):
            make_backend(name)


def test_without_the_packages_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(DeviceUnavailable, match="pip install sounddevice"):
        make_backend("sounddevice")
    with pytest.raises(DeviceUnavailable, match="pip install pyaudio.*portaudio19-dev"):
        make_backend("pyaudio")
