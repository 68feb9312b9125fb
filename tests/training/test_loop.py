"""The training loop: budgets, checkpoints that survive a kill, logs and plots."""

import itertools
import json

import pytest
import torch
from torch import nn

from training import loop
from training.crew import Crew


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv(loop.RUNS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 10)
    return tmp_path


class Killed(Exception):
    """What stops a run in the middle."""


def line_stage(stop_at=None):
    """Learns y = 3 x; raises before step `stop_at` is taken."""
    torch.manual_seed(0)
    line = nn.Linear(1, 1)
    generator = torch.Generator().manual_seed(0)

    def loss(x, step):
        if step == stop_at:
            raise Killed
        value = (line(x) - 3 * x).square().mean()
        return value, {"loss": float(value.detach())}

    batches = (torch.randn(8, 1, generator=generator) for _ in itertools.count())
    return loop.Stage("line", {"line": line}, batches, loss, peak_lr=0.05)


def train(steps, stage=None, **options):
    """Runs until about `steps` steps are taken, on a clock that ticks once a step."""
    stage = stage or line_stage()
    loop.train(stage, steps / 60, **options)
    return stage


@pytest.fixture(autouse=True)
def one_step_a_second(monkeypatch):
    """CPU time in whole seconds, one for each time that the loop looks at it."""
    ticks = itertools.count()
    monkeypatch.setattr(loop.time, "process_time", lambda: float(next(ticks)))


def rows(runs):
    return [json.loads(line) for line in (runs / "line" / "log.jsonl").read_text().splitlines()]


def test_it_learns_within_its_budget_and_says_what_it_spent(runs):
    stage = train(200)
    assert stage.modules["line"].weight.item() == pytest.approx(3, abs=0.2)
    steps, minutes = loop.progress("line")
    assert steps == 200
    assert minutes == pytest.approx(200 / 60)


def test_a_finished_run_leaves_its_log_and_a_plot_of_it(runs):
    train(45)
    assert [row["step"] for row in rows(runs)] == [20, 40]
    assert (runs / "line" / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_goes_on_where_the_first_stopped(runs):
    first = train(30)
    weight = first.modules["line"].weight.item()
    second = line_stage()
    seen = []
    inner = second.loss

    def watched(x, step):
        seen.append((step, second.modules["line"].weight.item()))
        return inner(x, step)

    second.loss = watched
    train(30, second)
    assert seen[0] == (30, weight)
    steps, minutes = loop.progress("line")
    assert (steps, minutes) == (60, pytest.approx(1.0))
    assert rows(runs)[-1] == rows(runs)[-1] | {"step": 60, "cpu_s": 60.0}


def test_a_killed_run_leaves_the_last_whole_checkpoint(runs):
    with pytest.raises(Killed):
        train(100, line_stage(stop_at=47))
    assert loop.progress("line") == (40, pytest.approx(40 / 60))
    assert not (runs / "line" / "checkpoint.partial").exists()
    assert loop.load_modules("line", {"line": nn.Linear(1, 1)})


def test_a_stop_while_writing_leaves_the_checkpoint_before(runs, monkeypatch):
    train(10)

    def half(state, path):
        path.write_bytes(b"half a checkpo")
        raise Killed

    monkeypatch.setattr(loop.torch, "save", half)
    with pytest.raises(Killed):
        train(50)
    assert loop.progress("line")[0] == 10


def test_the_log_forgets_what_no_checkpoint_holds(runs):
    """The checkpoint is of step 40; the kill came after row 60 and in the middle of another."""
    noted = [{"step": step, "cpu_s": step, "lr": 0.1, "loss": 1.0} for step in (20, 40, 60)]
    train(40)
    log = runs / "line" / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in noted) + '{"step": 8')
    train(25)
    assert [row["step"] for row in rows(runs)] == [20, 40, 60]
    assert rows(runs)[-1]["loss"] != 1.0


def test_a_fresh_run_begins_at_nothing(runs):
    train(40)
    train(20, fresh=True)
    assert loop.progress("line")[0] == 20
    assert [row["step"] for row in rows(runs)] == [20]


def test_frozen_modules_stay_as_they_are(runs):
    stage = line_stage()
    other = nn.Linear(1, 1)
    before = other.weight.clone()
    stage.modules = {**stage.modules, "other": other}
    stage.frozen = ("other",)
    train(5, stage)
    assert torch.equal(other.weight, before) and not other.weight.requires_grad


def test_only_the_leader_of_a_crew_writes(runs, monkeypatch):
    monkeypatch.setattr(Crew, "average", lambda self, parameters, elapsed: elapsed)
    train(30, crew=Crew(number=1, size=2))
    assert list((runs / "line").iterdir()) == []


def test_the_rate_warms_up_and_falls_to_its_floor():
    rates = [loop._schedule(step, step / 1000, 0.02) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / loop.WARMUP_STEPS, rel=0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.02, abs=0.01)


def test_a_stage_that_was_never_trained_loads_nothing():
    assert loop.progress("nothing") == (0, 0.0)
    assert not loop.load_modules("nothing", {})
