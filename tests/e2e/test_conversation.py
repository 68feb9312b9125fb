"""Items, responses and tools over the wire."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from tests.support.order_check import assert_in_order, response_events
from tests.support.scripted_daemon import (
    AT_ONCE,
    FRIDGE,
    kinds,
    scripted_daemon,
    sound_of,
    speak,
    text_item,
)
from tests.support.served import RawClient
from vivavoce.streaming.codecs import encode


async def ask(client: RawClient, text: str, **response: Any) -> list[dict[str, Any]]:
    """A text turn: every event from the item to the end of the response."""
    await client.send("conversation.item.create", item=text_item(text))
    await client.send("response.create", **({"response": response} if response else {}))
    return await client.until("response.done")


def said(events: list[dict[str, Any]]) -> str:
    """The words of the response that ends `events`."""
    content = events[-1]["response"]["output"][0]["content"][0]
    words: str = content.get("text", content.get("transcript"))
    return words


async def add(client: RawClient, item: dict[str, Any], **fields: Any) -> dict[str, Any]:
    await client.send("conversation.item.create", item=item, **fields)
    added = await client.event()
    assert added["type"] == "conversation.item.added", added
    assert (await client.event())["type"] == "conversation.item.done"
    return added


# --- text turns and response settings --------------------------------------------------------


async def test_a_text_turn_reads_as_the_protocol_says() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        events = await ask(client, "hello", output_modalities=["text"])
        assert kinds(events) == [
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        user = events[0]["item"]["id"]
        added = [e for e in events if e["type"] == "conversation.item.added"][1]
        assert added["previous_item_id"] == user
        assert said(events) == "hello there"
        assert events[-1]["response"]["output_modalities"] == ["text"]
        assert not len(sound_of(events))
        assert_in_order(client.seen)


async def test_a_text_turn_can_be_spoken() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        events = await ask(client, "hello")
        assert said(events) == "hello there"
        assert len(sound_of(events)) == 2 * 4800


async def test_metadata_is_echoed_from_the_first_event_on() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        events = await ask(client, "hello", metadata={"client_event_id": "x"})
        shown = [e["response"]["metadata"] for e in events if "response" in e]
        assert shown == [{"client_event_id": "x"}] * 2


async def test_max_output_tokens_ends_a_response_as_incomplete() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        events = await ask(client, "tell me a story", max_output_tokens=3)
        response = events[-1]["response"]
        assert response["status"] == "incomplete"
        assert response["status_details"]["reason"] == "max_output_tokens"
        assert response["max_output_tokens"] == 3
        assert response["output"][0]["status"] == "incomplete"
        assert_in_order(client.seen)


async def test_only_one_response_at_a_time_writes_to_the_conversation() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await client.send("conversation.item.create", item=text_item("tell me a story"))
        await client.send("response.create")
        await client.send("response.create", event_id="second")
        error = next(e for e in await client.until("error") if e["type"] == "error")["error"]
        assert error["code"] == "conversation_already_has_active_response"
        assert error["event_id"] == "second"
        await client.send("response.cancel")
        await client.until("response.done")
        assert_in_order(client.seen)


async def test_out_of_band_runs_beside_and_leaves_no_trace() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await client.send("conversation.item.create", item=text_item("tell me a story"))
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send(
            "response.create",
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "input": [text_item("hello")],
                "metadata": {"topic": "aside"},
            },
        )
        aside = next(
            e["response"]
            for e in await client.until("response.created")
            if e["type"] == "response.created"
        )
        assert aside["conversation_id"] is None
        assert aside["metadata"] == {"topic": "aside"}
        done = await client.until("response.done")
        assert done[-1]["response"]["id"] == aside["id"]
        assert said(done) == "hello there"
        own = response_events(aside["id"], client.seen)
        assert not [e for e in own if e["type"].startswith("conversation.")]
        item_id = done[-1]["response"]["output"][0]["id"]
        await client.send("response.cancel")
        await client.until("response.done")
        await client.send("conversation.item.retrieve", item_id=item_id)
        assert (await client.error())["code"] == "item_retrieve_invalid_item_id"
        assert_in_order(client.seen)


async def test_an_empty_input_and_a_reference_choose_what_is_answered() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        hello = (await add(client, text_item("hello")))["item"]["id"]
        await add(client, text_item("tell me a story"))
        await client.send(
            "response.create",
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "input": [{"type": "item_reference", "id": hello}],
            },
        )
        assert said(await client.until("response.done")) == "hello there"
        unknown = [{"type": "item_reference", "id": "nothing"}]
        await client.send("response.create", response={"conversation": "none", "input": unknown})
        assert (await client.error())["code"] == "invalid_value"


async def test_sound_can_be_asked_about_out_of_band() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        sound = encode("pcm16", daemon.says("hello", silence_s=0))
        content = [{"type": "input_audio", "audio": base64.b64encode(sound).decode()}]
        asked = {"type": "message", "role": "user", "content": content}
        await client.send(
            "response.create",
            response={"conversation": "none", "output_modalities": ["text"], "input": [asked]},
        )
        assert said(await client.until("response.done")) == "hello there"


async def test_a_response_in_another_format_than_its_session() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        telephone = {"output": {"format": {"type": "audio/pcmu"}}}
        events = await ask(client, "hello", audio=telephone)
        assert events[-1]["response"]["audio"]["output"]["format"] == {"type": "audio/pcmu"}
        deltas = [e["delta"] for e in events if e["type"] == "response.output_audio.delta"]
        assert sum(len(base64.b64decode(delta)) for delta in deltas) == 2 * 1600


async def test_a_model_that_breaks_fails_its_response_and_the_session_lives() -> None:
    async with (
        scripted_daemon() as daemon,
        daemon.client(AT_ONCE) as client,
        daemon.client(AT_ONCE) as other,
    ):
        failed = (await ask(client, "break down"))[-1]["response"]
        assert failed["status"] == "failed"
        assert failed["status_details"]["error"]["type"] == "server_error"
        assert said(await ask(client, "hello")) == "hello there"
        assert said(await ask(other, "hello")) == "hello there"
        assert_in_order(client.seen)


# --- items -----------------------------------------------------------------------------------


async def test_items_stand_where_they_are_put() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        assert (await add(client, text_item("one", id="a")))["previous_item_id"] is None
        assert (await add(client, text_item("two", id="b")))["previous_item_id"] == "a"
        between = await add(client, text_item("three", id="c"), previous_item_id="a")
        assert between["previous_item_id"] == "a"
        front = await add(client, text_item("zero", id="z"), previous_item_id="root")
        assert front["previous_item_id"] is None
        assert (await add(client, text_item("last")))["previous_item_id"] == "b"


async def test_every_kind_of_item_is_taken_and_shown() -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    items: list[dict[str, Any]] = [
        text_item("be kind", "system"),
        text_item("hi", "assistant"),
        text_item("hello"),
        {"type": "message", "role": "user",
         "content": [{"type": "input_image", "image_url": picture, "detail": "low"}]},
        {"type": "function_call", "name": "f", "call_id": "call_x", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_x", "output": "done"},
    ]  # fmt: skip
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        for item in items:
            shown = (await add(client, item))["item"]
            assert shown["object"] == "realtime.item"
            for key, value in item.items():
                assert shown[key] == value
            await client.send("conversation.item.retrieve", item_id=shown["id"])
            assert (await client.event())["item"] == shown


async def test_a_spoken_item_given_whole_is_understood_and_given_back() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        sound = encode("pcm16", daemon.says("hello", silence_s=0))
        content = [{"type": "input_audio", "audio": base64.b64encode(sound).decode()}]
        added = await add(client, {"type": "message", "role": "user", "content": content})
        assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
        await client.send("conversation.item.retrieve", item_id=added["item"]["id"])
        kept = (await client.event())["item"]["content"][0]
        assert abs(len(base64.b64decode(kept["audio"])) - len(sound)) <= 8
        await client.send("response.create")
        assert said(await client.until("response.done")) == "hello there"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"item": text_item("x", id="a")}, "item_create_invalid_item_id"),
        ({"item": text_item("x"), "previous_item_id": "no"}, "item_create_invalid_item_id"),
        (
            {"item": {"type": "function_call_output", "call_id": "no", "output": "x"}},
            "invalid_value",
        ),
        ({"item": {"type": "mcp_approval_response", "approve": True}}, "invalid_value"),
    ],
)
async def test_an_item_that_cannot_be_added_is_an_error(fields: dict[str, Any], code: str) -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await add(client, text_item("one", id="a"))
        await client.send("conversation.item.create", event_id="bad", **fields)
        error = await client.error()
        assert (error["code"], error["event_id"]) == (code, "bad")


async def test_a_deleted_item_is_gone_from_the_conversation_and_from_memory() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await add(client, text_item("hello", id="a"))
        await add(client, text_item("tell me a story", id="b"))
        await client.send("conversation.item.delete", item_id="b")
        assert await client.event() == {
            "type": "conversation.item.deleted",
            "event_id": client.seen[-1]["event_id"],
            "item_id": "b",
        }
        await client.send("conversation.item.retrieve", item_id="b", event_id="e")
        error = await client.error()
        assert (error["code"], error["event_id"]) == ("item_retrieve_invalid_item_id", "e")
        await client.send("response.create", response={"output_modalities": ["text"]})
        assert said(await client.until("response.done")) == "hello there"


# --- tools -----------------------------------------------------------------------------------


async def test_a_client_tool_is_called_answered_and_spoken_about() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await client.send("session.update", session={"tools": [FRIDGE]})
        await client.until("session.updated")
        await speak(client, daemon.says("what is in the fridge"))
        events = await client.until("response.done")
        response = events[-1]["response"]
        call = response["output"][0]
        assert response["status"] == "completed"
        assert json.loads(call["arguments"]) == {"shelf": "top"}
        assert kinds(response_events(response["id"], events)) == [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        added = next(e["item"] for e in events if e["type"] == "response.output_item.added")
        assert (added["name"], added["call_id"], added["arguments"]) == (
            "look_in_fridge",
            call["call_id"],
            "",
        )
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "milk"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        assert said(await client.until("response.done")) == "there is milk"
        assert_in_order(client.seen)


async def test_a_skill_of_the_daemon_runs_within_the_response() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        events = await ask(client, "what time is it")
        response = events[-1]["response"]
        assert [item["type"] for item in response["output"]] == ["message"]
        assert json.loads(response["metadata"]["vivavoce.actions"]) == [
            {"name": "time", "arguments": {}}
        ]
        lit = (await ask(client, "turn on the light"))[-1]["response"]
        assert json.loads(lit["metadata"]["vivavoce.actions"]) == [
            {"name": "light_on", "arguments": {"room": "kitchen"}}
        ]
        assert_in_order(client.seen)


@pytest.mark.parametrize("sentence", ["hello", "what is in the fridge", "what time is it"])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "look_in_fridge"}])
async def test_a_forced_call_is_made_whatever_the_model_would_say(
    sentence: str, choice: Any
) -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        events = await ask(client, sentence, tools=[FRIDGE], tool_choice=choice)
        response = events[-1]["response"]
        assert [item["type"] for item in response["output"]] == ["function_call"]
        call = response["output"][0]
        assert call["name"] == "look_in_fridge"
        assert isinstance(json.loads(call["arguments"])["shelf"], str)
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "milk"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create", response={"output_modalities": ["text"]})
        assert "milk" in said(await client.until("response.done"))
        assert_in_order(client.seen)


async def test_tool_choice_none_calls_nothing() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await client.send("session.update", session={"tools": [FRIDGE]})
        await client.until("session.updated")
        events = await ask(client, "what is in the fridge", tool_choice="none")
        assert [item["type"] for item in events[-1]["response"]["output"]] == ["message"]


# --- several sessions ------------------------------------------------------------------------


async def test_sessions_know_nothing_of_each_other() -> None:
    async with (
        scripted_daemon() as daemon,
        daemon.client(AT_ONCE) as one,
        daemon.client(AT_ONCE) as two,
    ):
        await add(one, text_item("hello", id="mine"))
        await two.send("conversation.item.retrieve", item_id="mine")
        assert (await two.error())["code"] == "item_retrieve_invalid_item_id"
        replies = await asyncio.gather(ask(one, "hello"), ask(two, "what time is it"))
        assert [said(events).split()[0] for events in replies][0] == "hello"
        first, second = ([e["response"]["id"] for e in events if "response" in e][0]
                         for events in replies)  # fmt: skip
        assert first != second


async def test_a_client_that_vanishes_in_a_reply_leaves_the_others_talking() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as other:
        async with daemon.client("") as client:
            await client.send("conversation.item.create", item=text_item("tell me a story"))
            await client.send("response.create")
            await client.until("response.output_audio.delta")
            client.socket.transport.abort()
        assert said(await ask(other, "hello")) == "hello there"
        for _ in range(1000):
            if daemon.count("vivavoce_sessions_open") == 1:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the session is still counted")
