"""What `python -m training` is asked on the command line."""

from __future__ import annotations

import sys

import pytest

from training import __main__ as training
from training.languages import language_list
from training.voices import SPEAKERS


def test_each_is_taken_once_in_the_order_named():
    assert language_list("yue,en,yue") == ["yue", "en"]


@pytest.mark.parametrize("named", ["de", "en,de", "", "en,"])
def test_one_that_does_not_exist_is_a_sentence(named, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training", "--languages", named])
    with pytest.raises(SystemExit):
        training.parse()
    assert "no such language" in capsys.readouterr().err


VOICES = ("codec", "audio_decoder", "talker")
EVERYTHING = [*(stage for stage in VOICES for _ in SPEAKERS), "thinker", "encoder", "joint"]


@pytest.mark.parametrize(("fresh", "trained"), [(False, []), (True, EVERYTHING)])
def test_a_finished_stage_is_repeated_only_afresh(fresh, trained, monkeypatch):
    ran = []
    monkeypatch.setattr(sys, "argv", ["training", *(["--fresh"] if fresh else [])])
    monkeypatch.setattr(training, "make_pool", lambda *_: None)
    monkeypatch.setattr(training, "export", lambda *_: None)
    monkeypatch.setattr(training.loop, "progress", lambda _: (100, 1000.0))
    monkeypatch.setattr(training, "run_stage", lambda name, *_: ran.append(name))
    training.run(training.parse())
    assert ran == trained
