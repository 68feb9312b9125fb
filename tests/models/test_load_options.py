"""Where and in which number format a model computes."""

from __future__ import annotations

import pytest
import torch

from vivavoce.models.load_options import LoadOptions


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert LoadOptions().torch_device().type == "cuda"
    assert LoadOptions(device="cpu").torch_device().type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert LoadOptions().torch_device().type == "cpu"


def test_a_gpu_that_is_not_there_is_an_error_with_what_to_set(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"model\.device to auto or cpu"):
        LoadOptions(device="cuda").torch_device()


def test_the_format_of_the_files_holds_unless_another_is_asked_for():
    assert LoadOptions().torch_dtype(torch.bfloat16) is torch.bfloat16
    assert LoadOptions(dtype="float32").torch_dtype(torch.bfloat16) is torch.float32
