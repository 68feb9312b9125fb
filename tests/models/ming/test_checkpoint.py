"""Reading released checkpoints: sources, weight norm, and errors that name what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vivavoce.models.ming.checkpoint import (
    CheckpointError,
    TensorDict,
    fold_weight_norm,
    joined,
    load_into,
    load_pt,
    open_pt,
    open_safetensors,
    prefixed,
    stacked,
)


def sharded(folder: Path) -> dict[str, torch.Tensor]:
    tensors = {f"part.{i}": torch.randn(2, i + 1) for i in range(4)}
    names = list(tensors)
    files = {"a-1.safetensors": names[:2], "a-2.safetensors": names[2:]}
    for file, keys in files.items():
        save_file({key: tensors[key] for key in keys}, folder / file)
    index = {"weight_map": {key: file for file, keys in files.items() for key in keys}}
    (folder / "a.safetensors.index.json").write_text(json.dumps(index))
    return tensors


def test_shards_of_a_folder_are_one_source(tmp_path: Path) -> None:
    tensors = sharded(tmp_path)
    source = open_safetensors(tmp_path)
    assert set(source.keys()) == set(tensors)
    assert source.shape("part.2") == (2, 3)
    assert all(torch.equal(source.tensor(key), value) for key, value in tensors.items())


def test_a_folder_without_index_is_read_whole(tmp_path: Path) -> None:
    save_file({"x": torch.ones(1)}, tmp_path / "one.safetensors")
    save_file({"y": torch.ones(1)}, tmp_path / "two.safetensors")
    assert set(open_safetensors(tmp_path).keys()) == {"x", "y"}


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    sharded(tmp_path)
    (tmp_path / "a-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks a-2\.safetensors"):
        open_safetensors(tmp_path)


def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    index = {"weight_map": {"x": "../secret.safetensors"}}
    (tmp_path / "a.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="outside its folder"):
        open_safetensors(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 64])
def test_broken_files_are_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.safetensors is not a readable"):
        open_safetensors(path)
    path = path.rename(tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        load_pt(path)
    with pytest.raises(CheckpointError, match="no safetensors file"):
        open_safetensors(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="no file"):
        open_pt(tmp_path / "elsewhere.pt")


class Intruder:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code of a file was run",))


def test_a_file_that_would_run_code_is_not_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"x": Intruder()}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="more than tensors"):
        open_pt(tmp_path / "x.pt")
    assert "code of a file" not in capsys.readouterr().out


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"model": x, "step": 3}])
def test_pt_files_are_read_bare_and_under_model(tmp_path: Path, wrap) -> None:
    torch.save(wrap({"a.weight": torch.ones(2)}), tmp_path / "x.pt")
    assert open_pt(tmp_path / "x.pt").keys() == ("a.weight",)


def test_both_styles_of_weight_norm_fold_to_the_weight() -> None:
    torch.manual_seed(0)
    old = nn.utils.weight_norm(nn.Conv1d(3, 5, 4))
    new = nn.utils.parametrizations.weight_norm(nn.ConvTranspose1d(5, 3, 4))
    for g in (old.weight_g, new.parametrizations.weight.original0):
        g.data.uniform_(0.5, 2)
    model = nn.ModuleDict({"old": old, "new": new, "plain": nn.Linear(2, 2)})
    old(torch.zeros(1, 3, 9))  # the old style makes its weight at the call
    folded = fold_weight_norm(TensorDict(model.state_dict()))
    assert set(folded.keys()) == {f"{m}.{p}" for m in model for p in ("weight", "bias")}
    for name in ("old", "new"):
        weight = model[name].weight.detach()
        assert folded.shape(f"{name}.weight") == tuple(weight.shape)
        torch.testing.assert_close(folded.tensor(f"{name}.weight"), weight)


def pair(device: str = "cpu") -> nn.Sequential:
    with torch.device(device):
        return nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1, bias=False))


def test_tensors_are_found_built_and_left_where_they_lie() -> None:
    stored = {
        "in.top": torch.randn(1, 2),
        "in.bottom": torch.randn(3, 2),
        "in.b.0": torch.tensor(1.0),
        **{f"in.b.{i}": torch.tensor(float(i)) for i in range(1, 4)},
        "in.1.weight": torch.randn(1, 4),
        "in.counter": torch.tensor(7),
        "other": torch.ones(1),
    }
    module = pair("meta")
    names = {
        "0.weight": joined("top", "bottom"),
        "0.bias": stacked("b.0", "b.1", "b.2", "b.3"),
    }
    load_into(module, prefixed(TensorDict(stored), "in."), names, ignore=["count*"])
    assert torch.equal(module[0].weight, torch.cat([stored["in.top"], stored["in.bottom"]]))
    assert module[0].bias.tolist() == [1, 1, 2, 3]
    assert module[1].weight.data_ptr() == stored["in.1.weight"].data_ptr()
    assert not any(p.requires_grad for p in module.parameters())


def test_one_error_names_what_lacks_what_is_over_and_what_does_not_fit() -> None:
    stored = {"0.weight": torch.ones(4, 3), "0.bias": torch.ones(4), "extra": torch.ones(1)}
    module = pair()
    before = module[0].bias.clone()
    with pytest.raises(CheckpointError) as caught:
        load_into(module, TensorDict(stored, "tiny.pt"))
    assert str(caught.value) == (
        "tiny.pt lacks 1.weight; has no use for extra; "
        "does not fit: 0.weight [4, 3] instead of [4, 2]"
    )
    assert torch.equal(module[0].bias, before)


def test_dtype_concerns_floating_point_only() -> None:
    module = nn.BatchNorm1d(2)
    load_into(module, TensorDict(nn.BatchNorm1d(2).state_dict()), dtype=torch.bfloat16)
    assert module.weight.dtype is torch.bfloat16
    assert module.num_batches_tracked.dtype is torch.long
