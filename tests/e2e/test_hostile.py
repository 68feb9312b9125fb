"""Whatever a client sends, the daemon is never at fault and nobody else is disturbed."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from typing import Any

import pytest

from tests.support.scripted_daemon import FRIDGE, scripted_daemon, text_item
from tests.support.served import RawClient

RIGHT: list[dict[str, Any]] = [
    {"type": "session.update", "event_id": "e", "session": {
        "type": "realtime", "instructions": "x", "tools": [FRIDGE], "tool_choice": "auto",
        "output_modalities": ["audio"], "max_output_tokens": 10, "tracing": "auto",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000},
                            "noise_reduction": {"type": "near_field"},
                            "transcription": {"model": "m", "language": "en", "prompt": "p"},
                            "turn_detection": {"type": "server_vad", "threshold": 0.5,
                                               "idle_timeout_ms": 6000,
                                               "silence_duration_ms": 300}},
                  "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy",
                             "speed": 1.0}}}},
    {"type": "input_audio_buffer.append", "audio": "AAAAAAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": text_item("hello", id="a"),
     "previous_item_id": "root"},
    {"type": "conversation.item.create", "item": {"type": "message", "role": "user",
     "content": [{"type": "input_audio", "audio": "AAAA"}]}},
    {"type": "conversation.item.create", "item": {"type": "function_call", "name": "f",
     "call_id": "c", "arguments": "{}"}},
    {"type": "conversation.item.create", "item": {"type": "function_call_output",
     "call_id": "c", "output": "x"}},
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.delete", "item_id": "a"},
    {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0,
     "audio_end_ms": 10},
    {"type": "response.create", "response": {"conversation": "none", "metadata": {"a": "b"},
     "output_modalities": ["text"], "input": [text_item("hello")], "tools": [FRIDGE],
     "tool_choice": {"type": "function", "name": "look_in_fridge"}, "max_output_tokens": 5,
     "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "tone"}}}},
    {"type": "response.cancel", "response_id": "r"},
]  # fmt: skip
ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, 1e308, "", "x" * 3000, "\u0000", "😀", "../../etc/passwd",
    [], [[]], [None], {}, {"type": "object"}, {"": ""}, [1, "a"], "null", "audio/pcm", "inf",
]  # fmt: skip


def mutated(rng: random.Random) -> dict[str, Any]:
    """A right event with one to three of its values, at any depth, replaced or taken away."""
    event = copy.deepcopy(rng.choice(RIGHT))
    for _ in range(rng.randint(1, 3)):
        places = list(_places(event))
        if not places:
            break
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD))
    return event


def _places(value: Any) -> Any:
    """Every (container, key) in a JSON value."""
    keys = range(len(value)) if isinstance(value, list) else list(value)
    for key in keys:
        yield value, key
        if isinstance(value[key], list | dict):
            yield from _places(value[key])


async def flush(client: RawClient, mark: str) -> list[dict[str, Any]]:
    """Everything up to the error that answers a marked nonsense event."""
    await client.send("no.such", event_id=mark)
    events: list[dict[str, Any]] = []
    while not (events and events[-1].get("error", {}).get("event_id") == mark):
        events.append(await client.event(20))
    return events


@pytest.mark.parametrize("seed", range(4))
async def test_mutated_events_are_never_a_fault_of_ours(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(seed)
    async with (
        scripted_daemon() as daemon,
        daemon.client("") as client,
        daemon.client("") as other,
    ):
        client.strict = False  # rates beyond the SDK's may get set
        for round_number in range(8):
            sent = [mutated(rng) for _ in range(40)]
            for event in sent:
                await client.socket.send(json.dumps(event))
            events = await flush(client, f"mark {round_number}")
            ours = [e for e in events if e.get("error", {}).get("type") == "server_error"]
            assert not ours, (ours, sent)
        assert (await flush(other, "still here"))[-1]["error"]["code"] == "unknown_event"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_noise_for_json_is_an_error_each_time() -> None:
    rng = random.Random(7)
    async with scripted_daemon() as daemon, daemon.client("") as client:
        for _ in range(200):
            text = "".join(rng.choice('{}[]":,0truefalsenul\\u d8') for _ in range(40))
            await client.socket.send("{" + text)
        for _ in range(200):
            assert (await client.error())["code"] == "invalid_json"


async def test_a_flood_from_one_client_leaves_the_others_their_turn() -> None:
    async with (
        scripted_daemon() as daemon,
        daemon.client("") as flood,
        daemon.client("") as other,
    ):
        text = json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA" * 1600})
        n_poured, begun = 0, asyncio.Event()

        async def pour() -> None:
            nonlocal n_poured
            while True:
                await flood.socket.send(text)
                n_poured += 1
                begun.set()

        pouring = asyncio.create_task(pour())
        await begun.wait()
        for _ in range(3):
            before = n_poured
            await other.send("input_audio_buffer.clear")
            await other.until("input_audio_buffer.cleared")
            assert n_poured - before < 1000, "the others waited for the flood"
        pouring.cancel()
