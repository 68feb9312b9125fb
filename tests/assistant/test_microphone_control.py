"""The microphone's switch with a device and a conversation that write down what they are told."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from vivavoce.assistant.microphone import Microphone
from vivavoce.assistant.microphone_control import (
    LONGEST_BACKLOG,
    MicrophoneControl,
    MicrophoneRefused,
    Status,
)
from vivavoce.assistant.wake_ear import WakeEar
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.wake import Wake

S = 16_000
FRAME = 320
WORD, COMMAND = 0.9, 0.5  # how loud they are


class LoudWord:
    """A wake word that is known by its loudness, 100 ms after its end."""

    phrase = "hey you"
    threshold = 0.8

    def __init__(self) -> None:
        self._since: int | None = None
        self._at = 0

    def feed(self, pcm: Pcm) -> list[Wake]:
        self._at += len(pcm)
        if np.abs(pcm).max(initial=0) > self.threshold:
            self._since = self._at
        if self._since is None or self._at - self._since < S // 10:
            return []
        self._since = None
        return [Wake(self._at, 1.0)]


class Card:
    """Opens and closes, and says so."""

    def __init__(self, log: list[str]) -> None:
        self.microphone_open = False
        self.broken = False
        self._log = log

    def mute(self) -> None:
        if self.broken:
            raise OSError("the driver hangs")
        self.microphone_open = False
        self._log.append("closed")

    def unmute(self) -> None:
        self.microphone_open = True
        self._log.append("opened")


class Room:
    """A conversation that keeps what it hears."""

    def __init__(self, log: list[str]) -> None:
        self.engaged = False
        self.heard: list[Pcm] = []
        self.playing: list[bool] = []
        self._log = log

    async def hear(self, pcm: Pcm, playing: bool = False) -> None:
        self.heard.append(pcm)
        self.playing.append(playing)

    async def forget(self, by_hand: bool) -> None:
        self._log.append("forget by hand" if by_hand else "forget")

    async def answer(self) -> None:
        self._log.append("answer")

    async def interrupt(self, by_hand: bool) -> None:
        self._log.append("interrupt by hand" if by_hand else "interrupt")
        self.engaged = False

    @property
    def sound(self) -> Pcm:
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.float32)


class Stage:
    """A control at work; `log` has what was told and done, in order."""

    def __init__(self, activation: str, **options: object) -> None:
        self.log: list[str] = []
        self.wakes: list[str] = []
        self.card, self.room = Card(self.log), Room(self.log)
        ear = WakeEar(LoudWord(), self.wakes.append) if activation == "wake_word" else None
        states = Microphone(activation, listen_s=2, follow_up_s=1, **options)  # type: ignore[arg-type]
        self.shown = ""
        self.control = MicrophoneControl(states, ear, self.told)

    def told(self, status: Status) -> None:
        shown = f"{status.state} {status.why}".strip()
        if shown != self.shown:  # the device alone may have changed
            self.log.append(shown)
        self.shown = shown

    async def hears(self, level: float, seconds: float, playing: bool = False) -> None:
        for _ in range(round(seconds * S / FRAME)):
            self.control.heard(np.full(FRAME, level, np.float32), playing)
        await self.settle()

    async def settle(self) -> None:
        """Until all that came was handled."""
        await asyncio.sleep(0)
        await self.control.set_muted(self.control.status.muted)  # orders are handled in turn


@contextlib.asynccontextmanager
async def stage(activation: str, **options: object):
    made = Stage(activation, **options)
    await made.control.begin(made.card, made.room)
    task = asyncio.create_task(made.control.run())
    await made.settle()
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.control.close()


async def test_an_open_microphone_passes_everything():
    async with stage("always") as on:
        await on.hears(0.1, 0.4)
        assert len(on.room.sound) == round(0.4 * S)
        assert on.log == ["open always", "opened", "forget"]


async def test_before_the_wake_word_nothing_passes_and_after_it_the_command_alone():
    async with stage("wake_word") as on:
        await on.hears(COMMAND, 1.0)
        assert not on.room.heard
        await on.hears(WORD, 0.5)
        await on.hears(0.01, 0.04)  # in one breath
        await on.hears(COMMAND, 0.5)
        heard = on.room.sound
        assert np.abs(heard).max() == np.float32(COMMAND), "not a sample of the wake word"
        assert np.count_nonzero(heard == np.float32(COMMAND)) == S // 2, "all of the command"
        assert on.log == ["waiting", "opened", "open wake_word", "interrupt", "forget"]
        assert on.wakes == ["person"]


async def test_the_wake_word_is_cut_from_a_turn_that_was_open():
    async with stage("wake_word") as on:
        await on.hears(WORD, 0.3)
        await on.hears(0.0, 0.2)
        on.room.engaged = True
        await on.hears(COMMAND, 0.5)
        n_before, on.room.heard = len(on.room.sound), []
        on.log.clear()
        await on.hears(WORD, 0.3)
        await on.hears(0.0, 0.2)
        assert on.log == ["interrupt", "forget"]
        assert n_before and np.abs(on.room.sound[-round(0.1 * S) :]).max() == 0


async def test_the_follow_up_window_is_told_and_ends():
    async with stage("wake_word") as on:
        await on.hears(WORD, 0.3)
        await on.hears(0.0, 0.2)
        on.room.engaged = True
        await on.hears(0.0, 3.0)
        on.log.clear()
        on.room.engaged = False
        await on.hears(0.0, 0.98)
        assert on.log == ["open follow_up"]
        await on.hears(0.0, 0.04)
        assert on.log == ["open follow_up", "forget", "waiting"]
        on.room.heard.clear()
        await on.hears(COMMAND, 0.5)
        assert not on.room.heard


async def test_mute_closes_the_stream_before_it_returns_and_unmute_opens_it():
    async with stage("always") as on:
        await on.hears(0.1, 0.1)
        on.log.clear()
        await on.control.set_muted(True)
        assert on.log == ["forget", "closed", "muted"]
        assert not on.card.microphone_open and not on.control.status.device_open
        n_heard = len(on.room.heard)
        await on.hears(0.1, 0.4)
        assert len(on.room.heard) == n_heard, "what was under way is not heard any more"
        on.log.clear()
        await on.control.set_muted(False)
        assert on.log == ["open always", "opened", "forget"]
        await on.hears(0.2, 0.1)
        new = np.concatenate(on.room.heard[n_heard:])
        assert set(new.tolist()) == {np.float32(0.2)}, "nothing from before"


async def test_it_can_begin_muted_and_the_button_does_not_open_it():
    async with stage("push_to_talk", muted=True) as on:
        assert on.log == ["muted"] and on.control.status.muted
        with pytest.raises(MicrophoneRefused, match="muted; unmute it first"):
            await on.control.talk(True)
        await on.control.set_muted(False)
        await on.control.talk(True)
        assert on.control.status.talking


async def test_the_button_gives_what_was_said_and_a_moment_before():
    async with stage("push_to_talk") as on:
        await on.hears(0.3, 1.0)
        await on.control.talk(True)
        await on.hears(COMMAND, 0.5)
        assert len(on.room.sound) == round(0.7 * S)
        on.log.clear()
        await on.control.talk(False)
        await on.hears(0.3, 0.5)
        assert len(on.room.sound) == round(0.7 * S)
        assert on.log == ["answer", "forget", "waiting"]


async def test_changes_can_be_followed_from_now_until_the_end():
    async with stage("always") as on:
        changes = on.control.changes()
        assert (await anext(changes)).state == "open"
        await on.control.set_muted(True)
        assert (await anext(changes)).state == "muted"
        on.card.microphone_open = True
        on.control.device_changed()
        assert (await anext(changes)).device_open
        again = on.control.changes(at_least_every_s=0.01)
        assert await anext(again) == await anext(again)
        assert on.control.n_watchers == 2
        await again.aclose()
        on.control.close()
        assert [status async for status in changes] == []
        assert [status async for status in on.control.changes()] == []
        assert on.control.n_watchers == 0


async def test_the_log_has_a_line_for_each_state(caplog):
    caplog.set_level("INFO", "vivavoce")
    async with stage("wake_word") as on:
        on.control.device_changed()
        await on.control.set_muted(True)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["the microphone is waiting", "the microphone is muted"]


async def test_a_slow_watcher_misses_old_changes_not_new_ones():
    async with stage("always") as on:
        changes = on.control.changes()
        await anext(changes)
        for k in range(101):
            await on.control.set_muted(k % 2 == 0)
        on.control.close()
        seen = [status.state async for status in changes]
        assert len(seen) <= 33 and seen[-1] == "muted"


async def test_a_device_that_fails_is_said_and_does_not_end_the_service(caplog):
    async with stage("always") as on:
        on.card.broken = True
        with pytest.raises(MicrophoneRefused, match="the driver hangs"):
            await on.control.set_muted(True)
        assert not on.control.status.muted, "it says so only when it is"
        on.card.broken = False
        await on.control.set_muted(True)
        assert not on.card.microphone_open and on.control.status.muted
    with pytest.raises(MicrophoneRefused, match="stopping"):
        await on.control.set_muted(False)


async def test_nothing_opens_and_nothing_is_heard_before_it_begins():
    on = Stage("always")
    on.control.heard(np.full(FRAME, COMMAND, np.float32))
    await asyncio.sleep(0)
    assert on.log == [] and not on.card.microphone_open
    await on.control.begin(on.card, on.room)
    running = asyncio.create_task(on.control.run())
    await on.hears(0.1, 0.1)
    running.cancel()
    assert on.log == ["open always", "opened", "forget"]
    assert set(on.room.sound.tolist()) == {np.float32(0.1)}


async def test_an_order_under_way_when_the_daemon_stops_is_refused():
    on = Stage("always")
    began, never = asyncio.Event(), asyncio.Event()

    async def forget(by_hand: bool) -> None:
        began.set()
        await never.wait()

    await on.control.begin(on.card, on.room)
    on.room.forget = forget  # type: ignore[method-assign]
    running = asyncio.create_task(on.control.run())
    order = asyncio.create_task(on.control.set_muted(True))
    await began.wait()
    running.cancel()
    with pytest.raises(MicrophoneRefused, match="stopping"):
        await asyncio.wait_for(order, 5)


async def test_sound_that_nobody_has_time_for_is_counted_and_told_once_a_jam(caplog):
    on = Stage("always")
    dropped: list[int] = []
    on.control = MicrophoneControl(Microphone("always"), None, on.told, dropped.append)
    await on.control.begin(on.card, on.room)
    frame = np.full(FRAME, COMMAND, np.float32)

    async def comes(n_frames: int) -> None:
        for _ in range(n_frames):
            on.control.heard(frame)
        await asyncio.sleep(0)

    await comes(LONGEST_BACKLOG)
    assert not dropped
    await comes(3)
    assert dropped == [FRAME] * 3
    running = asyncio.create_task(on.control.run())
    await on.settle()
    assert len(on.room.sound) == LONGEST_BACKLOG * FRAME
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await comes(LONGEST_BACKLOG + 1)
    told = [record for record in caplog.records if "too busy to hear" in record.message]
    assert len(dropped) == 4 and len(told) == 2, "one line for each jam"
    on.control.close()


async def test_the_chime_says_that_the_wake_word_was_heard():
    async with stage("wake_word") as on:
        rung: list[int] = []
        on.control.chime = lambda: rung.append(len(on.room.sound))
        await on.hears(WORD, 0.3)
        await on.hears(0.0, 0.3)
        assert not rung, "whoever speaks on in one breath needs none"
        await on.hears(0.0, 0.3)
        assert len(rung) == 1
        await on.hears(0.0, 2.0)
        assert on.shown == "waiting" and len(rung) == 1
        await on.hears(WORD, 0.3)
        await on.hears(COMMAND, 0.2)
        on.room.engaged = True  # the command has begun
        await on.hears(COMMAND, 0.4)
        on.room.engaged = False
        await on.hears(0.0, 1.5)
        assert len(rung) == 1
        await on.control.talk(True)
        await on.control.talk(False)
        assert len(rung) == 1, "a button is answer enough"
        on.control.chimes_for_button = True
        await on.control.talk(True)
        assert len(rung) == 2
        await on.control.talk(True)
        await on.control.talk(False)
        assert len(rung) == 2


async def test_muted_right_after_the_wake_word_it_does_not_chime():
    async with stage("wake_word") as on:
        rung: list[bool] = []
        on.control.chime = lambda: rung.append(True)
        await on.hears(WORD, 0.3)
        await on.hears(0.0, 0.2)
        await on.control.set_muted(True)
        await on.control.set_muted(False)
        await on.hears(0.0, 1.0)
        assert not rung


async def test_what_was_heard_before_the_wake_word_was_known_is_marked_as_it_was_heard():
    async with stage("wake_word") as on:
        await on.hears(WORD, 0.3, playing=True)
        await on.hears(COMMAND, 0.2, playing=True)
        assert on.room.playing[0] is True, "the reply still sounds in it"
        await on.hears(0.0, 4.0)
        assert on.shown == "waiting"
        before = len(on.room.playing)
        await on.hears(WORD, 0.3)
        await on.hears(COMMAND, 0.2)
        assert on.room.playing[before] is False


async def test_beside_a_reply_a_less_clear_word_wakes_it_and_elsewhere_it_does_not():
    unclear = 0.6
    async with stage("wake_word") as on:
        await on.hears(unclear, 0.3)
        await on.hears(0.0, 0.3)
        assert on.wakes == [] and on.shown == "waiting"
        await on.hears(unclear, 0.3, playing=True)
        await on.hears(0.0, 0.3, playing=True)
        assert on.wakes == ["person"]
        await on.hears(0.0, 3.0)
        await on.hears(unclear, 0.3)
        await on.hears(0.0, 0.3)
        assert on.wakes == ["person"] and on.shown == "waiting"
