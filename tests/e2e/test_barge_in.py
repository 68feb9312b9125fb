"""Voices, murmurs, coughs and text during a reply, over a real socket.

The assistant's words are tones, so that every sample can be checked; what the person says are
recordings, and nano writes them down, as it does in the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.test_nano import nano, person
from tests.support.order_check import assert_in_order
from tests.support.scripted_daemon import STORY, kinds, scripted_daemon, sound_of, speak, text_item
from tests.support.served import RawClient
from vivavoce.assistant.core.settings import BargeIn, Settings
from vivavoce.assistant.session import SessionSettings
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.wavfile import read_wav

pytestmark = pytest.mark.usefixtures("patient_session")

DATA = Path(__file__).parents[1] / "data"
WORD_S, LONG_WORD_S = 0.12, 0.4
"""The long ones make a story that no machine sleeps through before it is cut off."""
HEARD = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"]


async def update(client: RawClient, **session: Any) -> dict[str, Any]:
    await client.send("session.update", session={"type": "realtime", **session})
    updated = (await client.until("session.updated"))[-1]
    return dict(updated["session"])


def quiet(seconds: float) -> Pcm:
    return np.zeros(int(seconds * 24000), dtype=np.float32)


def recorded(name: str) -> Pcm:
    """A recording between silences, [n] at 24 kHz."""
    return np.concatenate((quiet(0.2), read_wav(DATA / f"{name}.wav", 24000)[0], quiet(0.8)))


def cough() -> Pcm:
    """A burst of noise around 1 kHz that dies away, between silences, [n] at 24 kHz."""
    n = int(0.3 * 24000)
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=n))
    spectrum *= np.exp(-(((np.fft.rfftfreq(n, 1 / 24000) - 900) / 900) ** 2))
    burst = np.fft.irfft(spectrum, n) * np.exp(-np.arange(n) / (n / 3))
    loud = (0.5 * burst / np.abs(burst).max()).astype(np.float32)
    return np.concatenate((quiet(0.2), loud, quiet(0.8)))


def understood(pcm: Pcm) -> str:
    """What nano hears, [n] at 16 kHz, whether it is asked while or after it was said."""
    return nano().transcribe(pcm).text


@contextlib.asynccontextmanager
async def story(barge_in: BargeIn = "polite", word_s: float = WORD_S) -> AsyncIterator[RawClient]:
    """A client to whom a story is being told."""
    settings = SessionSettings(core=Settings(barge_in=barge_in), send_lead_ms=100)
    async with (
        scripted_daemon(settings=settings, word_s=word_s) as daemon,
        daemon.client("") as client,
    ):
        daemon.model.transcribe = nano().transcribe  # type: ignore[method-assign]
        daemon.model.understand = understood  # type: ignore[method-assign]
        await update(client, audio={"input": {"transcription": {"model": "any"}}})
        await client.send("conversation.item.create", item=text_item("tell me a story"))
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        yield client
        assert_in_order(client.seen)


@functools.lru_cache(maxsize=1)
def undisturbed() -> list[bytes]:
    """Where the story's sound is kept once it was heard whole."""
    return []


async def whole_story() -> bytes:
    if not undisturbed():
        async with story() as client:
            await client.until("response.done")
            undisturbed().append(sound_of(client.seen).tobytes())
    return undisturbed()[0]


async def told_on(client: RawClient, n: int) -> None:
    """Listen to n more pieces of the story, 40 ms each."""
    for _ in range(n):
        await client.until("response.output_audio.delta")


async def during(client: RawClient, sound: Pcm) -> list[dict[str, Any]]:
    """Say something while the story is told; the events up to the end of the response."""
    await told_on(client, 1)
    saying = asyncio.create_task(speak(client, sound, pace=1.0))
    events = await client.until("response.done")
    await saying
    return events


@pytest.mark.parametrize("sound", ["okay", "mhm", "cough"])
async def test_polite_goes_on_after_a_murmur_or_a_cough_without_losing_a_sample(
    sound: str,
) -> None:
    whole = await whole_story()
    async with story() as client:
        events = await during(client, cough() if sound == "cough" else recorded(sound))
        assert events[-1]["response"]["status"] == "completed"
        assert sound_of(client.seen).tobytes() == whole
        assert not [name for name in HEARD if name in kinds(client.seen)]
        await client.quiet(0.3)


async def test_polite_stops_for_a_command_and_answers_it() -> None:
    async with story(word_s=LONG_WORD_S) as client:
        await told_on(client, 20)
        events = await during(client, person("kitchen", 0.8))
        cancelled = events[-1]["response"]
        assert cancelled["status_details"]["reason"] == "turn_detected"
        words = cancelled["output"][0]["content"][0]["transcript"].split()
        assert words == STORY.split()[: len(words)] and 1 <= len(words) < len(STORY.split())
        assert HEARD[0] in kinds(events)
        answer = (await client.until("response.done"))[-1]["response"]
        assert answer["status"] == "completed"


@pytest.mark.parametrize("barge_in", ["polite", "wait", "instant"])
async def test_a_stop_phrase_silences_and_gets_no_answer(barge_in: BargeIn) -> None:
    async with story(barge_in, LONG_WORD_S) as client:
        events = await during(client, recorded("stop"))
        assert events[-1]["response"]["status_details"]["reason"] == "turn_detected"
        told = "conversation.item.input_audio_transcription.completed"
        if told not in kinds(events):
            events = await client.until(told)
        assert [e["transcript"] for e in client.seen if e["type"] == told] == ["stop"]
        await client.quiet(0.5)
        assert kinds(client.seen).count("response.created") == 1


async def test_a_session_chooses_its_preset_and_says_so() -> None:
    async with scripted_daemon() as daemon, daemon.client("") as client:
        client.strict = False  # the SDK's types do not know of it
        session = await update(client, barge_in="wait")
        assert session["barge_in"] == "wait"
        assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is False
        await client.send("session.update", session={"type": "realtime", "barge_in": "rude"})
        assert (await client.error())["param"] == "session.barge_in"


async def test_text_interrupts_if_it_says_so_and_is_an_error_if_not() -> None:
    async with story(word_s=LONG_WORD_S) as client:
        await told_on(client, 20)
        await client.send("conversation.item.create", item=text_item("hello"))
        await client.send("response.create", event_id="early")
        while (event := await client.event())["type"] != "error":
            pass
        assert event["error"]["code"] == "conversation_already_has_active_response"
        await client.send("response.create", response={"interrupt": True})
        cancelled = (await client.until("response.done"))[-1]["response"]
        assert cancelled["status_details"]["reason"] == "client_cancelled"
        words = cancelled["output"][0]["content"][0]["transcript"].split()
        assert words == STORY.split()[: len(words)] and 1 <= len(words) < len(STORY.split())
        answer = (await client.until("response.done"))[-1]["response"]
        assert answer["output"][0]["content"][0]["transcript"] == "hello there"
