"""Health, readiness, metrics and the model list over a real socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from openai import AsyncOpenAI, NotFoundError

from tests.support.served import served
from vivavoce.assistant.http.access import Rules
from vivavoce.assistant.realtime.service import Service


def service() -> Service:
    def never(*_: Any) -> Any:
        raise AssertionError("no session is opened here")

    return Service(never, "nano", ("anna",), languages=("en", "yue"), created_s=1_700_000_000)


async def test_health_and_readiness_and_their_aliases() -> None:
    async with served(service()) as daemon:
        for path in ("/health", "/healthz", "/ready", "/readyz"):
            assert (await daemon.get(path)).status_code == 200
        assert (await daemon.get("/ready")).json() == {"status": "ready", "model": "nano"}


async def test_health_tells_how_the_local_sound_fares_where_there_is_some() -> None:
    async with served(service()) as daemon:
        assert (await daemon.get("/health")).json() == {"status": "ok"}
    sounding = replace(service(), sound=lambda: {"echo": "duck", "echo_reduced_db": None})
    async with served(sounding) as daemon:
        sound = (await daemon.get("/health")).json()["sound"]
    assert sound == {"echo": "duck", "echo_reduced_db": None}
    async with served(sounding, Rules(api_key="secret")) as daemon:
        assert (await daemon.get("/health")).json() == {"status": "ok"}, "nothing for a stranger"
        known = {"Authorization": "Bearer secret"}
        assert (await daemon.get("/health", headers=known)).json()["sound"] == sound


async def test_metrics_are_prometheus_text_and_each_daemon_has_its_own() -> None:
    async with served(service()) as daemon, served(service()) as other:
        daemon.metrics.turns.inc()
        reply = await daemon.get("/metrics")
        assert reply.headers["content-type"].startswith("text/plain")
        assert "vivavoce_turns_total 1.0" in reply.text
        assert "vivavoce_turns_total 0.0" in (await other.get("/metrics")).text


async def test_the_official_client_lists_the_model() -> None:
    async with (
        served(service()) as daemon,
        AsyncOpenAI(base_url=f"{daemon.http}/v1", api_key="x", max_retries=0) as client,
    ):
        assert [model.id async for model in client.models.list()] == ["nano"]
        card = await client.models.retrieve("nano")
        assert card.created == 1_700_000_000
        assert (card.languages, card.voices) == (["en", "yue"], ["anna"])  # type: ignore[attr-defined]


async def test_who_asks_for_a_picture_learns_that_none_are_made() -> None:
    async with (
        served(service()) as daemon,
        AsyncOpenAI(base_url=f"{daemon.http}/v1", api_key="x", max_retries=0) as client,
    ):
        with pytest.raises(NotFoundError, match="pictures are not made here") as caught:
            await client.images.generate(prompt="a cat")
        assert caught.value.code == "unsupported"


async def test_what_is_not_there_is_an_error_in_the_usual_shape() -> None:
    async with served(service()) as daemon:
        for path in ("/nothing", "/v1/models/gpt-4"):
            reply = await daemon.get(path)
            assert reply.status_code == 404
            assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
        reply = await daemon.get("/v1/realtime")
        assert (reply.status_code, reply.headers["upgrade"]) == (426, "websocket")
