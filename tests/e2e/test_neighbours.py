"""Several clients of one daemon on nano: what one of them does, the others must not feel."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.e2e.test_nano import nano
from tests.support.scripted_daemon import AT_ONCE, text_item
from tests.support.served import RawClient
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon

PATIENCE_S = 8.0
"""For a reply that takes 0.3 s alone on an idle machine."""


@contextlib.asynccontextmanager
async def house() -> AsyncIterator[Daemon]:
    config = load_config(overrides={"server": {"port": 0}, "audio": {"enabled": False}})
    async with Daemon(config, model=nano()) as daemon:
        yield daemon


@contextlib.asynccontextmanager
async def guest(daemon: Daemon) -> AsyncIterator[RawClient]:
    async with connect(daemon.url + AT_ONCE, max_size=None, max_queue=None) as socket:
        client = RawClient(socket)
        await client.until("session.created", 30)
        yield client


async def write(client: RawClient, text: str) -> None:
    await client.send("conversation.item.create", item=text_item(text))


async def answer(client: RawClient) -> dict[str, Any]:
    """The response to "hello", in time."""
    await write(client, "hello")
    await client.send("response.create")
    events = await asyncio.wait_for(client.until("response.done", PATIENCE_S), PATIENCE_S)
    response: dict[str, Any] = events[-1]["response"]
    return response


async def test_a_text_that_is_too_long_is_refused_and_disturbs_nobody() -> None:
    async with house() as daemon, guest(daemon) as other:
        async with guest(daemon) as client:
            await write(client, "what time is it " * 4500)
            error = await client.error()
            assert (error["code"], error["param"]) == ("invalid_value", "item")
            assert "72000 characters are too many for one item; at most 8000" in error["message"]
            await client.send("response.create", response={"input": [text_item("a" * 8001)]})
            assert (await client.error())["param"] == "response.input"
            await write(client, "what time is it " * 500)
            await client.until("conversation.item.done")
        assert (await answer(other))["status"] == "completed"


async def test_a_flood_of_text_from_one_who_left_is_dropped() -> None:
    async with house() as daemon, guest(daemon) as other:
        async with guest(daemon) as client:
            for _ in range(200):
                await write(client, "what time is it " * 250)
        assert (await answer(other))["status"] == "completed"
        assert daemon._engine is not None and daemon._engine.n_waiting() == 0


async def test_a_flood_of_sound_leaves_the_others_their_reply() -> None:
    async with house() as daemon, guest(daemon) as other, guest(daemon) as client:
        piece = base64.b64encode(bytes(48000)).decode()  # a second; the detector hears nothing,
        manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await client.send("session.update", session=manual)  # so it is a turn by hand
        for _ in range(60):
            await client.socket.send(json.dumps({"type": "input_audio_buffer.append",
                                                 "audio": piece}))  # fmt: skip
        await client.send("input_audio_buffer.commit")
        assert (await answer(other))["status"] == "completed"


async def test_a_session_that_cannot_be_opened_holds_on_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(self: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("vivavoce.assistant.session.Session.open", fails)
    async with house() as daemon, connect(daemon.url) as socket:
        assert (await RawClient(socket).error())["code"] == "internal_error"
        await socket.wait_closed()
        assert daemon._engine is not None and not daemon._engine._lines
        assert daemon.metrics.registry.get_sample_value("vivavoce_sessions_open") == 0


async def test_metrics_tell_of_the_queue_and_of_the_real_time_factor() -> None:
    async with house() as daemon, guest(daemon) as client:
        await answer(client)

        def value(name: str) -> float:
            return daemon.metrics.registry.get_sample_value(f"vivavoce_{name}") or 0.0

        assert value("reply_audio_seconds_total") > 0.3
        factor = value("reply_compute_seconds_total") / value("reply_audio_seconds_total")
        assert value("reply_real_time_factor") == pytest.approx(factor, rel=0.2)
        assert b"vivavoce_queue_depth 0.0" in daemon.metrics.text()
