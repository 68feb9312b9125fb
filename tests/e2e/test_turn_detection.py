"""session.update changes how turns end while somebody speaks, over a real socket."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.live_session import at_rest
from tests.support.scripted_daemon import RATE_HZ, ScriptedDaemon, scripted_daemon, speak
from tests.support.served import RawClient
from vivavoce.streaming.patience import BOUNDS

WAITS = BOUNDS["auto"]
COMPLETE = {"turn on the light": 0.95, "hello": 0.02}
QUIET_S = 0.4
ENDED = "input_audio_buffer.committed"


async def update(client: RawClient, **turn_detection: Any) -> dict[str, Any]:
    """Changes how turns end; gives what is announced."""
    audio = {"input": {"turn_detection": turn_detection}}
    await client.send("session.update", session={"type": "realtime", "audio": audio})
    updated = (await client.until("session.updated"))[-1]
    shown: dict[str, Any] = updated["session"]["audio"]["input"]["turn_detection"]
    return shown


async def pause(client: RawClient, seconds: float) -> None:
    await speak(client, np.zeros(int(seconds * RATE_HZ), dtype=np.float32))


async def say(daemon: ScriptedDaemon, client: RawClient, sentence: str) -> None:
    """Speaks, and is quiet until the model has been asked for its opinion and has given it."""
    await speak(client, daemon.says(sentence, silence_s=QUIET_S))
    await over(client)
    (session,) = daemon.sessions
    await at_rest(session)


async def over(client: RawClient) -> bool:
    """Whether the turn has ended, of all the sound sent so far."""
    await client.send("session.update", session={"type": "realtime"})
    await client.until("session.updated")
    return any(event["type"] == ENDED for event in client.seen)


async def test_a_shorter_silence_ends_the_turn_that_is_open() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await update(client, type="server_vad", silence_duration_ms=2000)
        await say(daemon, client, "hello")
        await pause(client, 0.5)
        assert not await over(client)
        await update(client, type="server_vad", silence_duration_ms=400)
        await pause(client, 0.1)
        assert await over(client)


async def test_turns_by_meaning_and_by_silence_follow_each_other_within_one_turn() -> None:
    async with scripted_daemon(complete=COMPLETE) as daemon, daemon.client("") as client:
        shown = await update(client, type="semantic_vad", eagerness="low")
        assert shown == {
            "type": "semantic_vad",
            "eagerness": "low",
            "create_response": True,
            "interrupt_response": True,
        }
        await say(daemon, client, "turn on the light")
        await pause(client, 0.1)
        assert not await over(client)  # low waits 600 ms even for what sounds finished
        await update(client, type="semantic_vad", eagerness="auto")
        await pause(client, 0.1)
        assert await over(client)


async def test_what_sounds_finished_is_answered_before_the_silence_of_server_vad() -> None:
    async with scripted_daemon(complete=COMPLETE) as daemon, daemon.client("") as client:
        await update(client, type="semantic_vad")
        await say(daemon, client, "turn on the light")
        await pause(client, 0.08)
        assert await over(client)
        await client.until("response.done")


async def test_what_sounds_broken_off_is_waited_for() -> None:
    async with scripted_daemon(complete=COMPLETE) as daemon, daemon.client("") as client:
        await update(client, type="semantic_vad")
        await say(daemon, client, "hello")
        await pause(client, WAITS.usual / 1000 - QUIET_S + 0.3)
        assert not await over(client)
        await pause(client, (WAITS.late - WAITS.usual) / 1000)
        assert await over(client)


@pytest.mark.parametrize("eagerness", ["fast", None, 3])
async def test_an_eagerness_there_is_none_of_changes_nothing(eagerness: Any) -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        before = await update(client, type="semantic_vad", eagerness="high")
        asked = {"type": "semantic_vad", "eagerness": eagerness}
        session = {"type": "realtime", "audio": {"input": {"turn_detection": asked}}}
        await client.send("session.update", session=session, event_id="mine")
        if eagerness is None:  # a null asks for the default, as everywhere
            assert (await client.until("session.updated"))[-1]["session"]["audio"]["input"][
                "turn_detection"
            ]["eagerness"] == "auto"
            return
        error = await client.error()
        assert (error["code"], error["event_id"]) == ("invalid_value", "mine")
        assert error["param"] == "session.audio.input.turn_detection.eagerness"
        assert error["message"] == f"{error['param']} must be 'low', 'medium', 'high' or 'auto'"
        await client.send("session.update", session={"type": "realtime"})
        after = (await client.until("session.updated"))[-1]["session"]["audio"]["input"]
        assert after["turn_detection"] == before
