"""The chime: what it adds to the loudspeaker, and that nobody takes it for a voice or a reply."""

from __future__ import annotations

import numpy as np
import pytest

from tests.streaming.test_playout import Device, sound, speak
from vivavoce.assistant.core.events import SpeechEvent
from vivavoce.assistant.hearing import Hearing
from vivavoce.streaming.capture import Capture
from vivavoce.streaming.devices import DEVICE_HZ
from vivavoce.streaming.echo import make_canceller
from vivavoce.streaming.endpoint import EndpointSettings
from vivavoce.streaming.frames import Frame
from vivavoce.streaming.front_end import FrontEnd
from vivavoce.streaming.playout import Drained, Playout
from vivavoce.streaming.reference import Reference
from vivavoce.streaming.room import Room, RoomSettings
from vivavoce.streaming.vad import silero_available


def test_it_sounds_once_for_each_ring_over_silence():
    device = Device()
    device.run(0.05)
    device.playout.chime.ring()
    device.run(0.3)
    device.playout.chime.ring()
    device.run(0.3)
    sounding = np.abs(device.played) > 0.01
    first, second = np.split(sounding, [round(0.35 * 48_000)])
    for one in (first, second):
        assert 0.1 < np.count_nonzero(one) / 48_000 * 1.3 < 0.2
    assert np.abs(device.played).max() < 0.05


def test_a_reply_under_it_is_counted_as_if_it_were_not_there():
    device = Device()
    pcm = sound(9600)
    device.playout.chime.ring()
    speak(device, 1, pcm)
    device.run(0.1)
    device.playout.pause()
    device.run(0.2)
    device.playout.resume()
    device.playout.chime.ring()
    device.run(0.3)
    assert device.playout.notices() == [Drained(1, 9600)]
    assert device.playout.heard(1) == 9600 and device.playout.n_starved == 0
    over = np.abs(device.played[:480] - pcm[:480]).max()
    assert 0 < over < 0.05, "it lies over the reply"


def test_it_is_as_loud_as_the_volume_says_and_is_in_the_reference():
    reference = Reference(DEVICE_HZ)
    playout = Playout(DEVICE_HZ, lambda: 0.0, reference)
    playout.set_gain(0.5)
    block = np.zeros(4800, np.float32)
    playout.fill(block, 0.0)
    playout.chime.ring()
    assert not playout.fill(block, 0.1), "no sound of a reply"
    assert 0.01 < np.abs(block).max() < 0.025
    np.testing.assert_array_equal(reference.read(4800, 4800), block)


@pytest.mark.parametrize("vad", ["webrtc", "silero"])
def test_in_a_room_it_is_no_speech_even_before_the_canceller_knows_the_room(vad):
    pytest.importorskip("livekit.rtc")
    if vad == "silero" and not silero_available():
        pytest.skip("the extra [silero] is not installed")
    ear = Hearing(EndpointSettings(), vad, echo=True)
    heard: list[SpeechEvent] = []
    playing: list[bool] = []

    def hear(frame: Frame) -> None:
        if frame.playing != (playing[-1] if playing else False):
            ear.far_end(frame.playing)
        playing.append(frame.playing)
        heard.extend(ear.feed(frame.pcm))

    reference = Reference(DEVICE_HZ)
    playout = Playout(DEVICE_HZ, lambda: 0.0, reference)
    capture = Capture(FrontEnd(hear, reference, make_canceller("apm")))
    room = Room(RoomSettings(seed=3, echo_gain_db=0.0), playout, capture)
    for at_s in (0.5, 1.3):
        room.run(until_s=at_s)
        playout.chime.ring()
    room.run(until_s=2.1)
    assert any(playing), "it was heard"
    assert not heard, heard
