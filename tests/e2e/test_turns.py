"""Spoken turns over the wire: by voice, by hand, interrupted, unanswered, in every format."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
import pytest

from tests.support.order_check import assert_in_order
from tests.support.scripted_daemon import (
    AT_ONCE,
    STORY,
    ScriptedDaemon,
    kinds,
    scripted_daemon,
    sound_of,
    speak,
    text_item,
)
from tests.support.served import RawClient
from vivavoce.assistant.core.settings import BargeIn, Settings
from vivavoce.assistant.session import SessionSettings
from vivavoce.streaming.codecs import decode, encode
from vivavoce.streaming.endpoint import EndpointSettings
from vivavoce.streaming.resample import resample

COMMITTED = [
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
QUICK_S = 0.1
"""A word's length where a story is heard to its end."""
SPOKEN = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", *COMMITTED]


async def update(client: RawClient, **session: Any) -> dict[str, Any]:
    await client.send("session.update", session={"type": "realtime", **session})
    updated = (await client.until("session.updated"))[-1]
    return dict(updated["session"])


def turns(**settings: Any) -> dict[str, Any]:
    return {"input": {"turn_detection": {"type": "server_vad", **settings}}}


async def test_a_turn_by_voice_reads_as_the_protocol_says() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await speak(client, daemon.says("hello"))
        events = await client.until("response.done")
        assert kinds(events) == [
            *SPOKEN,
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.delta",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        item_id = events[0]["item_id"]
        assert {event["item_id"] for event in events[:3]} == {item_id}
        assert events[3]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
        assert events[2]["previous_item_id"] is None
        assert events[6]["type"] == "response.output_item.added"
        assert_in_order(client.seen)


async def test_times_count_samples_whatever_the_pace_and_never_jump_back() -> None:
    async with (
        scripted_daemon() as daemon,
        daemon.client("") as fast,
        daemon.client("") as late,
    ):
        seen = []
        for client, pace in ((fast, 0.0), (late, 4.0)):
            await update(client, audio=turns(create_response=False))
            await speak(client, daemon.says("hello"), pace)
            await client.send("input_audio_buffer.clear")
            await client.until("input_audio_buffer.cleared")
            await speak(client, daemon.says("hello"), pace)
            await client.until("conversation.item.done")
            await client.send("input_audio_buffer.clear")
            await client.until("input_audio_buffer.cleared")
            seen.append(
                [
                    (event["type"], event.get("audio_start_ms", event.get("audio_end_ms")))
                    for event in client.seen
                    if event["type"].startswith("input_audio_buffer.speech")
                ]
            )
        assert seen[0] == seen[1]
        times = [time for _, time in seen[0]]
        assert len(times) == 4
        assert times == sorted(times)
        assert times[2] > 1300  # the second sentence begins 1.7 s into the sound, less padding


async def test_without_create_response_the_client_asks() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await update(client, audio=turns(create_response=False))
        await speak(client, daemon.says("hello"))
        assert kinds(await client.until("conversation.item.done")) == SPOKEN
        await client.quiet(0.4)
        await client.send("response.create")
        events = await client.until("response.done")
        assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "hello there"
        assert_in_order(client.seen)


async def test_a_manual_turn_is_silent_until_the_commit_and_never_answers_by_itself() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await update(client, audio={"input": {"turn_detection": None}})
        await speak(client, daemon.says("hello", silence_s=0))
        await client.quiet(0.3)
        await client.send("input_audio_buffer.commit")
        committed = await client.until("conversation.item.done")
        assert kinds(committed) == COMMITTED
        await client.quiet(0.3)
        await client.send("response.create")
        await client.until("response.done")
        await speak(client, daemon.says("tell me a story", silence_s=0))
        await client.send("input_audio_buffer.commit")
        again = await client.until("conversation.item.done")
        assert again[0]["previous_item_id"] is not None
        assert_in_order(client.seen)


async def test_100_ms_can_be_committed_and_less_not() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await update(client, audio={"input": {"turn_detection": None}})
        await client.send("input_audio_buffer.commit", event_id="empty")
        error = await client.error()
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert error["event_id"] == "empty"
        await speak(client, np.zeros(24 * 99, dtype=np.float32))
        await client.send("input_audio_buffer.commit")
        assert (await client.error())["code"] == "input_audio_buffer_commit_empty"
        await speak(client, np.zeros(24, dtype=np.float32))
        await client.send("input_audio_buffer.commit")
        assert kinds(await client.until("conversation.item.done")) == COMMITTED


async def test_clear_forgets_the_buffer() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await update(client, audio={"input": {"turn_detection": None}})
        await speak(client, daemon.says("hello", silence_s=0))
        await client.send("input_audio_buffer.clear")
        assert (await client.event())["type"] == "input_audio_buffer.cleared"
        await client.send("input_audio_buffer.commit")
        assert (await client.error())["code"] == "input_audio_buffer_commit_empty"


async def test_a_split_sample_is_put_together_again() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await update(client, audio={"input": {"turn_detection": None}})
        data = encode("pcm16", daemon.says("hello", silence_s=0))
        for piece in (data[:1], data[1:2], data[2:9999], data[9999:]):
            text = base64.b64encode(piece).decode()
            await client.send("input_audio_buffer.append", audio=text)
        await client.send("input_audio_buffer.commit")
        item = (await client.until("conversation.item.done"))[-1]["item"]
        await client.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await client.until("conversation.item.retrieved"))[-1]["item"]["content"][0]
        sound = decode("pcm16", base64.b64decode(kept["audio"]))
        spoken = decode("pcm16", data)
        assert abs(len(sound) - len(spoken)) <= 2
        n = min(len(sound), len(spoken))
        noise = sound[2400 : n - 2400] - spoken[2400 : n - 2400]
        assert np.sqrt(np.mean(noise**2)) < 0.05 * np.sqrt(np.mean(spoken**2))


async def test_barge_in_reads_as_the_protocol_says() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        await speak(client, daemon.says("tell me a story"))
        before = await client.until("response.output_audio.delta")
        story_id = before[-1]["item_id"]
        await asyncio.sleep(1.0)
        person = asyncio.create_task(speak(client, daemon.says("hello"), pace=1.0))
        events = await client.until("response.done")
        names = kinds(events)
        started = names.index("input_audio_buffer.speech_started")
        assert names[started + 1 :] == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        cancelled = events[-1]["response"]
        heard = [e["item"] for e in events if e["type"] == "conversation.item.done"]
        assert heard == cancelled["output"]
        words = heard[0]["content"][0]["transcript"]
        assert STORY.startswith(words) and 3 <= len(words.split()) < len(STORY.split())
        assert cancelled["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert cancelled["output"][0]["status"] == "incomplete"
        await client.send(
            "conversation.item.truncate", item_id=story_id, content_index=0, audio_end_ms=800
        )
        after = await client.until("response.done")
        assert kinds(after)[:6] == ["conversation.item.truncated", *SPOKEN[1:], "response.created"]
        assert after[2]["previous_item_id"] == story_id
        await person
        assert_in_order(client.seen)
        assert daemon.count("vivavoce_barge_ins_total") == 1


async def test_speech_while_the_client_still_plays_a_finished_reply() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await speak(client, daemon.says("tell me a story"))
        story = (await client.until("response.done"))[-1]["response"]["output"][0]
        await client.send(
            "conversation.item.truncate", item_id=story["id"], content_index=0, audio_end_ms=500
        )
        await speak(client, daemon.says("hello"))
        events = await client.until("response.done")
        assert "conversation.item.truncated" in kinds(events)
        await client.send("conversation.item.retrieve", item_id=story["id"])
        kept = (await client.until("conversation.item.retrieved"))[-1]["item"]
        assert kept["content"][0]["transcript"] == "once upon"
        assert_in_order(client.seen)


@pytest.mark.parametrize(
    "fields",
    [
        {"audio_end_ms": 1_000_000},
        {"item_id": "nothing"},
        {"content_index": 1},
    ],
)
async def test_a_truncation_that_cannot_be_is_an_error(fields: dict[str, Any]) -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await speak(client, daemon.says("hello"))
        events = await client.until("response.done")
        item_id = events[-1]["response"]["output"][0]["id"]
        cut: dict[str, Any] = {"item_id": item_id, "content_index": 0, "audio_end_ms": 100}
        await client.send("conversation.item.truncate", event_id="cut", **{**cut, **fields})
        error = await client.error()
        assert error["event_id"] == "cut"
        expected = "item_truncate_invalid_item_id" if "item_id" in fields else "invalid_value"
        assert error["code"] == expected
        user_item = events[0]["item_id"]
        await client.send("conversation.item.truncate", **{**cut, "item_id": user_item})
        assert (await client.error())["param"] == "item_id"


async def test_with_interrupt_response_false_the_reply_goes_on() -> None:
    async with scripted_daemon(word_s=QUICK_S) as daemon, daemon.client("") as client:
        await update(client, audio=turns(interrupt_response=False))
        await speak(client, daemon.says("tell me a story"))
        await client.until("response.output_audio.delta")
        await speak(client, daemon.says("hello"))
        events = await client.until("response.done")
        names = kinds(events)
        assert [name for name in SPOKEN if name not in names] == []
        assert "response.created" not in names
        assert events[-1]["response"]["status"] == "completed"
        assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == STORY
        assert_in_order(client.seen)


def preset(barge_in: BargeIn) -> SessionSettings:
    return SessionSettings(core=Settings(barge_in=barge_in))


async def during_a_story(
    daemon: ScriptedDaemon, client: RawClient, seconds: float = 0.8
) -> list[dict[str, Any]]:
    """Say hello while a story is told; every event from then to the end of a response."""
    await speak(client, daemon.says("tell me a story"))
    await client.until("response.output_audio.delta")
    await speak(client, daemon.says("hello", seconds))
    return await client.until("response.done")


@pytest.mark.parametrize("barge_in", ["instant", "polite"])
async def test_a_preset_that_yields_says_so_and_stops(barge_in: BargeIn) -> None:
    async with scripted_daemon(settings=preset(barge_in)) as daemon, daemon.client("") as client:
        session = await update(client, audio=turns())
        assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is True
        done = (await during_a_story(daemon, client))[-1]["response"]
        assert done["status_details"]["reason"] == "turn_detected"


async def test_wait_says_so_goes_on_and_answers_afterwards() -> None:
    wait = preset("wait")
    async with (
        scripted_daemon(settings=wait, word_s=QUICK_S) as daemon,
        daemon.client("") as client,
    ):
        session = await update(client, audio=turns())
        assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is False
        events = await during_a_story(daemon, client)
        assert [name for name in SPOKEN if name not in kinds(events)] == []
        assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == STORY
        answer = (await client.until("response.done"))[-1]["response"]
        assert answer["output"][0]["content"][0]["transcript"] == "hello there"
        assert_in_order(client.seen)


async def test_off_says_so_and_does_not_listen_meanwhile() -> None:
    off = preset("off")
    async with (
        scripted_daemon(settings=off, word_s=QUICK_S) as daemon,
        daemon.client("") as client,
    ):
        session = await update(client, audio=turns())
        assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is False
        events = await during_a_story(daemon, client)
        assert not [name for name in SPOKEN[:3] if name in kinds(events)]
        assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == STORY
        await client.quiet(0.4)
        await speak(client, daemon.says("hello"))
        answer = (await client.until("response.done"))[-1]["response"]
        assert answer["output"][0]["content"][0]["transcript"] == "hello there"


@pytest.mark.parametrize("barge_in", ["wait", "off"])
async def test_a_client_that_wants_to_interrupt_may(barge_in: BargeIn) -> None:
    async with scripted_daemon(settings=preset(barge_in)) as daemon, daemon.client("") as client:
        session = await update(client, audio=turns(interrupt_response=True))
        assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is True
        done = (await during_a_story(daemon, client))[-1]["response"]
        assert done["status_details"]["reason"] == "turn_detected"


async def test_speech_that_never_pauses_is_answered_after_the_longest_turn() -> None:
    settings = SessionSettings(endpoint=EndpointSettings(max_speech_ms=1500))
    async with scripted_daemon(settings=settings) as daemon, daemon.client("") as client:
        await update(client, audio=turns())
        await speak(client, daemon.says("hello", seconds=2.5, silence_s=0))
        events = await client.until("response.created")
        stopped = next(e for e in events if e["type"] == "input_audio_buffer.speech_stopped")
        assert 1300 <= stopped["audio_end_ms"] <= 1700
        answer = (await client.until("response.done"))[-1]["response"]
        assert "hello there".startswith(answer["output"][0]["content"][0]["transcript"])


async def test_cancel_closes_everything_within_200_ms() -> None:
    took_s: list[float] = []
    async with scripted_daemon() as daemon, daemon.client("") as client:
        while min(took_s, default=1.0) >= 0.2:  # a machine that stands still spoils one, not five
            assert len(took_s) < 5, took_s
            await client.send("conversation.item.create", item=text_item("tell me a story"))
            await client.send("response.create")
            await client.until("response.output_audio.delta")
            began = asyncio.get_running_loop().time()
            await client.send("response.cancel")
            events = await client.until("response.done")
            took_s.append(asyncio.get_running_loop().time() - began)
        response = events[-1]["response"]
        assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert response["output"][0]["status"] == "incomplete"
        await client.quiet(0.5)
        await client.send("response.cancel", event_id="again")
        assert (await client.error())["code"] == "response_cancel_not_active"
        assert_in_order(client.seen)


async def test_the_transcript_comes_once_where_it_was_asked_for() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await update(client, audio={"input": {"transcription": {"model": "whatever"}}})
        await speak(client, daemon.says("hello"))
        events = await client.until("response.done")
        told = [e for e in events if e["type"].endswith("input_audio_transcription.completed")]
        assert [e["transcript"] for e in told] == ["hello"]
        assert told[0]["usage"]["type"] == "duration"
        assert 0.7 < told[0]["usage"]["seconds"] < 1.6


async def test_a_manual_turn_is_transcribed_without_a_response() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        transcription = {"model": "whatever"}
        await update(client, audio={"input": {"turn_detection": None,
                                              "transcription": transcription}})  # fmt: skip
        await speak(client, daemon.says("hello", silence_s=0))
        await client.send("input_audio_buffer.commit")
        events = await client.until("conversation.item.input_audio_transcription.completed")
        assert events[-1]["transcript"] == "hello"


@pytest.mark.parametrize(
    ("audio_format", "rate_hz", "codec"),
    [
        ({"type": "audio/pcm", "rate": 8000}, 8000, "pcm16"),
        ({"type": "audio/pcm", "rate": 16000}, 16000, "pcm16"),
        ({"type": "audio/pcm", "rate": 48000}, 48000, "pcm16"),
        ({"type": "audio/pcmu"}, 8000, "ulaw"),
        ({"type": "audio/pcma"}, 8000, "alaw"),
    ],
)
async def test_every_format_is_heard_and_spoken(
    audio_format: dict[str, Any], rate_hz: int, codec: Any
) -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        client.strict = rate_hz == 8000 and codec != "pcm16"
        await update(
            client,
            audio={"input": {"format": audio_format}, "output": {"format": audio_format}},
        )
        await speak(client, resample(daemon.says("hello"), 24000, rate_hz), codec=codec)
        events = await client.until("response.done")
        response = events[-1]["response"]
        assert response["output"][0]["content"][0]["transcript"] == "hello there"
        assert response["audio"]["output"]["format"] == audio_format
        deltas = [e["delta"] for e in events if e["type"] == "response.output_audio.delta"]
        sound = decode(codec, b"".join(base64.b64decode(delta) for delta in deltas))
        assert len(sound) == pytest.approx(0.4 * rate_hz, abs=2)
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


async def test_after_a_long_silence_the_assistant_speaks_up() -> None:
    async with scripted_daemon() as daemon, daemon.client(AT_ONCE) as client:
        await update(client, audio=turns(idle_timeout_ms=5000))
        await speak(client, daemon.says("hello"))
        await client.until("response.done")
        await speak(client, np.zeros(24000 * 7, dtype=np.float32))
        events = await client.until("response.done")
        assert kinds(events)[:5] == [
            "input_audio_buffer.timeout_triggered",
            *COMMITTED,
            "response.created",
        ]
        assert events[0]["audio_end_ms"] - events[0]["audio_start_ms"] >= 5000
        assert_in_order(client.seen)


async def test_sound_is_sent_only_a_little_ahead_of_real_time() -> None:
    async with scripted_daemon(word_s=QUICK_S) as daemon, daemon.client("") as client:
        now_s = asyncio.get_running_loop().time
        asked_s = now_s()
        await speak(client, daemon.says("tell me a story"))
        sound = await client.until("response.output_audio.delta")
        began_s, ahead_s = now_s(), []
        while sound[-1]["type"] != "response.output_audio.done":
            sound.append(await client.event())
            ahead_s.append(len(sound_of(sound)) / 24000 - (now_s() - began_s))
        length_s = len(sound_of(sound)) / 24000
        assert length_s == pytest.approx(QUICK_S * len(STORY.split()), abs=0.01)
        assert length_s - 1.0 < now_s() - asked_s, "all but what is sent ahead"
        assert max(ahead_s) > 0.3
        await client.until("response.done")
        assert now_s() - asked_s > length_s - 0.1, "when it was played"
