"""The conversation through microphone and loudspeaker, both made of sound, in a hurried time."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.support.scripted_model import RATE_HZ, Call, Say, ScriptedModel
from tests.support.stage import StageBackend
from vivavoce.assistant import daemon as daemon_module
from vivavoce.assistant import sound
from vivavoce.assistant.commands import talk_live
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.assistant.settings import Config
from vivavoce.streaming.devices import DeviceInfo, DeviceUnavailable
from vivavoce.streaming.wavfile import read_wav

PACE = 2.0
"""Of the room, its devices and the people in it: seconds of theirs in one of ours."""
JOKE = (
    "why did the clock go to school because it wanted to learn the time "
    "and when did it go home again it went when the bell rang at three"
)
MODEL = ScriptedModel(
    {
        "light on": [
            Call("light_on", {"room": "kitchen"}, needs_result=False),
            Say("okay the light is on"),
        ],
        "tell me a joke": [Say(JOKE)],
        "quieter": [Call("vol_set", {"percent": 10}, needs_result=False), Say("okay quieter now")],
        "stop": [Say("okay")],
    }
)


class Room:
    """Somebody beside the daemon's microphone and loudspeaker."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.card = StageBackend(path, PACE)

    def says(self, sentence: str) -> None:
        """Begins to say it."""
        self.card.say(MODEL.voice(sentence), np.zeros(RATE_HZ // 2, np.float32))

    async def until(self, ready: Callable[[], object]) -> None:
        for _ in range(1500):
            if ready():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("not in time")

    async def hears(self, seconds: float) -> None:
        """Until so much of the reply was played, and be it the loudspeaker's silence."""
        await self.until(lambda: self.card.loudest(0, self.card.n_played) > 0.01)
        n_blocks = self.card.n_played + round(seconds * 100)
        await self.until(lambda: self.card.n_played >= n_blocks)

    @property
    def words(self) -> list[str]:
        """What was said in it, once the daemon has ended."""
        return words_played(self.path)


@pytest.fixture
def room(tmp_path, monkeypatch):
    at = Room(tmp_path / "out.wav")
    monkeypatch.setattr(sound, "try_backend", lambda name: at.card)
    return at


def replies(daemon: Daemon, status: str = "completed") -> float:
    counted = daemon.metrics.registry.get_sample_value
    return counted("vivavoce_responses_total", {"status": status}) or 0.0


def with_sound(**audio: object) -> Config:
    """The model's voice is made of tones, which the light detector takes for speech."""
    wanted = {"audio": {"enabled": True, **audio}, "turn": {"vad": "webrtc"}}
    return load_config(preset="test", overrides=wanted)


def words_played(path) -> list[str]:
    """The words whose tones sound in a file, in order; any of those the model can say."""
    pcm, rate_hz = read_wav(path, MODEL.output_rate_hz)
    known = sorted({word for steps in MODEL.script.values() for word in _words(steps)})
    sounding = np.flatnonzero(np.abs(pcm) > 0.01)
    pcm = pcm[sounding[0] : sounding[-1] + 1] if len(sounding) else pcm[:0]
    size = round(MODEL.word_s * rate_hz)
    words = []
    for start in range(0, len(pcm) - size // 2, size):
        middle = pcm[start + size // 4 : start + 3 * size // 4]
        peak_hz = np.argmax(np.abs(np.fft.rfft(middle, rate_hz)))
        words.append(min(known, key=lambda word: abs(MODEL.frequency(word) - peak_hz)))
    return words


def _words(steps) -> list[str]:
    return [word for step in steps if isinstance(step, Say) for word in step.text.split()]


async def test_the_daemon_answers_in_the_room(room):
    async with Daemon(with_sound(), MODEL) as daemon:
        room.says("light on")
        await room.until(lambda: replies(daemon) == 1)
        assert daemon.house.lights == {"kitchen": 100}
        counted = daemon.metrics.registry.get_sample_value
        assert counted("vivavoce_sessions_total", {"face": "microphone"}) == 1
        assert counted("vivavoce_sessions_open") == 1
        assert counted("vivavoce_turns_total") == 1
        assert (counted("vivavoce_audio_received_seconds_total") or 0) > 1
    assert counted("vivavoce_sessions_open") == 0
    assert room.words == "okay the light is on".split()


async def test_the_volume_skill_turns_the_loudspeaker_down(room):
    async with Daemon(with_sound(volume_percent=100), MODEL) as daemon:
        room.says("light on")
        await room.until(lambda: replies(daemon) == 1)
        loud = room.card.loudest(0, n_played := room.card.n_played)
        room.says("quieter")
        await room.until(lambda: daemon.house.volume_percent == 10)
        await room.until(lambda: replies(daemon) == 2)
        room.says("light on")
        n_quieter = room.card.n_played
        await room.until(lambda: replies(daemon) == 3)
        soft = room.card.loudest(n_quieter, room.card.n_played)
    assert n_played and soft == pytest.approx(0.1 * loud, rel=0.1)


async def test_with_a_headset_speech_interrupts_the_room(room):
    async with Daemon(with_sound(echo="none"), MODEL) as daemon:
        room.says("tell me a joke")
        await room.hears(0.7)
        room.says("stop")
        await room.until(lambda: replies(daemon, "cancelled") == 1)
        n_played = room.card.n_played + 10
        await room.until(lambda: room.card.n_played >= n_played + 50)
        assert room.card.loudest(n_played, n_played + 50) == 0, "the rest was never played"
    assert room.words[:3] == JOKE.split()[:3]
    assert len(room.words) < len(JOKE.split())


async def test_with_loudspeakers_the_assistant_is_deaf_while_it_speaks(room):
    async with Daemon(with_sound(echo="half_duplex"), MODEL) as daemon:
        room.says("tell me a joke")
        await room.hears(0.7)
        room.says("stop")
        await room.until(lambda: replies(daemon) == 1)
        assert replies(daemon, "cancelled") == 0
    assert room.words == JOKE.split()


async def test_without_sound_the_daemon_serves_the_socket_and_says_so(monkeypatch, caplog):
    def none(name: str) -> None:
        raise DeviceUnavailable("sound needs the PortAudio library")

    monkeypatch.setattr(sound, "try_backend", none)
    async with Daemon(with_sound(), MODEL) as daemon:
        assert daemon.url.startswith("ws://127.0.0.1:")
    assert "only the WebSocket is served: sound needs the PortAudio library" in caplog.text


async def test_devices_that_are_plugged_in_later_are_found(room, monkeypatch):
    monkeypatch.setattr(daemon_module, "LOOK_FOR_SOUND_S", 0.05)
    there = sound.try_backend("auto")
    looks: list[int] = []

    def plugged_in_later(name: str):
        looks.append(1)
        if len(looks) < 3:
            raise DeviceUnavailable("PortAudio broke down over the sound devices")
        return there

    known: list[list[DeviceInfo]] = [[]]
    devices = there.devices()
    monkeypatch.setattr(there, "devices", lambda: known[0])
    monkeypatch.setattr(there, "rescan", lambda: known.__setitem__(0, devices))
    monkeypatch.setattr(sound, "try_backend", plugged_in_later)
    async with Daemon(with_sound(), MODEL) as daemon:
        counted = daemon.metrics.registry.get_sample_value
        assert counted("vivavoce_audio_device_open", {"direction": "input"}) is None
        await room.until(lambda: counted("vivavoce_audio_device_open", {"direction": "input"}))
        room.says("light on")
        await room.until(lambda: replies(daemon) == 1)
        assert daemon.house.lights == {"kitchen": 100}
    assert room.words == "okay the light is on".split()


async def test_a_daemon_that_still_looks_for_sound_stops_at_once(monkeypatch):
    def none(name: str) -> None:
        raise DeviceUnavailable("sound needs the PortAudio library")

    monkeypatch.setattr(sound, "try_backend", none)
    async with Daemon(with_sound(), MODEL) as daemon:
        looking = daemon._looking
        assert looking is not None and not looking.done()
        await asyncio.wait_for(daemon.close(), daemon_module.LOOK_FOR_SOUND_S / 3)
    assert looking.done()


async def test_talk_converses_through_the_devices(room, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(talk_live, "Console", lambda: Console(file=screen))
    config = with_sound(enabled=False)
    async with Daemon(config, MODEL) as daemon:
        talking = asyncio.create_task(talk_live.converse(daemon.url, config))
        await room.until(lambda: "Ctrl-C" in screen.getvalue())
        room.says("light on")
        await room.until(lambda: "voice okay the light is on" in screen.getvalue())
        await room.hears(1.5)  # all of it
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking
    assert "you   light on" in screen.getvalue()
    assert room.words == "okay the light is on".split()
