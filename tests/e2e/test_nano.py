"""The shipped model behind the real daemon and a real socket, heard and answered in speech."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from tests.support.order_check import assert_in_order
from tests.support.scripted_daemon import AT_ONCE, FRIDGE, kinds, sound_of, speak, text_item
from tests.support.served import RawClient
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.models.catalog import load
from vivavoce.models.dialogue import SpeechModel
from vivavoce.streaming.codecs import from_int16
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.resample import resample

VOICES = Path(__file__).parents[2] / "demo" / "voices"


@functools.lru_cache(maxsize=1)
def nano() -> SpeechModel:
    return load("nano")


@contextlib.asynccontextmanager
async def talking(real_time: bool = False, **session: Any) -> AsyncIterator[RawClient]:
    """A client of a daemon on nano, its session set up; replies are played, or sent at once."""
    config = load_config(
        overrides={
            "server": {"port": 0},
            "audio": {"enabled": False},
            "skills": {"seed": 5},  # its joke is the longest
        }
    )
    async with Daemon(config, model=nano()) as daemon, connect(
        daemon.url + ("?model=nano" if real_time else AT_ONCE), max_size=None, max_queue=None
    ) as socket:  # fmt: skip
        client = RawClient(socket)
        assert (await client.event(30))["type"] == "session.created"
        await client.send("session.update", session={"type": "realtime", **session})
        await client.until("session.updated")
        yield client
        assert_in_order(client.seen)


def person(name: str, silence_s: float = 1.0) -> Pcm:
    """A line of the demo's person and the silence after it, [n] at 24 kHz."""
    with wave.open(str(VOICES / f"{name}.wav")) as recording:
        rate_hz = recording.getframerate()
        pcm = from_int16(np.frombuffer(recording.readframes(-1), dtype="<i2"))
    silence = np.zeros(int(silence_s * 24000), dtype=np.float32)
    return np.concatenate((resample(pcm, rate_hz, 24000), silence))


def reply(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The response that ends `events`, told what was done in it, and that nano was sure of it."""
    response = dict(events[-1]["response"])
    response["actions"] = json.loads((response["metadata"] or {}).get("vivavoce.actions", "[]"))
    assert all(0.3 < action.pop("confidence") <= 1 for action in response["actions"])
    content = [part for item in response["output"] for part in item.get("content", ())]
    response["said"] = " ".join(part.get("transcript", part.get("text", "")) for part in content)
    return response


async def test_a_spoken_sum_is_heard_done_and_spoken() -> None:
    async with talking(audio={"input": {"transcription": {"model": "any"}}}) as client:
        await speak(client, person("sum"))
        events = await client.until("response.done", 60)
        response = reply(events)
        assert response["status"] == "completed"
        assert response["actions"] == [{"name": "calc", "arguments": {"a": 7, "op": "*", "b": 8}}]
        assert "fifty six" in response["said"]
        sound = sound_of(events)
        assert len(sound) > 12000
        assert np.sqrt(np.mean(sound**2)) > 0.01
        heard = [e for e in client.seen if e["type"].endswith("transcription.completed")]
        assert len(heard) == 1


async def test_a_follow_up_needs_the_turn_before() -> None:
    async with talking() as client:
        rooms = []
        for name in ("kitchen", "bedroom"):
            await speak(client, person(name))
            rooms += reply(await client.until("response.done", 60))["actions"]
        assert rooms == [
            {"name": "light_on", "arguments": {"room": "kitchen"}},
            {"name": "light_on", "arguments": {"room": "bedroom"}},
        ]


async def test_a_turn_by_hand_and_a_text_only_answer() -> None:
    async with talking(
        output_modalities=["text"], audio={"input": {"turn_detection": None}}
    ) as client:
        await speak(client, person("time", silence_s=0.2))
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.done")
        await client.send("response.create")
        events = await client.until("response.done", 60)
        assert reply(events)["actions"] == [{"name": "time", "arguments": {}}]
        assert not len(sound_of(events))


@pytest.mark.usefixtures("patient_session")
async def test_an_interrupted_joke_keeps_only_what_was_heard() -> None:
    async with talking(real_time=True) as client:
        await speak(client, person("joke"))
        first = await client.until("response.output_audio.delta", 60)
        await asyncio.sleep(0.8)
        stopping = asyncio.create_task(speak(client, person("stop"), pace=1.0))
        events = await client.until("response.done", 30)
        assert reply(events)["status_details"]["reason"] == "turn_detected"
        item_id = first[-1]["item_id"]
        await client.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500
        )
        after = await client.until("response.done", 60)
        assert "conversation.item.truncated" in kinds(after)
        await stopping
        await client.send("conversation.item.retrieve", item_id=item_id)
        item = (await client.until("conversation.item.retrieved"))[-1]["item"]
        told = "".join(
            e["delta"]
            for e in client.seen
            if e["type"].endswith("transcript.delta") and e["item_id"] == item_id
        )
        assert told.startswith(item["content"][0]["transcript"])
        assert len(item["content"][0]["transcript"].split()) <= 3  # in half a second


async def test_what_it_cannot_do_it_declines_without_an_action() -> None:
    async with talking() as client:
        await speak(client, person("president"))
        response = reply(await client.until("response.done", 60))
        assert response["actions"] == []
        assert "sorry" in response["said"]


async def test_a_text_turn_is_understood_too() -> None:
    async with talking() as client:
        await client.send("conversation.item.create", item=text_item("what time is it"))
        await client.send("response.create")
        response = reply(await client.until("response.done", 60))
        assert response["actions"] == [{"name": "time", "arguments": {}}]


async def test_a_forced_call_fits_the_clients_schema() -> None:
    async with talking(tools=[FRIDGE], tool_choice="required") as client:
        await client.send("conversation.item.create", item=text_item("what is in the fridge"))
        await client.send("response.create")
        events = await client.until("response.done", 60)
        call = events[-1]["response"]["output"][0]
        assert call["type"] == "function_call"
        assert isinstance(json.loads(call["arguments"])["shelf"], str)
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "milk"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create", response={"tool_choice": "none"})
        assert reply(await client.until("response.done", 60))["status"] == "completed"


@pytest.mark.parametrize("modality", ["text", "audio"])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [("timer_set", "set a timer for five minutes"), ("calc", "what is two plus two")],
)
async def test_whatever_function_the_client_runs_its_answer_is_spoken(
    name: str, sentence: str, modality: str
) -> None:
    function = {"type": "function", "name": name, "parameters": {"type": "object"}}
    async with talking(tools=[function], output_modalities=[modality]) as client:
        await client.send("conversation.item.create", item=text_item(sentence))
        await client.send("response.create")
        call = (await client.until("response.done", 60))[-1]["response"]["output"][0]
        assert (call["type"], call["name"]) == ("function_call", name)
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "forty two"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        assert "forty two" in reply(await client.until("response.done", 60))["said"]


async def test_without_a_choice_of_tools_it_still_does_what_it_can() -> None:
    async with talking(tools=[FRIDGE], tool_choice="none", output_modalities=["text"]) as client:
        await client.send("conversation.item.create", item=text_item("what is two plus two"))
        await client.send("response.create")
        assert "four" in reply(await client.until("response.done", 60))["said"]


async def test_a_picture_is_refused_by_name() -> None:
    async with talking() as client:
        picture = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
        content = [{"type": "input_text", "text": "look"}, picture]
        item = {"type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=item, event_id="look")
        error = await client.error()
        assert (error["code"], error["param"]) == ("invalid_value", "item.content.1")
        assert (error["message"], error["event_id"]) == ("nano takes no pictures", "look")
        await client.send("response.create", response={"conversation": "none", "input": [item]})
        assert (await client.error())["param"] == "response.input.content.1"


async def test_a_timer_is_told_in_the_sessions_own_way() -> None:
    async with talking(output_modalities=["text"]) as client:
        timer = text_item("set a timer for two seconds")
        await client.send("conversation.item.create", item=timer)
        await client.send("response.create")
        await client.until("response.done", 60)
        events = await client.until("response.done", 60)
        response = events[-1]["response"]
        assert response["output_modalities"] == ["text"]
        assert "timer" in reply(events)["said"]
        assert not [e for e in events if "audio" in e["type"]]


async def test_a_token_limit_ends_the_reply_early() -> None:
    async with talking() as client:
        await client.send("conversation.item.create", item=text_item("tell me a joke"))
        await client.send("response.create", response={"max_output_tokens": 8})
        response = reply(await client.until("response.done", 60))
        assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}


async def test_noise_gets_no_action() -> None:
    noise = np.random.default_rng(3).normal(0, 0.03, 48000).astype(np.float32)
    async with talking(audio={"input": {"turn_detection": None}}) as client:
        await speak(client, noise)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        assert reply(await client.until("response.done", 60))["actions"] == []
