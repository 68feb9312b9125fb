"""A daemon's app on a port of its own, and a raw client for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.support.sdk_check import assert_sdk_accepts
from vivavoce.assistant.http.access import Rules
from vivavoce.assistant.http.app import make_app
from vivavoce.assistant.http.listener import Listener
from vivavoce.assistant.metrics import Metrics
from vivavoce.assistant.realtime.service import Limits, Service


class RawClient:
    """A WebSocket that reads and writes events; each one read must suit the SDK's types."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []
        self.strict = True
        """False where a session uses what the SDK's types do not know, such as other rates."""

    async def send(self, event_type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": event_type, **fields}))

    async def event(self, timeout_s: float = 30.0) -> dict[str, Any]:
        """The next event."""
        event: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), timeout_s))
        if self.strict:
            assert_sdk_accepts(event)
        self.seen.append(event)
        return event

    async def until(self, event_type: str, timeout_s: float = 30.0) -> list[dict[str, Any]]:
        """Events up to the next one of a type, it included."""
        events = [await self.event(timeout_s)]
        while events[-1]["type"] != event_type:
            events.append(await self.event(timeout_s))
        return events

    async def error(self) -> dict[str, Any]:
        """The body of the next event, which must be an error."""
        event = await self.event()
        assert event["type"] == "error", event
        body: dict[str, Any] = event["error"]
        return body

    async def quiet(self, seconds: float = 0.2) -> None:
        """Nothing comes for a while."""
        with contextlib.suppress(asyncio.TimeoutError):
            event = await self.event(seconds)
            raise AssertionError(f"unexpected {event}")


class Served:
    """See the module's text; use `served`."""

    def __init__(self, port: int, metrics: Metrics) -> None:
        self.port = port
        self.metrics = metrics
        self.http = f"http://127.0.0.1:{port}"
        self.url = f"ws://127.0.0.1:{port}/v1/realtime"

    @contextlib.asynccontextmanager
    async def client(self, query: str = "?model=nano", **options: Any) -> AsyncIterator[RawClient]:
        """A connected client that has read session.created."""
        # Without a bound: one who leaves with events unread would wait for its close for 10 s.
        options = {"max_size": None, "max_queue": None, **options}
        async with connect(self.url + query, **options) as socket:
            client = RawClient(socket)
            first = await client.event()
            assert first["type"] == "session.created"
            yield client

    async def get(self, path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.get(self.http + path, **options)

    def count(self, name: str, **labels: str) -> float:
        """One of the daemon's counters."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@contextlib.asynccontextmanager
async def served(
    service: Service, rules: Rules | None = None, limits: Limits | None = None
) -> AsyncIterator[Served]:
    """`service` behind a real socket on loopback."""
    metrics = Metrics()
    listener = Listener(make_app(service, rules, limits, metrics), "127.0.0.1", 0, limits)
    port = await listener.start()
    try:
        yield Served(port, metrics)
    finally:
        await listener.stop()
