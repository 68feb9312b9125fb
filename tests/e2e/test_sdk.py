"""The official openai client, unmodified, converses with the daemon."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from tests.support.scripted_daemon import FRIDGE, STORY, ScriptedDaemon, scripted_daemon
from vivavoce.streaming.codecs import decode, encode
from vivavoce.streaming.frames import Pcm


async def until(connection: AsyncRealtimeConnection, event_type: str) -> list[Any]:
    """Events up to the next one of a type, it included."""
    events: list[Any] = []
    while not events or events[-1].type != event_type:
        events.append(await asyncio.wait_for(connection.recv(), 30))
    return events


async def say(connection: AsyncRealtimeConnection, pcm: Pcm) -> None:
    data = encode("pcm16", pcm)
    for at in range(0, len(data), 4801):  # cuts through samples on purpose
        piece = base64.b64encode(data[at : at + 4801]).decode()
        await connection.input_audio_buffer.append(audio=piece)


def connect(daemon: ScriptedDaemon) -> Any:
    return daemon.openai().realtime.connect(model="scripted")


def audio_of(events: list[Any]) -> Pcm:
    deltas = [event.delta for event in events if event.type == "response.output_audio.delta"]
    return decode("pcm16", b"".join(base64.b64decode(delta) for delta in deltas))


async def test_a_text_turn() -> None:
    async with scripted_daemon() as daemon, connect(daemon) as connection:
        assert (await connection.recv()).type == "session.created"
        await connection.session.update(
            session={"type": "realtime", "output_modalities": ["text"], "instructions": "be brief"}
        )
        updated = (await until(connection, "session.updated"))[-1]
        assert updated.session.output_modalities == ["text"]
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello"}],
            }
        )
        await connection.response.create()
        events = await until(connection, "response.done")
        text = [event.text for event in events if event.type == "response.output_text.done"]
        assert text == ["hello there"]
        response = events[-1].response
        assert response.status == "completed"
        assert response.output[0].content[0].text == "hello there"
        assert response.usage.output_tokens > 0


async def test_a_spoken_turn_found_by_the_server() -> None:
    async with scripted_daemon() as daemon, connect(daemon) as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
            }
        )
        await until(connection, "session.updated")
        await say(connection, daemon.says("hello"))
        events = await until(connection, "response.done")
        names = [event.type for event in events]
        assert names[:6] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
        heard = [e.transcript for e in events if e.type.endswith("transcription.completed")]
        assert heard == ["hello"]
        assert len(audio_of(events)) == 2 * 0.2 * 24000  # two words


async def test_a_turn_committed_by_hand() -> None:
    async with scripted_daemon() as daemon, connect(daemon) as connection:
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        )
        await until(connection, "session.updated")
        await say(connection, daemon.says("hello", silence_s=0))
        await connection.input_audio_buffer.commit()
        events = await until(connection, "conversation.item.done")
        assert [event.type for event in events] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1]
        assert done.response.output[0].content[0].transcript == "hello there"


async def test_a_function_call_and_its_answer() -> None:
    async with scripted_daemon() as daemon, connect(daemon) as connection:
        await connection.session.update(
            session={"type": "realtime", "output_modalities": ["text"], "tools": [FRIDGE]}  # type: ignore[list-item,typeddict-item]
        )
        await say(connection, daemon.says("what is in the fridge"))
        events = await until(connection, "response.done")
        call = events[-1].response.output[0]
        assert (call.type, call.name, call.arguments) == (
            "function_call",
            "look_in_fridge",
            '{"shelf": "top"}',
        )
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "old milk"}
        )
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1]
        assert done.response.output[0].content[0].text == "there is old milk"


async def test_cancel() -> None:
    async with scripted_daemon(part_s=0.02) as daemon, connect(daemon) as connection:
        await say(connection, daemon.says("tell me a story"))
        await until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1]
        assert done.response.status == "cancelled"
        assert done.response.status_details.reason == "client_cancelled"


async def test_barge_in_and_truncation_leave_only_what_was_heard() -> None:
    async with scripted_daemon() as daemon, connect(daemon) as connection:
        await say(connection, daemon.says("tell me a story"))
        first = (await until(connection, "response.output_audio.delta"))[-1]
        await asyncio.sleep(1.2)  # the story plays at the client
        await say(connection, daemon.says("hello"))
        events = await until(connection, "response.done")
        names = [event.type for event in events]
        assert names.index("input_audio_buffer.speech_started") < names.index(
            "response.output_audio.done"
        )
        assert events[-1].response.status == "cancelled"
        assert events[-1].response.status_details.reason == "turn_detected"
        await connection.conversation.item.truncate(
            item_id=first.item_id, content_index=0, audio_end_ms=1000
        )
        truncated = (await until(connection, "conversation.item.truncated"))[-1]
        assert truncated.audio_end_ms == 1000
        await connection.conversation.item.retrieve(item_id=first.item_id)
        item = (await until(connection, "conversation.item.retrieved"))[-1].item
        assert item.status == "incomplete"
        assert STORY.startswith(item.content[0].transcript)
        assert item.content[0].transcript == "once upon a time there"  # 200 ms a word
        assert len(base64.b64decode(item.content[0].audio)) == 2 * 24000
        await until(connection, "response.done")  # to "hello", heard to its end
        await connection.response.create()  # memory is put right before it is next used
        await until(connection, "response.done")
        remembered = daemon.model.dialogues[-1].memory.turns
        assert ("assistant", "once upon a time there") in remembered


async def test_an_error_names_the_event_and_the_connection_lives() -> None:
    async with scripted_daemon() as daemon, connect(daemon) as connection:
        await connection.response.cancel(event_id="my_cancel")
        error = (await until(connection, "error"))[-1].error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "my_cancel")
        await connection.conversation.item.delete(item_id="nothing", event_id="my_delete")
        error = (await until(connection, "error"))[-1].error
        assert (error.code, error.event_id) == ("item_delete_invalid_item_id", "my_delete")
        await connection.input_audio_buffer.clear()
        await until(connection, "input_audio_buffer.cleared")


async def test_silence_says_nothing() -> None:
    async with scripted_daemon() as daemon, connect(daemon) as connection:
        await until(connection, "session.created")
        await say(connection, np.zeros(48000, dtype=np.float32))
        await connection.input_audio_buffer.clear()
        events = await until(connection, "input_audio_buffer.cleared")
        assert len(events) == 1
