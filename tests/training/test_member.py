"""Where a stage's weights come from."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from training import loop, member


@pytest.mark.parametrize(
    ("trained", "filled"),
    [
        ((), {"encoder", "projector", "thinker"}),
        (("encoder", "thinker"), {"projector"}),
        (("joint",), None),
    ],
)
def test_shipped_weights_fill_what_no_stage_has_trained(tmp_path, monkeypatch, trained, filled):
    monkeypatch.setenv(loop.RUNS_VARIABLE, str(tmp_path))
    modules = {name: nn.Linear(1, 1) for name in ("encoder", "projector", "thinker")}
    stage = loop.Stage("joint", modules, iter(()), lambda batch, step: None, 1e-3)
    fake = ModuleType("training.joint")
    fake.stage = lambda device, languages, seed: stage
    monkeypatch.setitem(sys.modules, "training.joint", fake)
    monkeypatch.setattr(loop, "train", lambda *_: None)
    taken = []
    monkeypatch.setattr(member, "load_shipped", lambda found, _: taken.append(set(found)))
    for name in trained:
        folder = loop.run_folder(name)
        folder.mkdir()
        torch.save({"step": 7, "minutes": 1.0}, folder / "checkpoint.pt")
    options = argparse.Namespace(
        threads=torch.get_num_threads(),
        processes=1,
        device="cpu",
        languages=["en"],
        fresh=False,
        seed=0,
        rate=1.0,
        from_shipped=True,
    )
    member.run_member(0, "joint", 1.0, options, 0)
    assert taken == ([] if filled is None else [filled])
