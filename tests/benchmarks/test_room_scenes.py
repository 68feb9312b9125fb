"""Some seconds in a simulated room with the daemon's own ears: they do what the room is for."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from benchmarks.room.bystanders import fault_of
from benchmarks.room.household import Household, Lived, Setting, live
from benchmarks.room.interruptions import echo_level, last_sound_s, speak
from benchmarks.room.own_speech import own_speech
from benchmarks.room.places import PLACES, Material
from benchmarks.room.recorded_model import RecordedModel
from benchmarks.room.voices import REPLY_DBFS, REPLY_HZ, REPO, Recording, at_level
from vivavoce.assistant.settings import Config
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.vad import silero_available
from vivavoce.streaming.wavfile import read_wav

pytest.importorskip("livekit.rtc")
pytestmark = pytest.mark.skipif(not silero_available(), reason="the extra [silero] is missing")

INSTANT = Config.model_validate({"audio": {"echo": "apm"}, "barge_in": {"mode": "instant"}})


@lru_cache
def recording(name: str) -> Recording:
    pcm, rate_hz = read_wav(REPO / name)
    return Recording.of(name, pcm, rate_hz)


def reply() -> Pcm:
    """A human's 3 s twice: what the loudspeaker says."""
    voice = recording("tests/data/aishell_BAC009S0915W0292.wav").pcm
    return at_level(np.concatenate((voice, voice)), REPLY_HZ, REPLY_DBFS)


def material() -> Material:
    return Material([reply()], [recording("demo/voices/kitchen.wav")], [], [], [])


def setting(place: str = "living room", config: Config = INSTANT) -> Setting:
    return Setting(replace(PLACES[place], seed=3), RecordedModel(itertools.repeat(reply())), config)


async def interrupted(home: Household) -> tuple[float, float]:
    """Somebody speaks over the second reply: when it was stopped, and when it was silent, s."""
    await speak(home)
    await home.until(lambda: not home.session.speaking, 10.0)
    await speak(home)
    at_s = home.room.now() + 1.5
    level = echo_level(home, material()) + 8.0
    home.room.say(recording("demo/voices/kitchen.wav").sound, at_s, level)
    await home.run(at_s)
    assert home.session.speaking
    assert await home.until(lambda: not home.session.speaking, 2.0)
    stopped_s = home.room.now()
    await home.run(stopped_s + 0.3)
    return stopped_s - at_s, last_sound_s(home, at_s, stopped_s + 0.2) - at_s


@lru_cache
def one_interruption() -> Lived[tuple[float, float]]:
    return live(setting(), interrupted)


def test_a_person_is_heard_over_the_echo_and_the_reply_falls_silent():
    stopped_s, silent_s = one_interruption().found
    assert 0.1 < silent_s < stopped_s < 1.0


def test_the_same_seed_gives_the_same_to_the_last_digit():
    assert live(setting(), interrupted) == one_interruption()


def test_nobody_speaks_and_the_reply_is_played_whole():
    async def alone(home: Household) -> str:
        await speak(home)
        await home.until(lambda: not home.session.speaking, 10.0)
        await home.run(home.room.now() + 0.1)
        return fault_of(home, reply(), home.playout.began[-1])

    assert live(setting("kitchen"), alone).found == ""


def test_own_speech_counts_no_barge_in_and_the_canceller_does_its_work():
    found = own_speech(
        material(),
        None,  # type: ignore[arg-type]
        place="desk",
        length_s=6.0,
        config=INSTANT,
        seed=1,
    ).found
    assert found.n_stopped == 0
    assert found.echo == "apm"
    assert found.erle_db > 20
    assert 5.5 < found.spoken_s < 9.0


def test_without_a_canceller_the_echo_is_left_and_the_reply_stumbles():
    plain = INSTANT.model_copy(update={"audio": INSTANT.audio.model_copy(update={"echo": "none"})})
    found = own_speech(
        material(),
        None,  # type: ignore[arg-type]
        place="desk",
        length_s=5.0,
        config=plain,
        seed=1,
    ).found
    assert found.n_paused + found.n_stopped > 0
