"""The port: taken, free, and on both kinds of address."""

from __future__ import annotations

import socket
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from vivavoce.assistant.errors import UserError
from vivavoce.assistant.http.listener import Listener


async def _hello(request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", _hello)])


async def test_a_taken_port_is_one_clear_sentence() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(UserError, match=f"Cannot listen at 127.0.0.1:{port}"):
            await Listener(APP, "127.0.0.1", port).start()


async def test_an_address_that_is_not_ours_is_one_clear_sentence() -> None:
    with pytest.raises(UserError, match="Cannot listen"):
        await Listener(APP, "192.0.2.1", 0).start()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_a_free_port_is_found_served_and_given_back(host: str) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("no IPv6 here")
    listener = Listener(APP, host, 0)
    port = await listener.start()
    url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).text == "hello"
    await listener.stop()
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_small_messages_are_not_held_back() -> None:
    """Nagle's delay would cost 40 ms on every event that follows another closely."""
    listener = Listener(APP, "127.0.0.1", 0)
    port = await listener.start()
    async with httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{port}/")
        took = []
        for _ in range(20):
            began = time.perf_counter()
            await client.get(f"http://127.0.0.1:{port}/")
            took.append(time.perf_counter() - began)
    await listener.stop()
    assert sorted(took)[len(took) // 2] < 0.035


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
