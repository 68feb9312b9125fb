"""A speaker on a shelf, end to end: its own microphone and loudspeaker, the port, the commands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support import voices
from tests.support.scripted_model import Call, Say, ScriptedModel
from tests.support.stage import StageBackend
from tests.support.voices import says
from vivavoce.assistant import sound
from vivavoce.assistant.cli import app
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.assistant.errors import UserError
from vivavoce.streaming import wake_micro
from vivavoce.streaming.frames import Pcm

S = 16_000
PACE = 3.0
CALLED = "flite/rms"

wake_word = pytest.mark.skipif(
    not wake_micro.installed() or voices.missing() is not None,
    reason="needs pymicro-wakeword (extra [wakeword]), flite and espeak-ng",
)


class Jarvis(ScriptedModel):
    """Its name is the wake word, and it can say so."""

    def tone(self, word: str) -> Pcm:
        return says("flite/slt", "hey jarvis") if word == "jarvis" else super().tone(word)


SCRIPT = {
    "light on": [Call("light_on", {"room": "kitchen"}, needs_result=False), Say("it is on")],
    "light off": [Call("light_off", {"room": "kitchen"}, needs_result=False), Say("it is off")],
    "what is your name": [Say("jarvis")],
}


class Shelf:
    """A daemon on its shelf, and somebody in the room."""

    def __init__(self, daemon: Daemon, model: ScriptedModel, card: StageBackend) -> None:
        self.daemon, self.model, self.card = daemon, model, card
        self.address = daemon.url.replace("ws://", "http://").removesuffix("/v1/realtime")
        self.statuses: list[str] = []
        self.http = httpx.AsyncClient(base_url=self.address, timeout=60)

    async def follow(self) -> None:
        """Keeps every status the daemon tells, as any client of server-sent events would."""
        async with self.http.stream("GET", "/v1/microphone/events") as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            async for line in reply.aiter_lines():
                if line:
                    status = json.loads(line.removeprefix("data: "))
                    shown = f"{status['state']} {status['why']}".strip()
                    if self.statuses[-1:] != [shown]:
                        self.statuses.append(shown)

    async def says(self, *said: str | float, then_s: float = 0.9) -> None:
        """Sentences and pauses, said to their end and a silence after them."""
        pieces = [self._sound(one) for one in (*said, then_s)]
        await asyncio.sleep(self.card.say(*pieces) / PACE)
        await self.until(lambda: self.card.silent)

    def _sound(self, one: str | float) -> Pcm:
        if isinstance(one, float):
            return np.zeros(round(one * S), np.float32)
        return says(CALLED, one) if one == "hey jarvis" else self.model.voice(one, 0.8)

    async def status(self) -> dict[str, Any]:
        reply = (await self.http.get("/v1/microphone")).json()
        assert reply["device_open"] == (self.card.n_open == 1) == (reply["state"] != "muted")
        return reply

    async def orders(self, **change: bool) -> dict[str, Any]:
        reply = await self.http.post("/v1/microphone", json=change)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def until(self, ready: Callable[[], bool], patience_s: float = 30.0) -> None:
        for _ in range(round(patience_s / 0.02)):
            if ready():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"not in time; {self.statuses}, {self.daemon.house.lights}")

    async def until_told(self, *statuses: str) -> None:
        """Until these were told last, in this order."""
        await self.until(lambda: self.statuses[-len(statuses) :] == list(statuses))

    def count(self, name: str, **labels: str) -> float:
        return self.daemon.metrics.registry.get_sample_value(f"vivavoce_{name}", labels) or 0.0


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    @contextlib.asynccontextmanager
    async def furnish(echo: float = 0.0, **microphone: object) -> AsyncIterator[Shelf]:
        card = StageBackend(tmp_path / "played.wav", PACE, echo)
        monkeypatch.setattr(sound, "try_backend", lambda name="auto": card)
        config = load_config(
            preset="test",
            overrides={
                "audio": {"enabled": True, "echo": "none"},
                "microphone": {"listen_s": 6.0, "follow_up_s": 6.0, **microphone},
                "turn": {"vad": "webrtc", "detection": "silence"},
                "barge_in": {"mode": "off"},
            },
        )
        model = Jarvis(SCRIPT)
        async with Daemon(config, model) as daemon:
            at = Shelf(daemon, model, card)
            following = asyncio.create_task(at.follow())
            await at.until(lambda: bool(at.statuses))
            yield at
        await following  # the stream ends with the daemon
        await at.http.aclose()
        assert card.n_open == 0

    return furnish


@wake_word
async def test_it_obeys_after_its_name_and_in_the_moments_after_its_reply(shelf):
    async with shelf(activation="wake_word") as at:
        assert (await at.status())["wake_word"] == "hey jarvis"
        await at.says("light on")
        assert at.statuses == ["waiting"] and at.count("turns_total") == 0
        assert at.count("microphone_open") == 0

        await at.says("hey jarvis", 0.15, "light on")
        await at.until(lambda: at.daemon.house.lights == {"kitchen": 100})
        await at.until_told("waiting", "open wake_word", "open follow_up")
        heard_until = at.card.n_played
        assert at.count("microphone_open") == 1

        await at.says("light off")  # no name
        said = at.card.loudest(0, heard_until), at.card.loudest(heard_until, heard_until + 50)
        assert said[0] > 0.1 and said[1] == 0, "the window began when the reply was heard out"
        await at.until(lambda: at.daemon.house.lights == {"kitchen": 0})
        await at.until_told("open follow_up", "waiting")

        await at.says("light on")
        assert at.daemon.house.lights == {"kitchen": 0}
        assert at.count("wakes_total", by="person") == 1 and at.count("turns_total") == 2


@wake_word
@pytest.mark.slow
async def test_its_own_voice_does_not_wake_it(shelf):
    """Its microphone hears it say the wake word, and no canceller takes that out."""
    easily = {"wake_threshold": 0.5}  # even one that is easily woken
    async with shelf(activation="wake_word", follow_up_s=0.0, echo=0.7, **easily) as at:
        await at.says("hey jarvis", 0.2, "what is your name")
        await at.until(lambda: at.count("wakes_total", by="own_voice") == 1)
        await at.until_told("waiting", "open wake_word", "waiting")
        await at.says(then_s=1.0)
        assert at.count("wakes_total", by="person") == 1
        assert at.count("responses_total", status="completed") == 1
        assert at.statuses == ["waiting", "open wake_word", "waiting"]


async def test_mute_closes_the_stream_and_everybody_can_see_it(shelf):
    async with shelf(activation="always") as at:
        assert (await at.status())["state"] == "open" and at.card.n_opened == 1
        muted = await at.orders(muted=True)
        assert (muted["state"], muted["muted"], muted["device_open"]) == ("muted", True, False)
        assert at.card.n_open == 0
        await at.until_told("open always", "muted")
        health = (await at.http.get("/health")).json()
        assert health["sound"]["microphone"] == await at.status()
        refused = await at.http.post("/v1/microphone", json={"talk": True})
        assert refused.status_code == 409 and "unmute it first" in refused.text

        await at.orders(muted=False)
        assert at.card.n_open == 1 and at.card.n_opened == 2
        await at.says("light on")
        await at.until(lambda: at.daemon.house.lights == {"kitchen": 100})
        await at.until_told("muted", "open always")


async def test_a_button_is_held_while_one_speaks(shelf):
    async with shelf(activation="push_to_talk") as at:
        await at.says("light on")
        assert at.daemon.house.lights == {}
        assert (await at.orders(talk=True))["talking"]
        await at.says("light on", 0.8, "light on", then_s=0.1)  # a pause does not end the turn
        assert at.count("turns_total") == 0
        assert (await at.orders(talk=False))["state"] == "waiting"
        await at.until(lambda: at.daemon.house.lights == {"kitchen": 100})
        assert at.count("turns_total") == 1
        await at.until_told("waiting", "open button", "waiting")


async def test_the_commands_see_and_switch_the_running_daemon(shelf, tmp_path):
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, [*arguments, "--url", at.address])
        assert done.exit_code == 0, done.output
        return done.output.strip()

    async with shelf(activation="always") as at:
        assert await asyncio.to_thread(run, "microphone") == "open: it listens all the time"
        assert "muted" in await asyncio.to_thread(run, "mute")
        assert at.card.n_open == 0
        shown = json.loads(await asyncio.to_thread(run, "microphone", "--json"))
        assert shown == await at.status()
        assert (await asyncio.to_thread(run, "unmute")).startswith("open")
        assert at.card.n_open == 1
    gone = await asyncio.to_thread(CliRunner().invoke, app, ["mute", "--url", at.address])
    assert isinstance(gone.exception, UserError) and "No daemon answers at" in str(gone.exception)


@pytest.mark.parametrize("url", ["http://[::1", "ftp://here", "://"])
def test_what_is_no_address_is_said_in_a_sentence(url):
    done = CliRunner().invoke(app, ["microphone", "--url", url])
    assert isinstance(done.exception, UserError) and "no address" in str(done.exception)


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b"[]", b'{"status": "ok"}'])
def test_another_server_is_not_taken_for_the_daemon(answer):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.handle_request, daemon=True).start()
        url = f"127.0.0.1:{other.server_port}"
        done = CliRunner().invoke(app, ["microphone", "--url", url])
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == f"What answers at http://{url} is no daemon of vivavoce."


async def test_what_is_no_order_changes_nothing_and_is_told_how_to_ask(shelf):
    wrong = (b"", b"{", b"[]", b"{}", b'{"muted": 1}', b'{"muted": true, "talk": true}')
    async with shelf(activation="always", muted=True) as at:
        for body in (*wrong, b"[" * 900, b"x" * 5000):
            reply = await at.http.post("/v1/microphone", content=body)
            assert reply.status_code == 400 and reply.json()["error"]["code"] == "invalid_value"
        page = {"Origin": "https://evil.example"}
        strange = await at.http.post("/v1/microphone", json={"muted": False}, headers=page)
        assert strange.status_code == 403
        assert (await at.status())["muted"] and at.card.n_opened == 0, "nor was it ever open"


async def test_a_daemon_without_a_microphone_says_so():
    async with Daemon(load_config(preset="test"), ScriptedModel()) as daemon:
        address = daemon.url.replace("ws://", "http://").removesuffix("/realtime")
        async with httpx.AsyncClient() as http:
            for reply in (
                await http.get(f"{address}/microphone"),
                await http.get(f"{address}/microphone/events"),
                await http.post(f"{address}/microphone", json={"muted": True}),
            ):
                assert reply.status_code == 404 and "no microphone" in reply.text


def test_an_unknown_wake_word_is_said_before_the_model_is_loaded():
    config = load_config(
        preset="test",
        overrides={
            "audio": {"enabled": True},
            "microphone": {"activation": "wake_word", "wake_word": "/nowhere/hey.tflite"},
        },
    )
    with pytest.raises(UserError, match=r"^There is no wake-word model at /nowhere"):
        Daemon(config, ScriptedModel())
