"""Handshake, limits and malformed input over a real socket; the session is a puppet."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.served import RawClient, served
from vivavoce.assistant.core import notices
from vivavoce.assistant.http.access import Rules
from vivavoce.assistant.realtime.service import Limits, Service
from vivavoce.assistant.session import SessionSettings

PLACE = notices.PartPlace("resp_1", "item_1", 0, 0)


class Puppet:
    """Does what a test tells it; says back what it was asked."""

    append_s = 0.0

    def __init__(self, emit: Callable[[notices.Notice], None], settings: SessionSettings) -> None:
        self.emit = emit
        self.asked: list[Any] = []
        self.closed = False

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True

    async def append(self, pcm: Any, rate_hz: int) -> None:
        self.asked.append(("append", len(pcm), rate_hz))
        await asyncio.sleep(self.append_s)

    def configure(self, settings: SessionSettings) -> None:
        self.asked.append(settings)

    def commit(self, event_id: str | None = None) -> None:
        self.emit(notices.ProtocolError("input_audio_buffer_commit_empty", "x", None, event_id))

    def clear(self, event_id: str | None = None) -> None:
        self.emit(notices.InputCleared())

    def respond(self, *_: Any) -> None:
        raise RuntimeError("a fault of ours")

    def cancel(self, response_id: str | None, event_id: str | None) -> None:
        """Floods the client."""
        view = notices.ResponseView("resp_1", "in_progress")
        self.emit(notices.ResponseCreated(view))
        for _ in range(400):
            self.emit(notices.AudioDelta(PLACE, bytes(48_000)))

    def create_item(self, item: Any, after: str | None, *_: Any) -> None:
        """Refuses what it is told to put after something."""
        if after is None:
            self.emit(notices.ItemAdded(item, None))
        else:
            self.emit(notices.ProtocolError("item_create_invalid_item_id", "x"))

    def delete_item(self, item_id: str, event_id: str | None) -> None:
        self.emit(notices.ItemDeleted(item_id))

    def item_audio(self, item_id: str) -> None:
        return None


class Theatre:
    """A service whose sessions are puppets."""

    def __init__(self, **service: Any) -> None:
        self.puppets: list[Puppet] = []
        self.service = Service(self._open, "nano", ("anna",), **service)

    def _open(self, emit: Callable[[notices.Notice], None], settings: SessionSettings) -> Any:
        self.puppets.append(Puppet(emit, settings))
        return self.puppets[-1]


async def alive(client: RawClient) -> None:
    """The session still answers."""
    await client.send("input_audio_buffer.clear")
    assert (await client.event())["type"] == "input_audio_buffer.cleared"


async def status_of(url: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    body = json.loads(caught.value.response.body)
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return caught.value.response.status_code


# --- handshake -------------------------------------------------------------------------------


async def test_an_unknown_model_path_or_intent_is_404_at_the_handshake() -> None:
    async with served(Theatre().service) as daemon:
        assert await status_of(daemon.url + "?model=gpt-realtime") == 404
        assert await status_of(daemon.url + "?call_id=1") == 404
        assert await status_of(daemon.url + "?intent=transcription") == 404
        assert await status_of(daemon.url.replace("realtime", "elsewhere")) == 404
        async with daemon.client(""):
            pass  # no model named: the daemon's own


async def test_a_wrong_key_is_401_and_both_ways_to_send_it_work() -> None:
    async with served(Theatre().service, Rules(api_key="secret")) as daemon:
        assert await status_of(daemon.url) == 401
        bearer = {"Authorization": "Bearer wrong"}
        assert await status_of(daemon.url, additional_headers=bearer) == 401
        wrong: Any = ["realtime", "openai-insecure-api-key.wrong"]
        assert await status_of(daemon.url, subprotocols=wrong) == 401
        async with daemon.client(additional_headers={"Authorization": "Bearer secret"}):
            pass
        browser: Any = [
            "realtime",
            "openai-insecure-api-key.secret",
            "openai-agents-sdk.0.20.0",
        ]
        async with daemon.client(subprotocols=browser) as client:
            assert client.socket.subprotocol == "realtime"
        assert (await daemon.get("/v1/models")).status_code == 401
        assert (await daemon.get("/metrics")).status_code == 401
        assert (await daemon.get("/health")).status_code == 200
        assert daemon.count("vivavoce_connections_refused_total", reason="key") == 5


async def test_a_refusal_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with served(Theatre().service) as daemon:
        assert await status_of(daemon.url + "?model=other") == 404
        await asyncio.sleep(0.05)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_without_a_key_any_is_accepted() -> None:
    async with served(Theatre().service) as daemon:
        async with daemon.client(additional_headers={"Authorization": "Bearer anything"}):
            pass
        async with daemon.client() as client:
            assert client.socket.subprotocol is None


async def test_web_pages_and_foreign_hosts_are_kept_out() -> None:
    async with served(Theatre().service) as daemon:
        evil: Any = "https://evil.example"
        assert await status_of(daemon.url, origin=evil) == 403
        assert await status_of(daemon.url.replace("127.0.0.1", "localhost"), origin=evil) == 403
        assert (await daemon.get("/v1/models", headers={"Origin": evil})).status_code == 403
        assert (await daemon.get("/health", headers={"Host": "evil.example"})).status_code == 403
        own: Any = daemon.http
        async with daemon.client(origin=own):
            pass


async def test_the_beta_shape_is_refused_by_name() -> None:
    async with served(Theatre().service) as daemon:
        beta = {"OpenAI-Beta": "realtime=v1"}
        async with connect(daemon.url, additional_headers=beta) as socket:
            error = await RawClient(socket).error()
            assert error["code"] == "beta_api_shape_disabled"
            with pytest.raises(ConnectionClosed):
                await socket.recv()


async def test_nobody_is_served_before_the_model_is_ready() -> None:
    reasons = ["the model is loading"]
    async with served(Theatre(not_ready=lambda: reasons).service) as daemon:
        reply = await daemon.get("/ready")
        assert (reply.status_code, reply.json()["reasons"]) == (503, reasons)
        async with connect(daemon.url) as socket:
            assert (await RawClient(socket).error())["code"] == "not_ready"
        reasons.clear()
        assert (await daemon.get("/ready")).status_code == 200
        async with daemon.client():
            pass


async def test_too_many_sessions_are_turned_away_and_a_freed_place_is_given_again() -> None:
    async with served(Theatre().service, limits=Limits(sessions=1)) as daemon:
        async with daemon.client() as first:
            async with connect(daemon.url) as socket:
                assert (await RawClient(socket).error())["code"] == "session_limit_reached"
                with pytest.raises(ConnectionClosed) as caught:
                    await socket.recv()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1013
            await alive(first)
        for _ in range(500):
            if not daemon.count("vivavoce_sessions_open"):
                break
            await asyncio.sleep(0.02)
        async with daemon.client() as second:
            await alive(second)


async def test_a_session_that_cannot_be_opened_ends_with_an_error() -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("no model")

    async with served(Service(broken, "nano", ("anna",))) as daemon, connect(daemon.url) as socket:
        client = RawClient(socket)
        error = await client.error()
        assert (error["type"], error["code"]) == ("server_error", "internal_error")
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1011


# --- malformed input -------------------------------------------------------------------------

MALFORMED = [
    ("{", "invalid_json"),
    ("[]", "invalid_json"),
    ("{}", "missing_required_parameter"),
    ('{"type": 3}', "invalid_type"),
    ('{"type": "no.such"}', "unknown_event"),
    ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
    ('{"type": "input_audio_buffer.append", "audio": "?"}', "invalid_value"),
    ('{"type": "output_audio_buffer.clear"}', "invalid_event_for_transport"),
]


@pytest.mark.parametrize(("text", "code"), MALFORMED)
async def test_malformed_input_gets_one_error_and_disturbs_nobody(text: str, code: str) -> None:
    async with (
        served(Theatre().service) as daemon,
        daemon.client() as client,
        daemon.client() as other,
    ):
        await client.socket.send(text)
        assert (await client.error())["code"] == code
        await client.quiet(0.05)
        await alive(client)
        await alive(other)
        assert daemon.count("vivavoce_errors_total", code=code) == 1


async def test_errors_echo_the_clients_event_id_and_only_a_string() -> None:
    async with served(Theatre().service) as daemon, daemon.client() as client:
        await client.send("no.such", event_id="evt_7")
        assert (await client.error())["event_id"] == "evt_7"
        await client.send("no.such", event_id=7)
        assert (await client.error())["event_id"] is None
        await client.send("session.update", event_id="evt_8", session={"audio": 5})
        error = await client.error()
        assert (error["event_id"], error["param"]) == ("evt_8", "session.audio")
        await client.send("input_audio_buffer.commit", event_id="evt_9")
        assert (await client.error())["event_id"] == "evt_9"


async def test_a_binary_frame_is_an_error_and_the_session_lives() -> None:
    async with served(Theatre().service) as daemon, daemon.client() as client:
        await client.socket.send(b"\x00\x01")
        assert (await client.error())["code"] == "invalid_type"
        await alive(client)


async def test_text_that_is_not_utf8_ends_that_connection_alone() -> None:
    async with (
        served(Theatre().service) as daemon,
        daemon.client() as client,
        daemon.client() as other,
    ):
        await client.socket.send(b"\xff\xfe", text=True)
        with pytest.raises(ConnectionClosed):
            await client.socket.recv()
        await alive(other)


async def test_a_fault_of_ours_is_told_as_such_and_the_session_lives() -> None:
    async with served(Theatre().service) as daemon, daemon.client() as client:
        await client.send("response.create", event_id="evt_1")
        error = await client.error()
        assert (error["type"], error["event_id"]) == ("server_error", "evt_1")
        await alive(client)


# --- limits ----------------------------------------------------------------------------------


async def test_15_mib_of_sound_in_one_message_are_taken_and_more_refused() -> None:
    theatre = Theatre()
    async with served(theatre.service) as daemon, daemon.client() as client:
        sound = base64.b64encode(bytes(15 * 1024 * 1024)).decode()
        await client.send("input_audio_buffer.append", audio=sound)
        await alive(client)
        pieces = theatre.puppets[0].asked
        assert sum(n_samples for _, n_samples, _ in pieces) == 15 * 1024 * 1024 // 2
        await client.send("input_audio_buffer.append", audio=sound + "AAAA", event_id="big")
        error = await client.error()
        assert (error["code"], error["event_id"]) == ("invalid_value", "big")
        await alive(client)


async def test_a_conversation_takes_only_so_much() -> None:
    theatre = Theatre(most_text=10)
    async with served(theatre.service) as daemon, daemon.client() as client:

        async def answer(text: str, **fields: Any) -> str:
            content = [{"type": "input_text", "text": text}]
            item = {"type": "message", "role": "user", "content": content, "id": text}
            await client.send("conversation.item.create", item=item, **fields)
            event = await client.event()
            return str(event["error"]["code"] if event["type"] == "error" else event["type"])

        assert await answer("refused", previous_item_id="x") == "item_create_invalid_item_id"
        assert await answer("12345") == "conversation.item.added"
        assert await answer("123456") == "invalid_value"
        await client.send("conversation.item.delete", item_id="12345")
        assert (await client.event())["type"] == "conversation.item.deleted"
        assert await answer("123456") == "conversation.item.added"


async def test_a_frame_beyond_24_mib_closes_that_connection_with_1009() -> None:
    async with (
        served(Theatre().service) as daemon,
        daemon.client() as client,
        daemon.client() as other,
    ):
        with pytest.raises(ConnectionClosed) as caught:
            await client.socket.send("x" * (25 * 1024 * 1024))
            await client.socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
        await alive(other)


async def test_a_session_over_its_time_says_so_and_closes_with_1001() -> None:
    theatre = Theatre()
    async with (
        served(theatre.service, limits=Limits(session_s=0.3)) as daemon,
        daemon.client() as client,
    ):
        assert (await client.error())["code"] == "session_expired"
        with pytest.raises(ConnectionClosed) as caught:
            await client.socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert "limit" in caught.value.rcvd.reason
    assert theatre.puppets[0].closed


async def test_an_idle_client_is_closed_and_a_busy_one_not() -> None:
    async with (
        served(Theatre().service, limits=Limits(idle_s=1.5)) as daemon,
        daemon.client() as idle,
        daemon.client() as busy,
    ):
        told = asyncio.create_task(idle.error())
        while not told.done():
            await alive(busy)
            await asyncio.wait([told], timeout=0.1)
        assert told.result()["code"] == "session_expired"
        await alive(busy)


async def test_a_client_that_does_not_read_is_closed_with_1013_and_others_live() -> None:
    theatre = Theatre()
    limits = Limits(outgoing=2 * 1024 * 1024)
    async with (
        served(theatre.service, limits=limits) as daemon,
        daemon.client() as other,
        daemon.client(max_queue=16) as slow,
    ):
        await slow.send("response.cancel")
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                await asyncio.wait_for(slow.socket.recv(), 30)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1013
        await alive(other)
        assert daemon.count("vivavoce_slow_clients_dropped_total") == 1


async def test_pings_are_answered_while_a_message_is_worked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Puppet, "append_s", 60.0)
    theatre = Theatre()
    async with served(theatre.service) as daemon, daemon.client() as client:
        for _ in range(4):
            await client.send("input_audio_buffer.append", audio="AAAA")
        await asyncio.wait_for(await client.socket.ping(), 30)
        assert len(theatre.puppets[0].asked) <= 1, "the first is worked on still"


async def test_a_client_that_goes_away_closes_its_session() -> None:
    theatre = Theatre()
    async with served(theatre.service) as daemon:
        async with daemon.client():
            pass
        async with connect(daemon.url) as socket:
            socket.transport.abort()
        for _ in range(500):
            if len(theatre.puppets) == 2 and all(puppet.closed for puppet in theatre.puppets):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("a session was left open")


# --- settings --------------------------------------------------------------------------------


async def test_an_update_reaches_the_session_whole_or_not_at_all() -> None:
    theatre = Theatre()
    async with served(theatre.service) as daemon, daemon.client() as client:
        telephone = {"type": "audio/pcmu"}
        await client.send(
            "session.update",
            session={
                "type": "realtime",
                "instructions": "x",
                "audio": {"input": {"format": telephone, "turn_detection": None}},
            },
        )
        updated = await client.event()
        assert updated["type"] == "session.updated"
        assert updated["session"]["instructions"] == "x"
        assert updated["session"]["audio"]["input"]["turn_detection"] is None
        assert not theatre.puppets[0].asked[-1].core.turn_detection
        await client.send("input_audio_buffer.append", audio="AAAA")
        await client.send("session.update", session={"instructions": "y", "tools": 5})
        assert (await client.error())["param"] == "session.tools"
        assert theatre.puppets[0].asked[-1] == ("append", 3, 8000)
        await client.send("session.update", session={})
        assert (await client.event())["session"]["instructions"] == "x"


async def test_a_response_keeps_the_format_it_began_with() -> None:
    theatre = Theatre()
    async with served(theatre.service) as daemon, daemon.client() as client:
        emit = theatre.puppets[0].emit
        emit(notices.ResponseCreated(notices.ResponseView("resp_1", "in_progress")))
        emit(notices.AudioDelta(PLACE, bytes(480)))
        created = await client.event()
        assert created["response"]["audio"]["output"]["format"]["rate"] == 24000
        assert len(base64.b64decode((await client.event())["delta"])) == 480
        telephone = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
        await client.send("session.update", session=telephone)
        await client.event()
        emit(notices.ResponseDone(notices.ResponseView("resp_1", "completed")))
        done = await client.event()
        assert done["response"]["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}


async def test_a_daemon_that_stops_tells_its_clients_with_1012() -> None:
    theatre = Theatre()
    async with served(theatre.service) as daemon:
        client = await connect(daemon.url)
        await client.recv()
    with pytest.raises(ConnectionClosed) as caught:
        await client.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012
    assert theatre.puppets[0].closed
