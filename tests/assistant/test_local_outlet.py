"""A session that plays on this machine: the loudspeaker's clock says what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

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
    mind = ScriptedModel(SCRIPT)
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


async def test_a_murmur_pauses_and_the_rest_is_heard_without_a_gap() -> None:
    async with local("polite") as (room, speaker):
        await answer(room)
        speaker.play(500)
        await room.hear(room.model.voice("hello", 0.06))
        speaker.play(200)
        await room.hear(np.zeros(RATE_HZ // 2, dtype=np.float32))
        speaker.play(1400)
        for notice in speaker.playout.notices():
            room.session.playout_noticed(notice)
        done = await room.reply()
        assert done.response.status == "completed"
        quiet = [bool(np.abs(block).max() < 0.01) for block in speaker.heard]
        assert 15 <= sum(quiet[50:75]) <= 22, "about 200 ms of pause"
        assert abs(speaker.sounding_ms - 1600) <= 30, "nothing lost, nothing said twice"
