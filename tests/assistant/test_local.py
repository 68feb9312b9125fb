"""The conversation through microphone and loudspeaker, both made of files, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import io

import numpy as np
import pytest
from rich.console import Console

from tests.support.scripted_model import Call, Say, ScriptedModel
from vivavoce.assistant import daemon as daemon_module
from vivavoce.assistant import sound
from vivavoce.assistant.commands import talk_live
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.assistant.settings import Config
from vivavoce.streaming.device_file import FileBackend
from vivavoce.streaming.devices import DEVICE_HZ, DeviceInfo, DeviceUnavailable
from vivavoce.streaming.wavfile import read_wav, write_wav

JOKE = "why did the clock go to school because it wanted to learn the time"
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


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A microphone that hears (seconds of silence, sentence) in turn; gives the speaker's file."""

    def furnish(*said: tuple[float, str]):
        pieces = []
        for silence_s, sentence in said:
            pieces.append(np.zeros(round(silence_s * DEVICE_HZ), np.float32))
            if sentence:
                pieces.append(MODEL.voice(sentence, rate_hz=DEVICE_HZ))
        write_wav(tmp_path / "in.wav", np.concatenate(pieces), DEVICE_HZ)
        backend = FileBackend(tmp_path / "in.wav", tmp_path / "out.wav")
        monkeypatch.setattr(sound, "try_backend", lambda name: backend)
        return tmp_path / "out.wav", sum(len(piece) for piece in pieces) / DEVICE_HZ

    return furnish


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
    played, length_s = room((0.3, "light on"), (2.5, ""))
    async with Daemon(with_sound(), MODEL) as daemon:
        await asyncio.sleep(length_s)
        assert daemon.house.lights == {"kitchen": 100}
        counted = daemon.metrics.registry.get_sample_value
        assert counted("vivavoce_sessions_total", {"face": "microphone"}) == 1
        assert counted("vivavoce_sessions_open") == 1
        assert counted("vivavoce_turns_total") == 1
        assert counted("vivavoce_responses_total", {"status": "completed"}) == 1
        assert (counted("vivavoce_audio_received_seconds_total") or 0) > length_s / 2
    assert counted("vivavoce_sessions_open") == 0
    assert words_played(played) == "okay the light is on".split()


async def test_the_volume_skill_turns_the_loudspeaker_down(room):
    played, length_s = room((0.3, "quieter"), (2.0, "light on"), (2.5, ""))
    async with Daemon(with_sound(volume_percent=100), MODEL):
        await asyncio.sleep(length_s)
    pcm, rate_hz = read_wav(played)
    half = round(3.3 * rate_hz)
    assert np.abs(pcm[half:]).max() == pytest.approx(0.1 * np.abs(pcm[:half]).max(), rel=0.7)


async def test_with_a_headset_speech_interrupts_the_room(room):
    played, length_s = room((0.3, "tell me a joke"), (1.4, "stop"), (2.0, ""))
    async with Daemon(with_sound(echo="none"), MODEL):
        await asyncio.sleep(length_s)
    assert words_played(played)[:3] == JOKE.split()[:3]
    sounded_s = np.count_nonzero(np.abs(read_wav(played)[0]) > 0.001) / DEVICE_HZ
    assert sounded_s < 0.2 * len(JOKE.split()), "the rest of the joke was never played"


async def test_with_loudspeakers_the_assistant_is_deaf_while_it_speaks(room):
    played, length_s = room((0.3, "tell me a joke"), (1.4, "stop"), (3.0, ""))
    async with Daemon(with_sound(echo="half_duplex"), MODEL):
        await asyncio.sleep(length_s)
    assert words_played(played) == JOKE.split()


async def test_without_sound_the_daemon_serves_the_socket_and_says_so(monkeypatch, caplog):
    def none(name: str) -> None:
        raise DeviceUnavailable("sound needs the PortAudio library")

    monkeypatch.setattr(sound, "try_backend", none)
    async with Daemon(with_sound(), MODEL) as daemon:
        assert daemon.url.startswith("ws://127.0.0.1:")
    assert "only the WebSocket is served: sound needs the PortAudio library" in caplog.text


async def test_devices_that_are_plugged_in_later_are_found(room, monkeypatch):
    played, length_s = room((0.3, "light on"), (2.5, ""))
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
        await asyncio.sleep(0.3 + length_s)
        assert counted("vivavoce_audio_device_open", {"direction": "input"}) == 1
        assert daemon.house.lights == {"kitchen": 100}
    assert words_played(played) == "okay the light is on".split()


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
    played, length_s = room((0.3, "light on"), (2.5, ""))
    screen = io.StringIO()
    monkeypatch.setattr(talk_live, "Console", lambda: Console(file=screen))
    config = with_sound(enabled=False)
    async with Daemon(config, MODEL) as daemon:
        talking = asyncio.create_task(talk_live.converse(daemon.url, config))
        await asyncio.sleep(length_s + 0.5)
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking
    assert "you   light on" in screen.getvalue()
    assert "voice okay the light is on" in screen.getvalue()
    assert words_played(played) == "okay the light is on".split()
