"""A session that plays on this machine: the loudspeaker's clock says what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from tests.support.live_session import Live, live
from tests.support.scripted_model import RATE_HZ, Say, ScriptedModel
from vivavoce.assistant.core import notices as no
from vivavoce.assistant.core.items import MessageItem, OutputAudio
from vivavoce.streaming.playout import Playout

DEVICE_HZ = 48_000
BLOCK = 480
SCRIPT = {"count": [Say("one two three four five six seven eight")], "hello": [Say("hello")]}


class Loudspeaker:
    """Plays blocks of 10 ms, as fast as it is told to; keeps what was heard."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.playout = Playout(DEVICE_HZ, lambda: self.now_s)
        self.heard: list[np.ndarray] = []

    def play(self, ms: int) -> None:
        for _ in range(ms // 10):
            block = np.zeros(BLOCK, dtype=np.float32)
            self.playout.fill(block, self.now_s)
            self.heard.append(block)
            self.now_s += 0.01

    @property
    def sounding_ms(self) -> int:
        """How much of it was not silence."""
        return 10 * sum(1 for block in self.heard if np.abs(block).max() > 0.01)


@asynccontextmanager
async def local(barge_in: str) -> AsyncIterator[tuple[Live, Loudspeaker]]:
    speaker = Loudspeaker()
    mind = ScriptedModel(SCRIPT, sentences=("mhm", "stop"))
    async with live(mind, playout=speaker.playout, barge_in=barge_in) as room:
        yield room, speaker


async def answer(room: Live) -> None:
    """The user asks; the whole reply lies in the loudspeaker's queue."""
    await room.says("count")
    await room.until(no.TranscriptDelta, 8)
    await room.at_rest()
    await asyncio.sleep(0.02)


def item_of(room: Live, done: no.ResponseDone) -> OutputAudio:
    item = room.session._conversation.history.get(done.response.output[0].id)
    assert isinstance(item, MessageItem)
    part = item.content[0]
    assert isinstance(part, OutputAudio)
    return part


async def test_a_reply_is_over_when_its_last_sample_was_heard() -> None:
    async with local("polite") as (room, speaker):
        await answer(room)
        speaker.play(1500)
        assert not any(isinstance(notice, no.ResponseDone) for notice in room.told)
        speaker.play(300)
        for notice in speaker.playout.notices():
            room.session.playout_noticed(notice)
        done = await room.reply()
        assert done.response.status == "completed"
        assert item_of(room, done).n_samples == 8 * 0.2 * RATE_HZ


async def test_barge_in_cuts_at_the_sample_that_was_heard() -> None:
    async with local("instant") as (room, speaker):
        await answer(room)
        speaker.play(700)
        await room.hear(room.model.voice("hello", 0.3))
        speaker.play(300)
        done = await room.reply()
        assert done.response.reason == "turn_detected"
        kept = item_of(room, done)
        assert abs(kept.n_samples - 0.7 * RATE_HZ) < 0.02 * RATE_HZ
        await room.at_rest()
        assert room.remembered[-1] == ("assistant", "one two three")
        assert speaker.sounding_ms <= 720, "stopped within a block and a fade"


def drained(room: Live, speaker: Loudspeaker) -> None:
    for notice in speaker.playout.notices():
        room.session.playout_noticed(notice)


async def says(room: Live, speaker: Loudspeaker, sentence: str, seconds: float) -> None:
    """Somebody speaks, and is quiet, while the loudspeaker plays on in step."""
    quiet = np.zeros(int(0.8 * RATE_HZ), dtype=np.float32)
    pcm = np.concatenate((room.model.voice(sentence, seconds), quiet))
    for at in range(0, len(pcm), RATE_HZ // 50):
        await room.hear(pcm[at : at + RATE_HZ // 50])
        await room.at_rest()
        await asyncio.sleep(0)
        speaker.play(20)


async def undisturbed() -> np.ndarray:
    """The whole reply as it sounds when nobody says anything."""
    async with local("polite") as (room, speaker):
        await answer(room)
        speaker.play(1700)
        return np.concatenate(speaker.heard)


def pauses_of(speaker: Loudspeaker, whole: np.ndarray) -> list[int]:
    """How many blocks each pause lasted; fails where a sample was lost, repeated or changed.

    The block after which it falls silent is played again from its start, and faded in.
    """
    heard, pauses, at, block = speaker.heard, [], 0, 0
    fade = 5 * DEVICE_HZ // 1000
    while at + BLOCK <= len(whole) and block < len(heard):
        expected = whole[at : at + BLOCK]
        if np.array_equal(heard[block], expected):
            at, block = at + BLOCK, block + 1
            continue
        silent = block + 1
        while silent < len(heard) and not heard[silent].any():
            silent += 1
        assert np.array_equal(heard[silent][fade:], expected[fade:]), "not the sample it paused at"
        pauses.append(silent - block)
        at, block = at + BLOCK, silent + 1
    assert at + BLOCK > len(whole), "not all of it was heard"
    return pauses


@pytest.mark.parametrize("seconds", [0.06, 0.3, 0.5])
async def test_a_murmur_pauses_and_not_a_sample_is_lost_or_said_twice(seconds: float) -> None:
    whole = await undisturbed()
    async with local("polite") as (room, speaker):
        await answer(room)
        speaker.play(500)
        await says(room, speaker, "mhm", seconds)
        speaker.play(2000)
        drained(room, speaker)
        done = await room.reply()
        assert done.response.status == "completed"
        assert len([n for n in room.told if isinstance(n, no.SpeechStartedNotice)]) == 1
        assert len(pauses_of(speaker, whole)) == 1


async def test_after_a_murmur_the_next_interruption_cuts_at_the_sample_heard() -> None:
    whole = await undisturbed()
    async with local("polite") as (room, speaker):
        await answer(room)
        speaker.play(300)
        await says(room, speaker, "mhm", 0.3)
        await says(room, speaker, "hello", 0.7)
        done = await room.reply()
        assert done.response.reason == "turn_detected"
        await room.until(no.ResponseCreated, 2)
        await room.at_rest()
        speaker.play(400)
        sounding = np.concatenate(speaker.heard)
        answer_48k = int(0.2 * DEVICE_HZ)  # one word, which answers the interruption
        n_heard = int(np.abs(sounding).astype(bool).sum()) - answer_48k
        kept = item_of(room, done)
        fades = 3 * 5 * RATE_HZ // 1000  # out, in again, out: heard, but not counted as heard
        assert abs(kept.n_samples - n_heard * RATE_HZ // DEVICE_HZ) <= fades + 160
        assert kept.n_samples < 0.9 * len(whole) * RATE_HZ // DEVICE_HZ
        words = len(kept.transcript.split())
        assert words == int(kept.n_samples / (0.2 * RATE_HZ))


@pytest.mark.parametrize("barge_in", ["polite", "wait", "instant"])
async def test_a_stop_phrase_ends_the_reply_and_is_not_answered(barge_in: str) -> None:
    async with local(barge_in) as (room, speaker):
        await answer(room)
        speaker.play(300)
        await says(room, speaker, "stop", 0.4)
        done = await room.reply()
        assert done.response.reason == "turn_detected"
        speaker.play(500)
        committed = await room.until(no.InputCommitted, 2)
        await room.at_rest()
        assert len([n for n in room.told if isinstance(n, no.ResponseCreated)]) == 1
        assert [role for role, _ in room.remembered] == ["user", "assistant"]
        item = room.session._conversation.history.get(committed.item_id)
        assert isinstance(item, MessageItem) and item.content[0].transcript == "stop"  # type: ignore[union-attr]


async def test_off_goes_on_whatever_is_said() -> None:
    whole = await undisturbed()
    async with local("off") as (room, speaker):
        await answer(room)
        speaker.play(300)
        await says(room, speaker, "stop", 0.4)
        speaker.play(1500)
        assert pauses_of(speaker, whole) == []


@pytest.mark.parametrize("comes_back", [False, True])
async def test_what_was_played_while_the_loudspeaker_was_away_was_not_heard(
    comes_back: bool,
) -> None:
    async with local("polite") as (room, speaker):
        await answer(room)
        speaker.play(700)
        speaker.playout.audible = False
        speaker.play(500)
        speaker.playout.audible = comes_back
        speaker.play(600)
        drained(room, speaker)
        done = await room.reply()
        assert done.response.status == "incomplete"
        assert item_of(room, done).n_samples == pytest.approx(0.7 * RATE_HZ, abs=0.02 * RATE_HZ)
        await room.at_rest()
        assert room.remembered[-1] == ("assistant", "one two three")
        speaker.playout.audible = True
        await room.says("hello")
        await room.until(no.TranscriptDelta, 9)
        await room.at_rest()
        await asyncio.sleep(0.02)
        speaker.play(1000)
        drained(room, speaker)
        assert (await room.until(no.ResponseDone, 2)).response.status == "completed"
