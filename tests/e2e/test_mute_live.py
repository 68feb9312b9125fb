"""Mute on a real PortAudio: the sound server itself must see the stream go and come."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest

from tests.support import virtual_audio
from tests.support.scripted_model import ScriptedModel
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon

pytestmark = [
    pytest.mark.audio_live,
    pytest.mark.skipif(virtual_audio.missing() is not None, reason=str(virtual_audio.missing())),
]


@pytest.fixture
def card() -> Iterator[virtual_audio.VirtualCard]:
    pytest.importorskip("sounddevice")
    card = virtual_audio.VirtualCard()
    try:
        with virtual_audio.seen_by_portaudio(card):
            yield card
    finally:
        card.close()


def streams(direction: str, env: Mapping[str, str]) -> int:
    """How many streams the sound server has, of everybody's."""
    listed = subprocess.run(
        ["pactl", "list", "short", direction],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return len(listed.stdout.splitlines())


async def shown(count: Callable[[], int], wanted: int) -> bool:
    """The sound server counts so many; it may take a moment to see one go."""
    for _ in range(100):
        if await asyncio.to_thread(count) == wanted:
            return True
        await asyncio.sleep(0.1)
    return False


async def test_mute_takes_the_stream_from_the_sound_server(card):
    def recording() -> int:
        return streams("source-outputs", card.env)

    def playing() -> int:
        return streams("sink-inputs", card.env)

    config = load_config(preset="test", overrides={"audio": {"enabled": True, "echo": "none"}})
    nobody = await asyncio.to_thread(recording)
    async with Daemon(config, ScriptedModel()) as daemon:
        address = daemon.url.replace("ws://", "http://").replace("/realtime", "/microphone")
        async with httpx.AsyncClient(timeout=60) as http:

            async def order(muted: bool) -> dict[str, object]:
                reply = await http.post(address, json={"muted": muted})
                return reply.raise_for_status().json()

            assert await shown(recording, nobody + 1)
            players = await asyncio.to_thread(playing)
            assert (await order(muted=True))["device_open"] is False
            assert await shown(recording, nobody)
            assert await asyncio.to_thread(playing) == players
            assert (await order(muted=False))["device_open"] is True
            assert await shown(recording, nobody + 1)
    assert await shown(recording, nobody)
