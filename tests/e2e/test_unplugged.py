"""One conversation with the daemon, through a microphone that is unplugged and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import virtual_audio
from tests.support.scripted_model import Say, ScriptedModel
from tests.support.virtual_audio import RATE_HZ, VirtualCard
from vivavoce.assistant import daemon as daemon_module
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.streaming import soundcard

pytestmark = [
    pytest.mark.audio_live,
    pytest.mark.skipif(virtual_audio.missing() is not None, reason=str(virtual_audio.missing())),
]

MODEL = ScriptedModel({"light on": [Say("okay")]})
AUDIO = {
    "enabled": True,
    "backend": "sounddevice",
    "input_device": "va_mic",
    "output_device": "va_speaker",
    "echo": "none",
}


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualCard]:
    monkeypatch.setattr(soundcard, "_LOOK_AFTER_S", 0.2)
    monkeypatch.setattr(soundcard, "_LOOK_AT_LEAST_EVERY_S", 0.5)
    card = VirtualCard(halves=True)
    try:
        with virtual_audio.seen_by_portaudio(card):
            yield card
    finally:
        card.close()


async def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110, it is polled
        await asyncio.sleep(0.05)
    return condition()


async def test_the_conversation_goes_on_when_the_microphone_returns(halves):
    config = load_config(preset="test", overrides={"audio": AUDIO})
    async with Daemon(config, MODEL) as daemon:

        def value(name: str, **labels: str) -> float:
            return daemon.metrics.registry.get_sample_value(f"vivavoce_{name}", labels) or 0.0

        def hears() -> bool:
            return value("audio_device_open", direction="input") == 1.0

        def answered(n: int) -> bool:
            return value("responses_total", status="completed") >= n

        halves.say(MODEL.voice("light on", rate_hz=RATE_HZ))
        assert await eventually(lambda: answered(1))
        await asyncio.to_thread(halves.unplug, "microphone")
        assert await eventually(lambda: not hears())
        await asyncio.to_thread(halves.plug_in, "microphone")
        assert await eventually(hears)
        halves.say(MODEL.voice("light on", rate_hz=RATE_HZ))
        assert await eventually(lambda: answered(2))
        assert value("sessions_total", face="microphone") == value("sessions_open") == 1
        # Where the virtual card stumbles, it may be gone or a sentence be two turns once more.
        assert value("audio_devices_gone_total", direction="input") >= 1
        assert value("turns_total") >= 2


@pytest.mark.slow
async def test_a_conversation_begins_when_devices_are_plugged_in_after_the_start(monkeypatch):
    monkeypatch.setattr(daemon_module, "LOOK_FOR_SOUND_S", 0.2)
    card = VirtualCard(halves=True, unplugged=("speaker", "microphone"))
    config = load_config(preset="test", overrides={"audio": AUDIO})
    try:
        with virtual_audio.seen_by_portaudio(card):
            async with Daemon(config, MODEL) as daemon:
                counted = daemon.metrics.registry.get_sample_value
                assert not counted("vivavoce_sessions_total", {"face": "microphone"})
                await asyncio.to_thread(card.plug_in, "speaker")
                await asyncio.to_thread(card.plug_in, "microphone")
                side = {"direction": "input"}
                hears = lambda: counted("vivavoce_audio_device_open", side) == 1.0  # noqa: E731
                assert await eventually(hears)
                card.say(MODEL.voice("light on", rate_hz=RATE_HZ))
                done = {"status": "completed"}
                assert await eventually(lambda: counted("vivavoce_responses_total", done) == 1.0)
    finally:
        card.close()
