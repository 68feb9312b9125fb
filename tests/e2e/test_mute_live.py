"""Mute on a real PortAudio: the sound server itself must see the stream go and come."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator, Mapping

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


async def test_mute_takes_the_stream_from_the_sound_server(card):
    def recording() -> int:
        return streams("source-outputs", card.env)

    config = load_config(preset="test", overrides={"audio": {"enabled": True, "echo": "none"}})
    nobody = await asyncio.to_thread(recording)
    async with Daemon(config, ScriptedModel()) as daemon:
        address = daemon.url.replace("ws://", "http://").replace("/realtime", "/microphone")
        async with httpx.AsyncClient(timeout=20) as http:

            async def order(muted: bool) -> dict[str, object]:
                reply = await http.post(address, json={"muted": muted})
                return reply.raise_for_status().json()

            assert await asyncio.to_thread(recording) == nobody + 1
            playing = await asyncio.to_thread(streams, "sink-inputs", card.env)
            assert (await order(muted=True))["device_open"] is False
            assert await asyncio.to_thread(recording) == nobody
            assert await asyncio.to_thread(streams, "sink-inputs", card.env) == playing
            assert (await order(muted=False))["device_open"] is True
            assert await asyncio.to_thread(recording) == nobody + 1
    assert await asyncio.to_thread(recording) == nobody
