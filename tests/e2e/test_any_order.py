"""Whatever a client asks for, and in whatever order: the events keep the protocol's order."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.support.order_check import assert_in_order
from tests.support.scripted_daemon import (
    FRIDGE,
    SCRIPT,
    ScriptedDaemon,
    scripted_daemon,
    speak,
    text_item,
)
from tests.support.served import RawClient


class Restless:
    """A client that does anything at any time; it reads all the while."""

    def __init__(self, daemon: ScriptedDaemon, client: RawClient, rng: random.Random) -> None:
        self.daemon = daemon
        self.client = client
        self.rng = rng

    def sentence(self) -> str:
        return self.rng.choice(list(SCRIPT))

    def item(self) -> str:
        """An item's id, mostly one that exists."""
        known = [e["item"]["id"] for e in self.client.seen if "item" in e]
        return self.rng.choice([*known[-6:], "nothing"])

    async def act(self) -> None:
        await self.rng.choice(
            [self.say, self.say, self.write, self.write, self.respond, self.respond, self.aside,
             self.cancel, self.truncate, self.delete, self.retrieve, self.commit, self.clear,
             self.turns, self.wait, self.wait, self.answer]
        )()  # fmt: skip

    async def say(self) -> None:
        speech = self.daemon.says(self.sentence(), 0.5, self.rng.choice([0.1, 0.3, 0.8]))
        await speak(self.client, speech)

    async def write(self) -> None:
        after = self.rng.choice([None, None, "root", self.item()])
        item = text_item(self.sentence())
        await self.client.send("conversation.item.create", item=item, previous_item_id=after)

    async def respond(self) -> None:
        modality = self.rng.choice(["text", "audio"])
        await self.client.send(
            "response.create",
            response={
                "output_modalities": [modality],
                "tool_choice": self.rng.choice(["auto", "auto", "none", "required"]),
                "tools": [FRIDGE],
            },
        )

    async def aside(self) -> None:
        await self.client.send(
            "response.create",
            response={"conversation": "none", "input": [text_item(self.sentence())]},
        )

    async def cancel(self) -> None:
        await self.client.send("response.cancel")

    async def truncate(self) -> None:
        await self.client.send(
            "conversation.item.truncate",
            item_id=self.item(),
            content_index=0,
            audio_end_ms=self.rng.randrange(0, 1500),
        )

    async def delete(self) -> None:
        await self.client.send("conversation.item.delete", item_id=self.item())

    async def retrieve(self) -> None:
        await self.client.send("conversation.item.retrieve", item_id=self.item())

    async def commit(self) -> None:
        await self.client.send("input_audio_buffer.commit")

    async def clear(self) -> None:
        await self.client.send("input_audio_buffer.clear")

    async def turns(self) -> None:
        settings = [
            None,
            {"type": "server_vad"},
            {"type": "server_vad", "create_response": False},
            {"type": "server_vad", "interrupt_response": False},
            {"type": "semantic_vad", "eagerness": "high"},
        ]
        chosen: Any = self.rng.choice(settings)
        await self.client.send("session.update", session={"audio": {"input": {
            "turn_detection": chosen, "transcription": {"model": "any"}}}})  # fmt: skip

    async def answer(self) -> None:
        calls = [
            e["item"]["call_id"]
            for e in self.client.seen
            if e.get("item", {}).get("type") == "function_call"
        ]
        call_id = self.rng.choice([*calls, "no such call"])
        output = {"type": "function_call_output", "call_id": call_id, "output": "milk"}
        await self.client.send("conversation.item.create", item=output)

    async def wait(self) -> None:
        await asyncio.sleep(self.rng.choice([0.02, 0.2, 0.5]))


def unfinished(events: list[dict[str, Any]]) -> set[str]:
    """Responses that were created and are not done."""
    by_kind = {
        kind: {e["response"]["id"] for e in events if e["type"] == f"response.{kind}"}
        for kind in ("created", "done")
    }
    return by_kind["created"] - by_kind["done"]


async def settled(client: RawClient) -> None:
    """All that was sent has been handled, and for a second nothing is under way; or 20 s."""
    await client.send("no.such", event_id="the end")
    quiet = 0
    for _ in range(200):
        await asyncio.sleep(0.1)
        handled = any(e.get("error", {}).get("event_id") == "the end" for e in client.seen)
        quiet = quiet + 1 if handled and not unfinished(client.seen) else 0
        if quiet == 10:
            return


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_requests_keeps_the_order_of_events(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(seed)
    async with scripted_daemon(word_s=0.05) as daemon, daemon.client("") as client:
        reading = asyncio.create_task(client.until("never", 60))
        restless = Restless(daemon, client, rng)
        for _ in range(60):
            await restless.act()
        await client.send("session.update", session={"audio": {"input": {"turn_detection": None}}})
        await settled(client)
        reading.cancel()
        assert not unfinished(client.seen)
        assert_in_order(client.seen)
        assert not [e for e in client.seen if e.get("error", {}).get("type") == "server_error"]
    faults = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record for record in faults if "in a reply" not in record.message] == []
