"""sounddevice and PyAudio as back ends, with the libraries replaced."""

from __future__ import annotations

import os
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.streaming.fake_devices import eventually, tend_hastily
from vivavoce.streaming.device_listing import look_apart
from vivavoce.streaming.devices import DeviceUnavailable, Xruns, make_backend
from vivavoce.streaming.frames import Frame
from vivavoce.streaming.playout import Playout
from vivavoce.streaming.soundcard import SoundCard


@pytest.fixture
def hasty(monkeypatch):
    tend_hastily(monkeypatch)


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


def test_what_alsa_says_while_pyaudio_looks_for_devices_is_not_shown(monkeypatch, capfd):
    fake = FakePyAudio()
    chatter = b"ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM cards.pcm.rear"
    monkeypatch.setattr(fake, "PyAudio", lambda: (os.write(2, chatter), fake)[1])
    monkeypatch.setattr(fake, "terminate", lambda: None, raising=False)
    monkeypatch.setitem(sys.modules, "pyaudio", fake)
    make_backend("pyaudio").rescan()
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


def test_pyaudio_that_can_list_nothing_says_so(monkeypatch):
    fake = FakePyAudio()
    monkeypatch.setitem(sys.modules, "pyaudio", fake)
    backend = make_backend("pyaudio")

    def not_initialised(index):
        raise OSError("PortAudio not initialized")

    monkeypatch.setattr(fake, "get_device_info_by_index", not_initialised)
    with pytest.raises(DeviceUnavailable, match="cannot be listed: PortAudio not initialized"):
        backend.devices()


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


def test_what_lies_in_the_working_folder_is_not_run_when_devices_are_looked_for(
    monkeypatch, tmp_path
):
    (tmp_path / "json.py").write_text("raise SystemExit('not the json of Python')\n")
    monkeypatch.chdir(tmp_path)
    assert [device.name for device in look_apart("null")] == ["silence / nothing"]
