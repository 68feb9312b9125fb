"""The client converses with the real daemon over its real port; only the model is scripted."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from tests.support.scripted_model import Call, Crash, Say, ScriptedModel
from vivavoce.assistant.client import ClientError, Connection, Conversation
from vivavoce.assistant.client.conversation import RATE_HZ
from vivavoce.assistant.client.speaker import ImaginedSpeaker
from vivavoce.assistant.commands.talk import realtime_url
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.assistant.errors import UserError

JOKE = (
    "why did the clock go to school because it wanted to learn the time "
    "and why did it stay there so long because nobody there could tell it"
)
"""5.4 s at 200 ms a word: time enough to interrupt it, should the machine stand still meanwhile."""
SCRIPT = {
    "what is seven times eight": [
        Call("calc", {"a": 7, "op": "*", "b": 8}),
        Say("seven times eight is {}"),
    ],
    "light on": [
        Call("light_on", {"room": "kitchen"}, needs_result=False),
        Say("okay the kitchen light is on"),
    ],
    "tell me a joke": [Say(JOKE)],
    "lights off": [Say("okay")],
    "crash": [Crash()],
    "timer": [Call("timer_set", {"duration_s": 1}, needs_result=False), Say("okay")],
}


@pytest.fixture
def model():
    return ScriptedModel(SCRIPT, sentences=["hello", "stop"])


@pytest.fixture
def speak(model):
    def recording(sentence: str) -> np.ndarray:
        quiet = np.zeros(RATE_HZ // 5, np.float32)
        return np.concatenate([quiet, model.voice(sentence, rate_hz=RATE_HZ), quiet])

    return recording


def running(model, lead_ms: int = 0) -> Daemon:
    return Daemon(
        load_config(preset="test", overrides={"server": {"send_lead_ms": lead_ms}}), model
    )


@pytest.fixture
async def daemon(model):
    async with running(model) as daemon:
        yield daemon


async def conversation(daemon: Daemon, real_time: bool = True, **options) -> Conversation:
    url = realtime_url(daemon.url, None, real_time)
    return Conversation(await Connection.open(url), real_time, **options)


async def test_faster_than_real_time_each_recording_is_a_turn(daemon, speak):
    async with await conversation(daemon, real_time=False) as talk:
        sum_ = await talk.say(speak("what is seven times eight"))
        light = await talk.say(speak("light on"))
    line = sum_.as_json()
    assert line["heard"] == "what is seven times eight"
    assert line["said"] == "seven times eight is fifty six"
    assert line["actions"] == [{"name": "calc", "arguments": {"a": 7, "op": "*", "b": 8}}]
    assert line["language"] == "en" and line["interrupted"] is False
    assert line["speech_end_ms"] == pytest.approx(1200, abs=30)
    assert line["audio_ms"] == pytest.approx(6 * 200, abs=20)
    assert [action.name for action in light.actions] == ["light_on"]
    assert daemon.house.lights == {"kitchen": 100}


async def test_without_pace_long_replies_do_not_take_their_time(daemon, model, speak):
    model.word_s = 2.0
    began_s = time.perf_counter()
    async with await conversation(daemon, real_time=False) as talk:
        joke = await talk.say(speak("tell me a joke"))
    assert len(joke.audio) / RATE_HZ > 50
    assert time.perf_counter() - began_s < 25


def test_addresses_are_completed():
    whole = "ws://127.0.0.1:8765/v1/realtime"
    for short in ("127.0.0.1:8765", "ws://127.0.0.1:8765", "http://127.0.0.1:8765/", whole):
        assert realtime_url(short, None) == whole
    assert realtime_url(f"{whole}?model=a", "b", real_time=False) == f"{whole}?model=a&pace=0"
    with pytest.raises(UserError, match="no address of a daemon"):
        realtime_url("ws://[::1", None)
    assert realtime_url("host:1", "nano") == "ws://host:1/v1/realtime?model=nano"


async def test_silence_is_a_turn_without_anything(daemon, speak):
    async with await conversation(daemon, real_time=False) as talk:
        nothing = await talk.say(np.zeros(RATE_HZ, np.float32))
        assert nothing.as_json() == {
            "heard": "",
            "actions": [],
            "said": "",
            "language": "",
            "speech_end_ms": None,
            "first_audio_ms": None,
            "audio_ms": 0,
            "interrupted": False,
        }
        assert (await talk.say(speak("hello"))).heard == "hello"


async def test_a_failed_reply_is_told_and_the_conversation_goes_on(daemon, speak):
    async with await conversation(daemon, real_time=False) as talk:
        failed = await talk.say(speak("crash"))
        assert failed.said == "" and failed.turns[0].status == "failed"
        assert talk.errors
        assert (await talk.say(speak("hello"))).said == "you said hello"


async def test_in_real_time_the_first_sound_comes_after_the_endpoint(daemon, speak):
    async with await conversation(daemon) as talk:
        exchange = await talk.say(speak("hello"))
    wait_ms = exchange.first_audio_ms - exchange.speech_end_ms
    assert 400 <= wait_ms <= 10_000, "the endpoint is 500 ms of silence, the rest is overhead"


@pytest.mark.parametrize("lead_ms", [0, 500], ids=["all sent at once", "sent as it plays"])
async def test_speech_cuts_the_reply_off_and_memory_ends_where_hearing_did(model, speak, lead_ms):
    async with running(model, lead_ms) as daemon:
        await _interrupt(daemon, model, speak)


async def _interrupt(daemon, model, speak):
    speaker = ImaginedSpeaker(RATE_HZ)
    async with await conversation(daemon, speaker=speaker) as talk:
        await talk.speak(speak("tell me a joke"))
        assert await talk.until(lambda: bool(talk.turns and talk.turns[0].audio), 30)
        await asyncio.sleep(0.6)
        await talk.speak(speak("lights off"))
        assert await talk.until(lambda: len(talk.turns) > 1 and talk.turns[1].settled, 30)
        joke, off = talk.turns
    assert joke.interrupted and not off.interrupted
    assert off.said == "okay"
    heard_ms = speaker.heard_ms(joke.reply_item_id)
    assert 500 <= heard_ms <= 200 * (len(JOKE.split()) - 1)
    remembered = [text for role, text in model.dialogues[-1].memory.turns if role == "assistant"]
    assert JOKE.startswith(remembered[0])
    n_words = len(remembered[0].split())
    assert n_words * 200 <= heard_ms + 20 < (n_words + 1) * 200 + 40


async def test_a_stop_phrase_is_not_waited_for(model, speak):
    async with running(model, 500) as daemon, await conversation(daemon) as talk:
        await talk.speak(speak("tell me a joke"))
        assert await talk.until(lambda: bool(talk.turns and talk.turns[0].audio), 30)
        silenced = await asyncio.wait_for(talk.say(speak("stop")), 60)
    assert talk.turns[0].interrupted
    assert [turn.status for turn in silenced.turns] == ["unanswered"]
    assert (silenced.heard, silenced.said) == ("stop", "")


async def test_text_interrupts_and_is_answered(model, speak):
    speaker = ImaginedSpeaker(RATE_HZ)
    async with running(model, 500) as daemon, await conversation(daemon, speaker=speaker) as talk:
        await talk.speak(speak("tell me a joke"))
        assert await talk.until(lambda: bool(talk.turns and talk.turns[0].audio), 30)
        await asyncio.sleep(0.6)
        await talk.write("hello")
        assert await talk.until(lambda: talk.turns[-1].settled, 30)
        joke, hello = talk.turns
    assert joke.status == "cancelled" and joke.cut_ms is not None
    assert hello.said == "you said hello"
    assert talk.errors == []
    remembered = [text for role, text in model.dialogues[-1].memory.turns if role == "assistant"]
    assert len(remembered[0].split()) == joke.cut_ms // 200


async def test_two_conversations_do_not_disturb_each_other(daemon, speak):
    async def hold(sentence: str) -> str:
        async with await conversation(daemon, real_time=False) as talk:
            return (await talk.say(speak(sentence))).said

    said = await asyncio.gather(hold("hello"), hold("light on"))
    assert said == ["you said hello", "okay the kitchen light is on"]


async def test_a_daemon_that_goes_away_is_one_sentence(model, speak):
    async with running(model) as daemon:
        talk = await conversation(daemon, real_time=False)
        await talk.__aenter__()
    with pytest.raises(ClientError, match="ended"):
        await talk.say(speak("hello"))
    await talk.close()


async def test_the_key_is_asked_for(model):
    config = load_config(preset="test", overrides={"server": {"api_key": "sesame"}})
    async with Daemon(config, model) as daemon:
        with pytest.raises(ClientError, match="--api-key"):
            await Connection.open(daemon.url)
        async with Conversation(await Connection.open(daemon.url, "sesame"), real_time=False):
            pass


async def test_a_timer_rings_in_its_own_conversation(daemon, speak):
    async with await conversation(daemon, real_time=False) as other:
        async with await conversation(daemon, real_time=False) as talk:
            assert (await talk.say(speak("timer"))).said == "okay"
            assert await talk.until(lambda: bool(talk.unasked and talk.unasked[0].done_s), 30)
            rung = talk.unasked[0]
            assert rung.said == "your timer for one second is done"
            assert rung.n_samples == pytest.approx(7 * 0.2 * RATE_HZ, rel=0.05)
            assert (await talk.say(speak("hello"))).said == "you said hello"
        assert other.unasked == []


@pytest.mark.parametrize(
    ("assistant", "sentence"),
    [
        ({"voice": "basso"}, "scripted has no voice 'basso'; choose one of tone, bell."),
        ({"language": "fr"}, "scripted has no language 'fr'; choose one of auto, en."),
    ],
)
async def test_what_the_model_does_not_have_is_said_at_the_start(model, assistant, sentence):
    daemon = Daemon(load_config(preset="test", overrides={"assistant": assistant}), model)
    with pytest.raises(UserError) as complaint:
        await daemon.__aenter__()
    assert str(complaint.value) == sentence
