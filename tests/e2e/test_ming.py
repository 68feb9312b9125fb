"""Tiny checkpoints in the released layout behind the real daemon and a real socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.e2e.test_nano import person
from tests.support.order_check import assert_in_order
from tests.support.scripted_daemon import AT_ONCE, sound_of, speak
from tests.support.scripted_thinker import Transcribing
from tests.support.served import RawClient
from tests.support.tiny_ming import VERSIONS
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon, load_model
from vivavoce.models.dialogue import DialogueOptions
from vivavoce.models.load_options import Blocks, MingOptions
from vivavoce.models.ming.loading import load_ming
from vivavoce.models.ming.model import MingModel
from vivavoce.models.ming.prompt import SYSTEM
from vivavoce.streaming.resample import resample

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def folders(tiny_ming: Callable[..., Path]) -> dict[str, Path]:
    return {version: tiny_ming(version) for version in VERSIONS}


@contextlib.asynccontextmanager
async def talking(
    folder: Path, model: Any = None, real_time: bool = False, **session: Any
) -> AsyncIterator[RawClient]:
    """A client of a daemon that was given the folder as its model, or a loaded one; replies are
    played, or sent at once."""
    config = load_config(
        overrides={
            "server": {"port": 0},
            "audio": {"enabled": False},
            "model": {"name": str(folder)},
        }
    )
    async with (
        Daemon(config, model) as daemon,
        connect(
            daemon.url + ("" if real_time else AT_ONCE), max_size=None, max_queue=None
        ) as socket,
    ):
        client = RawClient(socket)
        assert (await client.event(30))["type"] == "session.created"
        await client.send("session.update", session={"type": "realtime", **session})
        await client.until("session.updated")
        yield client
        assert_in_order(client.seen)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_spoken_question_is_answered_in_speech(
    folders: dict[str, Path], version: str
) -> None:
    async with talking(
        folders[version], audio={"input": {"transcription": {"model": "any"}}}
    ) as client:
        await speak(client, person("sum"))
        events = await client.until("response.done", 120)
        response = events[-1]["response"]
        assert response["status"] == "completed"
        said = response["output"][0]["content"][0]["transcript"]
        deltas = [
            e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta"
        ]
        assert said.strip() and "".join(deltas) == said
        assert len(sound_of(events)) > 2400  # 0.1 s at 24 kHz
        heard = "conversation.item.input_audio_transcription.completed"
        events += await client.until(heard, 60) if heard not in map(kind, events) else []
        assert next(e for e in events if e["type"] == heard)["transcript"]


def kind(event: dict[str, Any]) -> str:
    return str(event["type"])


async def test_an_interrupted_reply_is_cut_to_what_was_heard_and_the_talk_goes_on(
    folders: dict[str, Path],
) -> None:
    async with talking(folders["v1.5"], real_time=True) as client:
        await speak(client, person("sum"))
        events = await client.until("response.output_audio.delta", 120)
        sent_ms = len(sound_of(events)) // 24
        await client.send("response.cancel")
        events = await client.until("response.done", 60)
        item = events[-1]["response"]["output"][0]["id"]
        await client.send(
            "conversation.item.truncate",
            item_id=item,
            content_index=0,
            audio_end_ms=sent_ms // 2,
        )
        await client.until("conversation.item.truncated", 30)
        await client.send("conversation.item.retrieve", item_id=item)
        kept = (await client.until("conversation.item.retrieved", 30))[-1]["item"]
        await speak(client, person("time"))
        events = await client.until("response.done", 120)
        assert events[-1]["response"]["status"] == "completed"
        whole = "".join(
            e["delta"]
            for e in client.seen
            if e["type"] == "response.output_audio_transcript.delta" and e["item_id"] == item
        )
        assert whole.startswith(kept["content"][0].get("transcript") or "")


async def test_a_picture_and_a_written_question_are_answered(folders: dict[str, Path]) -> None:
    async with talking(folders["v1.5"], output_modalities=["text"]) as client:
        url = "data:image/png;base64," + base64.b64encode(PIXEL).decode()
        content = [
            {"type": "input_image", "image_url": url},
            {"type": "input_text", "text": "what is that"},
        ]
        message = {"type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=message)
        await client.send("response.create")
        events = await client.until("response.done", 120)
        assert events[-1]["response"]["status"] == "completed"
        assert events[-1]["response"]["output"][0]["content"][0]["text"]


async def test_voices_and_dialects_are_the_checkpoints(folders: dict[str, Path]) -> None:
    async with talking(folders["v1.5"]) as client:
        client.strict = False  # the SDK's types know no language of a session
        for session in (
            {"audio": {"output": {"voice": "luna_v2"}}},
            {"language": "cantonese"},
        ):
            await client.send("session.update", session={"type": "realtime", **session})
            assert (await client.event())["type"] == "session.updated"
        await client.send(
            "session.update", session={"type": "realtime", "audio": {"output": {"voice": "x"}}}
        )
        assert "x" in (await client.error())["message"]
        await speak(client, person("sum"))
        assert (await client.until("response.done", 120))[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize(
    ("session", "hint"),
    [
        ({}, "auto"),
        ({"dialect": "sichuanese"}, "sichuanese"),
        ({"audio": {"input": {"transcription": {"language": "zh-HK"}}}}, "cantonese"),
    ],
)
async def test_the_language_that_was_heard_is_told_and_a_known_one_is_given_as_a_hint(
    folders: dict[str, Path], session: dict[str, Any], hint: str
) -> None:
    model = Transcribing(load_ming(folders["v1.5"]), "Sichuan dialect\t你好 hello")
    async with talking(folders["v1.5"], model, output_modalities=["text"]) as client:
        client.strict = False  # the SDK's types know no dialect of a session
        transcription = {"audio": {"input": {"transcription": {"model": "any"}}}}
        for update in (transcription, session):
            await client.send("session.update", session={"type": "realtime", **update})
            await client.until("session.updated")
        client.strict = True
        await speak(client, person("sum"))
        heard = "conversation.item.input_audio_transcription.completed"
        told = (await client.until(heard, 120))[-1]
        assert told["transcript"] == "你好 hello"
        assert told["languages"] == [{"code": "zh-sichuan"}]
        assert model.asked[-1] == hint
        if "response.done" not in map(kind, client.seen):
            await client.until("response.done", 120)


async def test_what_the_model_cannot_do_is_said_and_the_talk_goes_on(
    folders: dict[str, Path],
) -> None:
    async with talking(folders["v1.5"]) as client:
        tool = {"type": "function", "name": "open_door", "parameters": {"type": "object"}}
        session = {"type": "realtime", "tools": [tool]}
        await client.send("session.update", session=session, event_id="mine")
        updated = (await client.until("session.updated"))[-1]["session"]
        assert [one["name"] for one in updated["tools"]] == ["open_door"]
        error = await client.error()
        assert (error["code"], error["param"]) == ("unsupported", "session.tools")
        assert "calls no functions" in error["message"] and error["event_id"] == "mine"
        await client.send("session.update", session={"output_modalities": ["image"]})
        assert "pictures are not made here" in (await client.error())["message"]
        await client.send("response.create", response={"output_modalities": ["image"]})
        assert "pictures are not made here" in (await client.error())["message"]
        await client.send("response.create", response={"tools": [tool]})
        assert (await client.error())["param"] == "response.tools"
        await client.until("response.done", 120)
        await client.send("session.update", session={**session, "tool_choice": "required"})
        await client.until("session.updated")  # a forced call is made; no complaint
        await client.send("response.create")
        done = (await client.until("response.done", 120))[-1]["response"]
        assert [item["type"] for item in done["output"]] == ["function_call"]


async def test_habits_of_the_configuration_reach_the_model(folders: dict[str, Path]) -> None:
    habits = {
        "hearing": "blocks",
        "thinking": True,
        "talker_reads": True,
        "instructions_as": "role",
    }
    config = load_config(
        overrides={"model": {"name": str(folders["v1"])}, "ming": habits},
    )
    model = await load_model(config)
    assert isinstance(model, MingModel)
    assert model.options == MingOptions(Blocks(), True, True, True)
    dialogue = model.open(DialogueOptions(instructions="be kind"))
    begin = dialogue.mark().context.ids
    told = model.tokenizer.decode(begin[len(model.tokenizer.encode_parts(SYSTEM)) :])
    assert begin[: len(model.tokenizer.encode_parts(SYSTEM))] == tuple(
        model.tokenizer.encode_parts(SYSTEM)
    )
    assert told.startswith("be kind") and "<thinking>" in told
    pcm = resample(person("sum"), 24_000, 16_000)
    dialogue.listen(pcm[: 5 * 16_000])
    assert dialogue.mark().n_audio_in > 0  # read while it is spoken


async def test_two_conversations_share_the_model(folders: dict[str, Path]) -> None:
    config = load_config(
        overrides={
            "server": {"port": 0},
            "audio": {"enabled": False},
            "model": {"name": str(folders["v1.5"])},
        }
    )

    async def conversation(url: str) -> str:
        async with connect(url + AT_ONCE, max_size=None, max_queue=None) as socket:
            client = RawClient(socket)
            await client.until("session.created", 30)
            await speak(client, person("sum"))
            done = (await client.until("response.done", 180))[-1]["response"]
            return str(done["output"][0]["content"][0]["transcript"])

    async with Daemon(config) as daemon:
        alone = await conversation(daemon.url)
        both = await asyncio.gather(conversation(daemon.url), conversation(daemon.url))
    assert alone.strip() and both == [alone, alone]
