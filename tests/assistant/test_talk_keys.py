"""The keys of `vivavoce talk`: the microphone muted, and turns begun and ended by hand."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console

from tests.support.scripted_model import Say, ScriptedModel
from tests.support.stage import StageBackend
from vivavoce.assistant import sound
from vivavoce.assistant.commands import talk_live
from vivavoce.assistant.commands.keys import keys_pressed
from vivavoce.assistant.commands.typed_line import TypedLine
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.assistant.errors import UserError

S = 16_000
PACE = 2.0
MODEL = ScriptedModel({"light on": [Say("it is on")], "tell me a story": [Say("once " * 40)]})


class Desk:
    """Somebody at a terminal with `talk` running: presses keys, speaks, reads the screen."""

    def __init__(self, card: StageBackend) -> None:
        self.card = card
        self.screen = io.StringIO()
        self.press: Callable[[str], None] = lambda key: None

    @contextlib.contextmanager
    def keys(self, on_key: Callable[[str], None]):
        self.press = on_key
        yield True

    async def says(self, sentence: str, then_s: float = 0.3) -> None:
        quiet = np.zeros(round(then_s * S), np.float32)
        await asyncio.sleep(self.card.say(MODEL.voice(sentence, 0.8), quiet) / PACE)

    async def until(self, ready: Callable[[], bool]) -> None:
        for _ in range(400):
            if ready():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"not in time: {self.screen.getvalue()}")

    async def shows(self, text: str, times: int = 1) -> None:
        await self.until(lambda: self.screen.getvalue().count(text) == times)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    card = StageBackend(tmp_path / "played.wav", PACE)
    at = Desk(card)
    monkeypatch.setattr(sound, "try_backend", lambda name="auto": card)
    monkeypatch.setattr(talk_live, "Console", lambda: Console(file=at.screen, width=200))
    monkeypatch.setattr(talk_live, "keys_pressed", at.keys)
    return at


@contextlib.asynccontextmanager
async def talking(desk: Desk, **microphone: object):
    config = load_config(
        preset="test",
        overrides={
            "audio": {"echo": "none"},
            "microphone": microphone,
            "turn": {"vad": "webrtc", "detection": "silence"},
        },
    )
    async with Daemon(config, MODEL) as daemon:
        task = asyncio.create_task(talk_live.converse(daemon.url, config))
        await desk.shows("Space begins and ends a turn by hand")
        yield task, daemon
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert desk.card.n_open == 0


async def test_m_closes_the_microphone_and_opens_it(desk):
    async with talking(desk):
        assert desk.card.n_open == 1
        desk.press("m")
        await desk.shows("microphone muted: the microphone's stream is closed")
        assert desk.card.n_open == 0
        desk.press("x")
        desk.press("m")
        await desk.shows("microphone open: it listens all the time", times=2)
        await desk.says("light on", then_s=0.8)
        await desk.shows("voice it is on")


async def test_space_holds_a_turn_over_its_pauses(desk):
    async with talking(desk):
        desk.press(" ")
        await desk.shows("microphone open: the button is held")
        await desk.says("light on", then_s=1.0)
        await desk.says("light on")
        assert "you " not in desk.screen.getvalue()
        desk.press(" ")
        await desk.shows("voice it is on")
        assert desk.screen.getvalue().count("you   light on") == 1
        await desk.says("light on", then_s=0.9)  # and without it, by voice again
        await desk.shows("voice it is on", times=2)


async def test_space_interrupts_the_reply(desk):
    async with talking(desk, activation="push_to_talk"):
        desk.press(" ")
        await desk.shows("the button is held")
        await desk.says("tell me a story")
        desk.press(" ")
        await desk.shows("voice once")
        await asyncio.sleep(0.5)
        desk.press(" ")
        await desk.shows("      interrupted")
        await desk.says("light on")
        desk.press(" ")
        await desk.shows("voice it is on")


async def test_a_typed_line_interrupts_the_reply_and_is_answered(desk):
    async with talking(desk):
        await desk.says("tell me a story", then_s=0.9)
        await desk.shows("voice once")
        await asyncio.sleep(0.3)
        for key in "\nlihgt\x7f\x7f\x7fght on m\x7f\x7f\n":
            desk.press(key)
        await desk.shows("      interrupted")
        await desk.shows("voice it is on")
        assert "you   light on\n" in desk.screen.getvalue()
        assert "muted" not in desk.screen.getvalue(), "the keys of a line mean nothing else"


def test_a_line_is_typed_from_enter_to_enter_and_given_up_by_escape():
    shown, taken = [], []
    line = TypedLine(shown.append, taken.append)
    assert not line.press("m")
    for key in "\rhi\x1b\n  \n\nok\t!\n":
        assert line.press(key)
    assert taken == ["ok!"]
    assert shown[:4] == ["", "h", "hi", None] and shown[-1] is None
    assert not line.press("x")


async def test_a_daemon_that_goes_away_is_one_sentence(desk, caplog):
    async with talking(desk) as (task, daemon):
        await daemon.close()
        with pytest.raises(UserError, match="The connection to the daemon ended"):
            await asyncio.wait_for(task, 5)
    assert "Traceback" not in caplog.text


async def test_keys_are_read_from_a_terminal_and_it_is_left_as_it_was(monkeypatch):
    termios = pytest.importorskip("termios")
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before, pressed = termios.tcgetattr(theirs), []
        with keys_pressed(pressed.append) as there_are:
            assert there_are and termios.tcgetattr(theirs) != before
            for piece in (b"m ", "嗯".encode()[:2], "嗯".encode()[2:]):
                os.write(ours, piece)
                await asyncio.sleep(0.05)
            for _ in range(200):
                if len(pressed) == 3:
                    break
                await asyncio.sleep(0.01)
        assert pressed == ["m", " ", "嗯"] and termios.tcgetattr(theirs) == before
    os.close(ours)


async def test_without_a_terminal_there_are_no_keys(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("m"))
    with keys_pressed(lambda key: pytest.fail(key)) as there_are:
        assert not there_are
