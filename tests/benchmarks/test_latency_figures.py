"""The benchmark's arithmetic: known moments must give known figures."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from benchmarks.latency.clips import Clip
from benchmarks.latency.interruptions import Interruption, InterruptionRun, fault_of
from benchmarks.latency.report import (
    Figure,
    as_json,
    interruption_figures,
    load_figures,
    turn_figures,
)
from benchmarks.latency.timing import SendLog, TurnTimes, gaps_s, percentile
from benchmarks.latency.turns import TurnRun
from vivavoce.assistant.client import Turn
from vivavoce.assistant.client.conversation import RATE_HZ

SAID = "why did the clock go to school because it wanted to learn the time"


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name.strip(): figure for figure in figures}


def test_a_sample_is_sent_with_the_piece_that_holds_it():
    log = SendLog()
    for piece in range(3):
        log.add(480, 10.0 + 0.02 * piece)
    assert log.sent_s(1) == log.sent_s(480) == 10.0
    assert log.sent_s(481) == pytest.approx(10.02)
    assert log.sent_s(1440) == pytest.approx(10.04)
    assert log.sent_s(1441) is None
    assert log.n_samples == 1440


def test_silence_and_the_rest_add_up_to_what_the_person_waits():
    times = TurnTimes(speech_end_s=5.0, endpoint_s=5.52, told_s=5.53, first_audio_s=5.56)
    assert times.total_ms == pytest.approx(560)
    assert times.silence_ms == pytest.approx(520)
    assert times.rest_ms == pytest.approx(40)
    assert times.after_told_ms == pytest.approx(30)


def test_gaps_are_what_a_player_without_reserve_waits():
    steady = [(1.0 + 0.1 * i, 0.1) for i in range(5)]
    assert gaps_s(steady) == pytest.approx(0.0)
    assert gaps_s([(1.0, 0.5), (1.1, 0.5), (1.2, 0.5)]) == 0.0
    assert gaps_s([(1.0, 0.1), (1.3, 0.1), (1.35, 0.1), (1.6, 0.1)]) == pytest.approx(0.3)
    assert gaps_s([]) == 0.0


def test_percentiles_lie_between_neighbours_and_need_values():
    assert percentile([10.0, 20.0, 30.0], 50) == 20.0
    assert percentile(list(range(101)), 95) == 95.0
    assert np.isnan(percentile([], 95))


def turn_run(rest_ms: list[float], problems: int = 0) -> TurnRun:
    times = [TurnTimes(0.0, 0.5, 0.5, 0.5 + rest / 1000) for rest in rest_ms]
    return TurnRun(times, ["nothing heard"] * problems, audio_s=100.0, wall_s=80.0)


def test_turns_are_held_to_their_targets_with_speculation_only():
    slow = turn_run([70.0] * 20)
    on, off = by_name(turn_figures(slow, True)), by_name(turn_figures(slow, False))
    assert on["everything else, p50"].value == pytest.approx(70)
    assert on["everything else, p50"].met is False
    assert on["everything else, p95"].met is True
    assert off["everything else, p50"].met is None


def test_one_slow_turn_in_ten_misses_the_p95():
    on = by_name(turn_figures(turn_run([20.0] * 18 + [400.0] * 2), True))
    assert on["everything else, p50"].met is True
    assert on["everything else, p95"].met is False


def test_turns_without_a_reply_are_not_hidden():
    on = by_name(turn_figures(turn_run([20.0] * 18, problems=2), True))
    figure = on["turns answered in speech"]
    assert figure.value == pytest.approx(90)
    assert figure.met is False


def test_nothing_measured_meets_no_target():
    assert all(figure.met is not True for figure in turn_figures(TurnRun(), True))
    empty = interruption_figures(InterruptionRun(), 20)
    assert all(figure.met is not True for figure in empty)


def test_the_real_time_factor_counts_both_directions():
    figures = by_name(load_figures(turn_run([20.0]), cpu_s=40.0))
    assert figures["real-time factor: CPU time / audio in and out"].value == pytest.approx(0.4)
    assert figures["share of one core during conversation"].value == pytest.approx(50)


def test_interruptions_that_leave_too_much_in_memory_are_told():
    fine, bad = Interruption(80.0, 300.0, ""), Interruption(90.0, 310.0, "it says too much")
    figures = by_name(interruption_figures(InterruptionRun([fine] * 9 + [bad]), 10))
    assert figures["first voice → last audio, p95"].met is True
    assert figures["items that hold only what was heard"].met is False
    assert figures["replies interrupted of those wanted"].met is True


def test_json_holds_every_figure_and_no_nan():
    figures = turn_figures(TurnRun(), True)
    told = as_json(figures, {"speculation_on": turn_run([20.0])}, InterruptionRun())
    assert len(told["figures"]) == len(figures)
    assert told["figures"][0]["value"] is None
    assert told["turns"]["speculation_on"]["times"][0]["rest_ms"] == pytest.approx(20)


def test_speech_begins_where_the_sound_does():
    tone = 0.3 * np.sin(np.arange(RATE_HZ // 2) / 20)
    for lead_ms, extra in ((100, 0), (250, 77)):
        silence = np.zeros(lead_ms * RATE_HZ // 1000)
        pcm = np.concatenate((silence, tone, np.zeros(2400 + extra))).astype(np.float32)
        assert Clip("", pcm).speech_start_ms == pytest.approx(lead_ms, abs=10)


# --- the truncated item ------------------------------------------------------------------------


def reply(said: str = SAID, seconds: float = 2.0) -> Turn:
    turn = Turn("item_user", 0.0, said=said)
    turn.audio.append(np.zeros(int(seconds * RATE_HZ), np.float32))
    return turn


def item(transcript: str, audio_ms: int) -> dict:
    audio = base64.b64encode(bytes(2 * audio_ms * RATE_HZ // 1000)).decode()
    return {"content": [{"type": "output_audio", "transcript": transcript, "audio": audio}]}


def test_an_item_with_the_words_heard_is_right():
    assert fault_of(reply(), item("why did the clock", 1500), 1500) == ""
    assert fault_of(reply(), item("", 300), 300) == ""


@pytest.mark.parametrize(
    ("transcript", "audio_ms", "cut_ms", "fault"),
    [
        ("why did the clock", 1900, 1500, "1500 ms were heard"),
        ("why did the clock", 2500, None, "2000 ms were sent"),
        ("why did a clock", 1500, 1500, "said was"),
        (SAID, 1500, 1500, "cannot be said in"),
        ("", 1900, 1900, "only 0 letters are left"),
    ],
)
def test_an_item_with_more_or_other_than_was_heard_is_a_fault(transcript, audio_ms, cut_ms, fault):
    assert fault in fault_of(reply(), item(transcript, audio_ms), cut_ms)


def test_an_item_that_cannot_be_had_is_a_fault():
    assert fault_of(reply(), None, 100)
