"""A sound card whose devices fall into trouble, go and return."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from tests.streaming.fake_devices import FakeBackend, eventually, tend_hastily
from vivavoce.streaming import soundcard
from vivavoce.streaming.device_file import FileBackend
from vivavoce.streaming.devices import DeviceInfo, DeviceUnavailable, Pulse
from vivavoce.streaming.frames import Frame
from vivavoce.streaming.playout import Drained
from vivavoce.streaming.soundcard import SoundCard


@pytest.fixture
def hasty(monkeypatch):
    tend_hastily(monkeypatch)


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


def test_a_storm_that_does_not_end_is_not_answered_all_the_time(hasty, monkeypatch):
    monkeypatch.setattr(soundcard, "_STORM_PAUSE_S", 3600.0)
    monkeypatch.setattr(soundcard, "_LONGEST_STORM_PAUSE_S", 3600.0)
    backend = FakeBackend()
    with SoundCard(backend, lambda frame: None) as card:

        def storms() -> None:
            for i in range(21):
                backend.xruns[0].count(i * 0.01)

        storms()
        assert eventually(lambda: card.n_reopened == 1)
        storms()
        time.sleep(0.1)
        assert card.n_reopened == 1
        monkeypatch.setattr(soundcard, "_STORM_PAUSE_S", 0.0)
        assert eventually(lambda: card.n_reopened == 2)


SPEAKER = DeviceInfo(0, "built-in: Analog (hw:0,0)", "ALSA", 0, 2, default_output=True)
USB = DeviceInfo(1, "USB Mic: Audio (hw:1,0)", "ALSA", 1, 0, default_input=True)
WEBCAM = DeviceInfo(1, "Webcam: Audio (hw:1,0)", "ALSA", 1, 0, default_input=True)
USB_AS_DEFAULT = DeviceInfo(2, "USB Mic: Audio (hw:2,0)", "ALSA", 1, 0, default_input=True)
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


def test_a_new_default_that_does_not_open_interrupts_the_loudspeaker_once(hasty, monkeypatch):
    class Other(FakeBackend):
        """Its library names another default than the process that looks: each counts anew."""

        def rescan(self) -> None:
            super().rescan()
            self.known = [SPEAKER, USB_AS_DEFAULT, replace(WEBCAM, default_input=False)]

    backend = Other([SPEAKER, USB])
    with SoundCard(backend, lambda frame: None) as card:
        backend.busy = [WEBCAM, USB_AS_DEFAULT]
        backend.there = [SPEAKER, WEBCAM]
        backend.inputs[0].alive = False
        assert eventually(lambda: backend.n_scans == 1)
        looks = backend.n_looks
        assert eventually(lambda: backend.n_looks > looks + 4)
        assert (backend.n_scans, card.report().loudspeaker.n_reopened) == (1, 1)
        monkeypatch.setattr(soundcard, "_SCAN_AGAIN_S", 0.0)
        assert eventually(lambda: backend.n_scans > 1), "not for ever"


def test_a_reply_ends_though_the_loudspeaker_is_away(hasty):
    backend = FakeBackend()
    notices: list[object] = []
    with SoundCard(backend, lambda frame: None, notices.append) as card:
        backend.there = []
        backend.outputs[0].alive = False
        card.playout.open(1, 48_000)
        card.playout.write(1, np.full(4800, 0.5, np.float32))
        card.playout.finish(1)
        assert eventually(lambda: notices == [Drained(1, 0)]), "and nobody has heard it"


def test_the_clock_goes_on_where_it_was_when_silence_stands_in(hasty):
    backend = FakeBackend()
    with SoundCard(backend, lambda frame: None) as card:
        before = card.playout.now_s()
        assert before == pytest.approx(time.monotonic(), abs=20), "what the fake devices show"
        backend.there = []
        backend.outputs[0].alive = False
        assert eventually(lambda: card.report().loudspeaker.device is None)
        assert before < card.playout.now_s() < before + 60


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
    assert "the microphone is not there: no microphone was found" in caplog.text


def test_a_driver_that_fails_in_its_own_way_does_not_end_the_tending(hasty, monkeypatch, caplog):
    backend = FakeBackend()
    look, failures = backend.look, [OSError("out of file handles")]

    def fail_once() -> list[DeviceInfo]:
        if failures:
            raise failures.pop()
        return look()

    monkeypatch.setattr(backend, "look", fail_once)
    with SoundCard(backend, lambda frame: None) as card:
        backend.there = []
        backend.inputs[0].alive = False
        assert eventually(lambda: not card.microphone_open and not failures)
        backend.there = backend.known
        assert eventually(lambda: card.microphone_open)
    assert "out of file handles" in caplog.text


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


def test_a_microphone_muted_in_a_storm_stays_closed(hasty, monkeypatch):
    monkeypatch.setattr(soundcard, "_STORM_PAUSE_S", 3600.0)
    backend = FakeBackend()
    with SoundCard(backend, lambda frame: None) as card:
        microphone = backend.xruns[1]
        for i in range(21):
            microphone.count(i * 0.01)
        assert eventually(lambda: card.n_reopened == 1)
        for i in range(21):
            microphone.count(i * 0.01)
        card.mute()
        monkeypatch.setattr(soundcard, "_STORM_PAUSE_S", 0.0)
        assert microphone.storm(), "it would be time to leave it"
        time.sleep(0.1)
        assert len(backend.inputs) == 2 and not card.microphone_open
        card.unmute()
        assert card.microphone_open and not microphone.storm()


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
