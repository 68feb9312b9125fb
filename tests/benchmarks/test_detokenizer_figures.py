"""The detokeniser's benchmark: what it measures, and what it says of it."""

import json

import pytest
import torch

from benchmarks.detokenizer import sizes
from benchmarks.detokenizer.__main__ import parser, run_of
from benchmarks.detokenizer.measuring import CODES_HZ, Run, Second, deviation, first_sound, measure
from benchmarks.detokenizer.report import as_json, growth, plot, reference_growth, table
from benchmarks.detokenizer.sizes import (
    n_parameters,
    random_codes,
    random_flow,
    random_vocoder,
    random_voice,
)
from tests.support.pretend_gpu import OnGpu, pretended_gpu


@pytest.fixture(scope="module")
def run():
    flow = random_flow("small", 1, n_steps=1)
    codes = random_codes(2 * CODES_HZ + 3, 2)
    return Run(flow, random_vocoder("small", 1), random_voice(50, 3), codes, frozenset({2}), None)


def test_both_ways_are_measured_where_asked(run):
    ticks = []
    seconds = measure(run, lambda: ticks.append(1))
    assert [second.end_s for second in seconds] == [1, 2] == [sum(ticks[:n]) for n in (1, 2)]
    assert all(second.ours > 0 for second in seconds)
    assert [second.reference is None for second in seconds] == [True, False]


def test_both_ways_make_the_same_mel(run):
    assert deviation(run, 1) < 1e-4
    assert first_sound(run, 16) > 0


def test_a_gpu_is_measured_where_there_is_one():
    options = ["--size", "small", "--steps", "1", "--seconds", "1", "--points", "1"]
    with pretended_gpu():
        asked = parser().parse_args(options)
        assert asked.device == "cuda"
        run = run_of(asked)
        (second,) = measure(run, lambda: None)
        assert all(isinstance(p, OnGpu) for p in (*run.flow.parameters(), *run.hift.parameters()))
    assert second.ours > 0 and second.reference


def test_growth_is_told_from_the_ends():
    flat = [Second(i, 1.0 + (i == 4), 1.0 * i if i in (1, 20) else None) for i in range(1, 21)]
    assert growth(flat) == 1.0
    assert reference_growth(flat) == 20
    steep = [Second(i, float(i), None) for i in range(1, 21)]
    assert growth(steep) == 16
    assert reference_growth(steep) is None


def test_what_was_measured_is_written_down(tmp_path):
    pytest.importorskip("matplotlib")
    seconds = [Second(1, 0.5, 1.0), Second(2, 0.5, None)]
    assert json.loads(as_json(seconds, {"size": "small"}))["seconds"][0]["reference"] == 1.0
    assert table(seconds, "title").row_count == 1
    plot(seconds, "title", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_full_size_is_as_large_as_the_released_model_is_taken_to_be(monkeypatch):
    monkeypatch.setattr(sizes, "_settled", lambda module, seed: module)
    with torch.device("meta"):  # weights are counted here, not drawn
        flow = random_flow("full", 1)
    assert round(n_parameters(flow.encoder) / 1e6, 1) == 37.3
    assert round(n_parameters(flow.estimator) / 1e6, 1) == 71.3
