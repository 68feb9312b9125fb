"""The client's parts: where speech ends, microphone, loudspeaker, the line of JSON."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from vivavoce.assistant.client import Action, ClientError, Connection, Exchange, Turn
from vivavoce.assistant.client import speaker as speaker_module
from vivavoce.assistant.client.microphone import FastMicrophone, LiveMicrophone
from vivavoce.assistant.client.speaker import ImaginedSpeaker, mixed
from vivavoce.assistant.client.speech_end import speech_end_ms

RATE_HZ = 24000


def tone(duration_ms: int, level: float = 0.3) -> np.ndarray:
    t = np.arange(RATE_HZ * duration_ms // 1000) / RATE_HZ
    return (level * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def silence(duration_ms: int) -> np.ndarray:
    return np.zeros(RATE_HZ * duration_ms // 1000, np.float32)


# --- where speech ends -----------------------------------------------------------------------


def test_speech_ends_where_the_energy_does():
    pcm = np.concatenate([silence(200), tone(700), silence(400)])
    assert speech_end_ms(pcm, RATE_HZ) == 900


def test_noise_after_the_speech_is_not_speech():
    noise = np.random.default_rng(1).normal(0, 0.03, RATE_HZ * 2).astype(np.float32)
    noise[: RATE_HZ * 9 // 10] += tone(900)
    end_ms = speech_end_ms(noise, RATE_HZ)
    assert end_ms is not None and abs(end_ms - 900) <= 20


def test_a_recording_without_silence_ends_with_itself():
    assert speech_end_ms(tone(500), RATE_HZ) == 500


@pytest.mark.parametrize("pcm", [silence(500), np.zeros(0, np.float32)])
def test_silence_has_no_end_of_speech(pcm):
    assert speech_end_ms(pcm, RATE_HZ) is None


# --- the microphone --------------------------------------------------------------------------


async def test_a_live_microphone_sends_speech_in_real_time_and_silence_around_it():
    sent: list[tuple[float, np.ndarray]] = []
    news = asyncio.Event()

    async def send(pcm):
        sent.append((time.perf_counter(), pcm))
        news.set()

    microphone = LiveMicrophone(send, RATE_HZ)
    running = asyncio.create_task(microphone.run())
    await news.wait()
    origin_s = await microphone.speak(tone(200))
    for _ in range(2):
        news.clear()
        await news.wait()
    running.cancel()
    track = np.concatenate([pcm for _, pcm in sent])
    start, pcm = microphone.track[0]
    assert np.array_equal(track[start : start + len(pcm)], tone(200))
    assert np.abs(track[:start]).max() == 0 and np.abs(track[start + len(pcm) :]).max() == 0
    assert all(len(pcm) == RATE_HZ // 50 for _, pcm in sent)
    # no frame leaves before its last sample could have been heard
    for index, (at_s, _) in enumerate(sent):
        assert at_s >= microphone.origin_s + (index + 1) * 0.02 - 0.002
    assert origin_s == pytest.approx(microphone.origin_s + start / RATE_HZ)


async def test_a_fast_microphone_sends_only_what_there_is():
    sent: list[np.ndarray] = []

    async def send(pcm):
        sent.append(pcm)

    microphone = FastMicrophone(send, RATE_HZ)
    await microphone.speak(tone(1000))
    await microphone.silence(100)
    assert np.array_equal(np.concatenate(sent), np.concatenate([tone(1000), silence(100)]))


# --- the loudspeaker -------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(speaker_module, "time", clock)
    return clock


def test_what_was_heard_follows_the_clock(clock):
    speaker = ImaginedSpeaker(RATE_HZ)
    speaker.play("a", tone(300))
    speaker.play("a", tone(300))
    assert speaker.left_s == pytest.approx(0.6)
    clock.now += 0.45
    assert speaker.heard_ms("a") == 450
    assert speaker.stop() == ("a", 450)
    assert speaker.left_s == 0
    clock.now += 1
    assert speaker.heard_ms("a") == 450
    assert speaker.stop() is None


def test_a_late_piece_plays_when_it_comes(clock):
    speaker = ImaginedSpeaker(RATE_HZ)
    speaker.play("a", tone(100))
    clock.now += 0.25
    speaker.play("b", tone(100))
    assert [start * 1000 // RATE_HZ for start, _, _ in speaker.track] == [0, 250]
    clock.now += 0.05
    stopped = speaker.stop()
    assert stopped is not None and stopped[0] == "b" and abs(stopped[1] - 50) <= 1
    assert speaker.heard_ms("a") == 100


def test_tracks_are_mixed_at_their_places():
    out = mixed([(2, np.ones(3, np.float32)), (4, np.ones(9, np.float32))], 6)
    assert out.tolist() == [0, 0, 1, 1, 2, 1]


# --- what is reported ------------------------------------------------------------------------


def test_a_turn_is_reported_with_exactly_these_keys():
    turn = Turn(
        "item",
        started_s=10.2,
        heard="what time is it",
        said="it is noon",
        language="en",
        actions=(Action("time", {}),),
        audio=[tone(100), tone(50)],
        first_audio_s=11.5,
        status="completed",
    )
    line = Exchange([turn], origin_s=10.0, speech_end_ms=900, rate_hz=RATE_HZ).as_json()
    assert line == {
        "heard": "what time is it",
        "actions": [{"name": "time", "arguments": {}}],
        "said": "it is noon",
        "language": "en",
        "speech_end_ms": 900,
        "first_audio_ms": 1500,
        "audio_ms": 150,
        "interrupted": False,
    }


def test_a_recording_with_a_pause_reports_both_turns_in_one_line():
    first = Turn("a", 1.0, heard="set a timer", status="cancelled", reason="turn_detected")
    second = Turn("b", 2.0, heard="for ten minutes", said="okay", status="completed")
    line = Exchange([first, second], 0.0, None, RATE_HZ).as_json()
    assert line["heard"] == "set a timer for ten minutes"
    assert line["interrupted"] is True and line["first_audio_ms"] is None


async def test_nobody_there_is_one_sentence():
    with pytest.raises(ClientError, match="No daemon answers at ws://127.0.0.1:9"):
        await Connection.open("ws://127.0.0.1:9/v1/realtime")
    with pytest.raises(ClientError, match="not a WebSocket address"):
        await Connection.open("gopher://127.0.0.1")
