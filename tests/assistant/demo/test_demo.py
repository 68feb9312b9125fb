"""The demo's script holds what the demo promises, and its judge is not fooled."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vivavoce.assistant.client import Action, Turn
from vivavoce.assistant.client.speech_end import speech_end_ms
from vivavoce.assistant.demo.director import Scene
from vivavoce.assistant.demo.promises import promises
from vivavoce.assistant.demo.report import latency_table, stereo, transcript
from vivavoce.assistant.demo.script import load_script

RATE_HZ = 24000
SCRIPT = load_script()


def scene(line, **changes) -> Scene:
    """A line after which all went well, but for the changes."""
    actions = (Action(line.action, line.arguments),) if line.action else ()
    turn = Turn(
        line.name,
        started_s=1.0,
        heard=line.text,
        said="sorry i did not get that" if line.declined else "it is fifty six",
        actions=actions,
        audio=[np.ones(2400, np.float32)],
        first_audio_s=2.5,
        done_s=3.0,
        status="cancelled" if line.cut_off_after_ms else "completed",
        reason="turn_detected" if line.cut_off_after_ms else "",
    )
    for name, value in changes.items():
        setattr(turn, name, value)
    return Scene(line, origin_s=1.0, speech_end_s=2.0, turn=turn)


def broken(scenes) -> list[str]:
    return [promise.text for promise in promises(scenes) if not promise.kept]


def test_the_script_holds_what_is_promised():
    assert len(SCRIPT) >= 6
    assert sum(line.result for line in SCRIPT) >= 2
    assert sum(line.cut_off_after_ms is not None for line in SCRIPT) == 1
    assert SCRIPT[-1].cut_off_after_ms is None
    assert any(line.declined for line in SCRIPT)
    follow_up = next(line for line in SCRIPT if line.promise.startswith("a follow-up"))
    assert "light" not in follow_up.text and follow_up.action == "light_on"


@pytest.mark.parametrize("line", SCRIPT, ids=lambda line: line.name)
def test_every_line_has_a_recording_with_speech(line):
    pcm = line.recording(RATE_HZ)
    end_ms = speech_end_ms(pcm, RATE_HZ)
    assert end_ms is not None and 300 < end_ms <= 1000 * len(pcm) / RATE_HZ <= 5000


def test_a_good_performance_keeps_every_promise():
    assert broken([scene(line) for line in SCRIPT]) == []


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("sum", {"actions": (Action("calc", {"a": 7, "op": "+", "b": 8}),)}, "tool results"),
        ("time", {"said": "sorry"}, "tool results"),
        ("joke", {"status": "completed"}, "interrupts"),
        ("bedroom", {"actions": (Action("light_on", {"room": "kitchen"}),)}, "follow-up"),
        ("president", {"actions": (Action("time", {}),)}, "declined"),
        ("president", {"said": "it is noon"}, "declined"),
        ("timer", {"actions": ()}, "every line"),
    ],
)
def test_what_did_not_happen_is_noticed(name, changes, text):
    scenes = [scene(line, **(changes if line.name == name else {})) for line in SCRIPT]
    assert any(text in one for one in broken(scenes))


def test_a_line_that_nobody_noticed_breaks_the_demo():
    scenes = [scene(line) for line in SCRIPT]
    scenes[2].turn = None
    assert broken(scenes)
    assert "not noticed" in transcript(scenes, 0.0)


def test_the_report_has_times_and_latencies():
    scenes = [scene(line) for line in SCRIPT]
    scenes[6].silence_s = 0.31
    table = latency_table(scenes, promises(scenes))
    assert "| median | 500 ms |" in table and "silent after 310 ms" in table
    assert transcript(scenes, 0.5).startswith("   0.50  you    hello\n")


def test_the_recording_puts_both_voices_at_their_true_times():
    microphone = SimpleNamespace(origin_s=10.0, track=[(0, np.full(100, 0.5, np.float32))])
    reply = np.full(50, 0.25, np.float32)
    speaker = SimpleNamespace(origin_s=10.01, track=[(2400, "a", reply)])
    sound = stereo(microphone, speaker)
    assert sound.shape[1] == 2
    assert np.flatnonzero(sound[:, 0]).tolist() == list(range(100))
    assert np.flatnonzero(sound[:, 1])[0] == 2400 + 240
