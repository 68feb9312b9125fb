"""The whole demo against the real daemon in real time; only ears and mouth are scripted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from tests.support.scripted_model import Call, Say, ScriptedModel
from vivavoce.assistant.commands import demo as command
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.assistant.demo.script import Line, load_script
from vivavoce.models.nano.domain import NEEDS_RESULT
from vivavoce.streaming.wavfile import read_channels

ANSWERS = {
    "joke": [Say("why did the clock go to school because it wanted to learn the time")],
    "president": [Say("sorry i did not get that")],
}


def scripted(script: list[Line]) -> ScriptedModel:
    steps = {}
    for line in script:
        call = (
            [Call(line.action, line.arguments, line.action in NEEDS_RESULT)] if line.action else []
        )
        say = ANSWERS.get(line.name, [Say("it is {}" if line.result else "okay")])
        steps[line.text] = [*call, *say]
    return ScriptedModel(steps)


@pytest.fixture
def model() -> ScriptedModel:
    """It understands the script."""
    model = scripted(load_script())
    model.languages = ("en", "yue")
    return model


@pytest.fixture
def stage(model, monkeypatch):
    """A daemon that is set to Cantonese, and recordings that its model understands."""

    def recording(line: Line, rate_hz: int) -> np.ndarray:
        quiet = np.zeros(rate_hz // 10, np.float32)
        return np.concatenate([quiet, model.voice(line.text, rate_hz=rate_hz), quiet])

    monkeypatch.setattr(Line, "recording", recording)
    overrides = {"assistant": {"language": "yue"}}
    return Daemon(load_config(preset="test", overrides=overrides), model)


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, True], ids=["into a log", "in a terminal"])
async def test_the_demo_keeps_its_promises_and_leaves_its_files(model, stage, tmp_path, terminal):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=100)
    async with stage as daemon:
        kept = await command._perform(daemon.url, "", tmp_path, console)
    shown = screen.getvalue()
    assert kept, shown
    assert model.dialogues[-1].options.language == "en"
    assert "calc(a=7, op=*, b=8)" in shown and "ms after the end of speech" in shown
    sound, rate_hz = read_channels(tmp_path / "conversation.wav")
    person, assistant = np.abs(sound[:, 0]) > 0.01, np.abs(sound[:, 1]) > 0.01
    assert rate_hz == 24000 and person.any() and assistant.any()
    overlap_ms = 1000 * np.count_nonzero(person & assistant) / rate_hz
    assert 20 <= overlap_ms <= 600, "the interruption overlaps the reply it cuts off"
    assert "[interrupted]" in (tmp_path / "transcript.txt").read_text()
    table = (tmp_path / "latency.md").read_text()
    assert "| median |" in table and "BROKEN" not in table
