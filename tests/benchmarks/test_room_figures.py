"""The room's arithmetic: known scenes must give known figures, and a wrong sample is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.latency.report import Figure
from benchmarks.room.bystanders import Disturbance, as_played, fault_of
from benchmarks.room.figures import Results, as_json, figures
from benchmarks.room.interruptions import Interruption
from benchmarks.room.noises import NOISES, made
from benchmarks.room.own_speech import OwnSpeech
from benchmarks.room.turns import SpokenTurn
from benchmarks.room.voices import REPLY_HZ, Recording
from vivavoce.assistant.outlet import pcm16_of, pcm_of
from vivavoce.streaming.devices import BLOCK_SAMPLES
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.playout import Playout

HOUR = OwnSpeech("desk", "apm", 3600.0, 0, 0, 0, 0.0, 40.0)
STOPPED = Interruption("desk", "no", 5.0, 150.0, 250.0, 165.0, 185.0, 15.0)
MISSED = Interruption("desk", "no", 5.0, None, None, None, None, None)


def by_name(found: list[Figure]) -> dict[str, Figure]:
    return {f"{figure.part}: {figure.name.strip()}": figure for figure in found}


def test_false_barge_ins_are_counted_by_the_hour_of_speech():
    half = replace(HOUR, spoken_s=1800.0, n_stopped=1, n_paused=3, silent_s=9.0)
    found = by_name(figures(Results(own=[half])))
    part = "own speech with echo, nobody else speaks"
    assert found[f"{part}: false barge-ins"].value == pytest.approx(2.0)
    assert found[f"{part}: false barge-ins"].met is False
    assert found[f"{part}: pauses for a suspicion"].value == pytest.approx(6.0)
    assert found[f"{part}: time lost by them"].value == pytest.approx(0.5)
    both = by_name(figures(Results(own=[half, HOUR])))
    assert both[f"{part}: false barge-ins"].met is True
    assert both[f"{part}: speech measured"].value == pytest.approx(90.0)


def test_people_who_are_not_heard_are_missed():
    done = [STOPPED] * 18 + [MISSED, replace(STOPPED, stopped_ms=1200.0)]
    found = by_name(figures(Results(interrupted={"instant": done})))
    assert found["interruptions, instant: caught within 1 s"].value == pytest.approx(90.0)
    assert found["interruptions, instant: caught within 1 s"].met is False
    assert found["interruptions, instant: suspicion → silence, p95"].met is True
    assert found["interruptions, instant: first voiced sample → stop confirmed, p95"].met is False


def test_one_slow_stop_in_ten_misses_the_p95():
    done = [STOPPED] * 9 + [replace(STOPPED, stopped_ms=900.0)]
    found = by_name(figures(Results(interrupted={"instant": done, "polite": done})))
    name = "first voiced sample → stop confirmed, p95"
    assert found[f"interruptions, instant: {name}"].met is False
    assert found[f"interruptions, polite: {name}"].met is None


def test_a_reply_that_ended_or_lost_a_sample_did_not_go_on_whole():
    fine = Disturbance("desk", "ok", 0.0, False, 300.0, "")
    done = [fine] * 8 + [replace(fine, ended=True), replace(fine, name="door", fault="block 3")]
    found = by_name(figures(Results(disturbed={"polite": done})))
    part = "backchannels and noises, polite"
    assert found[f"{part}: replies that went on, whole"].value == pytest.approx(80.0)
    assert found[f"{part}: replies with a lost or repeated sample"].met is False
    assert found[f"{part}: noises"].value == 100.0


def test_cut_turns_are_counted_once_and_leave_the_delays():
    turn = SpokenTurn("desk", "what time is it", (300.0,), 0, 600.0)
    cut = replace(turn, n_cuts=2, delay_ms=100.0)
    found = by_name(figures(Results(turns=[turn] * 49 + [cut])))
    part = "turns with pauses of 100 to 400 ms"
    assert found[f"{part}: false ends per 100 turns"].value == pytest.approx(2.0)
    assert found[f"{part}: last voiced sample → end, p50"].value == pytest.approx(600.0)
    never = by_name(figures(Results(turns=[replace(turn, delay_ms=None)])))
    assert never[f"{part}: turns that never ended"].met is False


def test_json_holds_every_scene():
    results = Results(own=[HOUR], interrupted={"polite": [STOPPED, MISSED]})
    told = json.loads(json.dumps(as_json(results, figures(results), {"seed": 1})))
    assert told["own"][0]["spoken_s"] == 3600.0
    assert told["interrupted"]["polite"][1]["stopped_ms"] is None
    assert len(told["figures"]) == len(figures(results))


# --- what the loudspeaker played ---------------------------------------------------------------


def reply(seconds: float = 0.5) -> Pcm:
    at = np.arange(int(seconds * REPLY_HZ))
    return (0.3 * np.sin(2 * np.pi * 440 * at / REPLY_HZ)).astype(np.float32)


def played(pcm: Pcm, pauses: list[tuple[int, int]]) -> Any:
    """A reply through a real playout that is paused from one block to another."""
    playout = Playout(48_000, lambda: 0.0)
    playout.open(1, REPLY_HZ)
    playout.write(1, pcm_of(pcm16_of(pcm)))
    playout.finish(1)
    blocks, paused = [], []
    for number in range(80):
        holds = any(first <= number < last for first, last in pauses)
        playout.pause() if holds else playout.resume()
        block = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        playout.fill(block, number / 100)
        blocks.append(block)
        paused.append(holds)
    room = SimpleNamespace(record=SimpleNamespace(played=blocks))
    return SimpleNamespace(room=room, playout=SimpleNamespace(paused=paused))


@pytest.mark.parametrize("pauses", [[], [(3, 9)], [(0, 2), (10, 11), (12, 20)]])
def test_a_reply_that_was_paused_is_whole(pauses):
    assert fault_of(played(reply(), pauses), reply(), 0) == ""


def test_a_lost_a_repeated_and_a_changed_sample_are_seen():
    home = played(reply(), [(3, 9)])
    blocks = home.room.record.played
    whole = np.concatenate(blocks)
    cut = 20 * BLOCK_SAMPLES
    lost = np.append(np.delete(whole, cut), 0.0)
    repeated = np.insert(whole, cut, whole[cut])[:-1]
    changed = whole.copy()
    changed[cut] += 0.001
    for wrong in (lost, repeated, changed):
        home.room.record.played = list(wrong.astype(np.float32).reshape(-1, BLOCK_SAMPLES))
        assert "something else was played" in fault_of(home, reply(), 0)


def test_a_reply_that_ends_early_or_speaks_in_a_pause_is_seen():
    home = played(reply(), [])
    home.room.record.played, home.playout.paused = (
        home.room.record.played[:30],
        home.playout.paused[:30],
    )
    assert "never played" in fault_of(home, reply(), 0)
    home = played(reply(), [(3, 9)])
    home.room.record.played[5][:] = 0.1
    assert "something else" in fault_of(home, reply(), 0)
    home = played(reply(), [(3, 9)])
    home.room.record.played[3][:100] = 0.9
    assert "fades" in fault_of(home, reply(), 0)


def test_what_is_played_undisturbed_is_the_reply():
    whole = as_played(reply())
    assert len(whole) == 3 * len(reply())
    assert np.abs(whole).max() == pytest.approx(0.3, abs=0.01)


# --- voices and noises -------------------------------------------------------------------------


def test_a_recording_begins_and_ends_with_its_voice():
    silence = np.zeros(3200, dtype=np.float32)
    recording = Recording.of("tone", np.concatenate((silence, reply(), silence)), REPLY_HZ)
    assert recording.voiced_s == pytest.approx(0.5, abs=0.011)
    assert abs(recording.pcm[:160]).max() > 0.2
    assert len(recording.sound) == 3 * len(recording.pcm)


@pytest.mark.parametrize("name", [*NOISES, "mhm"])
def test_noises_are_drawn_alike_for_the_same_seed(name):
    first, again = (made(name, np.random.default_rng(3)) for _ in range(2))
    assert first.pcm.tolist() == again.pcm.tolist()
    assert 0.1 < first.voiced_s < 2.0
    assert not np.array_equal(first.pcm, made(name, np.random.default_rng(4)).pcm)
