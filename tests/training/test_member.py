"""Where a stage's weights come from."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from training import loop, member

VOICE = ("codec_encoder", "audio_decoder")


@pytest.mark.parametrize(
    ("name", "parts", "language", "trained", "filled"),
    [
        ("joint", ("encoder", "projector", "thinker"), "en", (), "encoder projector thinker"),
        ("joint", ("encoder", "projector", "thinker"), "en", ("encoder", "thinker"), "projector"),
        ("joint", ("encoder", "projector", "thinker"), "en", ("joint",), None),
        ("codec", VOICE, "en", (), "audio_decoder codec_encoder"),
        ("codec", VOICE, "yue", ("codec", "audio_decoder"), "audio_decoder codec_encoder"),
        ("audio_decoder", VOICE, "en", ("codec",), ""),
        ("audio_decoder", VOICE, "yue", ("chinese_codec",), ""),
        ("talker", ("talker",), "cmn", ("talker",), "talker"),
    ],
)
def test_shipped_weights_fill_what_no_stage_has_trained(
    run, name, parts, language, trained, filled
):
    assert run(name, parts, language, trained) == ([] if filled is None else [filled.split()])


@pytest.mark.parametrize("name", ["encoder", "talker"])
def test_a_fresh_stage_begins_as_shipped_whatever_it_had_learnt(run, name):
    assert run(name, (name,), "en", (name,), fresh=True) == [[name]]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a member of a stage after others; gives what was filled with shipped weights."""
    monkeypatch.setenv(loop.RUNS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(loop, "train", lambda *_: None)

    def one(name, parts, language, trained, fresh=False):
        modules = {part: nn.Linear(1, 1) for part in parts}
        fake = ModuleType(f"training.{name}")
        fake.stage = lambda *_: loop.Stage(name, modules, iter(()), lambda batch, step: None, 1e-3)
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
        taken = []
        monkeypatch.setattr(member, "load_shipped", lambda found, _: taken.append(sorted(found)))
        for stage in trained:
            loop.run_folder(stage).mkdir()
            torch.save({"step": 7}, loop.run_folder(stage) / "checkpoint.pt")
        options = argparse.Namespace(
            threads=torch.get_num_threads(),
            processes=1,
            device="cpu",
            languages=[language],
            fresh=fresh,
            seed=0,
            rate=1.0,
            from_shipped=True,
        )
        member.run_member(0, name, 1.0, options, 0)
        return taken

    return one
