"""What a name stands for, and what kind of model lies in a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from tests.support.tiny_hub import TinyHub
from vivavoce.models import catalog
from vivavoce.models.catalog import UnknownModel
from vivavoce.models.dialogue import Message, ToolCall
from vivavoce.models.load_options import LoadOptions
from vivavoce.models.nano.model import FOLDER as NANO


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def folder_with(tmp_path: Path, config: object) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


def test_a_published_model_is_known_by_its_short_name_too():
    assert catalog.repository("ming-lite-omni-1.5") == "inclusionAI/Ming-Lite-Omni-1.5"
    assert catalog.repository("inclusionai/ming-lite-omni") == "inclusionAI/Ming-Lite-Omni"
    assert catalog.repository("somebody/else") == "somebody/else"


@pytest.mark.parametrize("name", ["gpt", "", "./missing", "/no/where", "a/b/c", "~/no-such-folder"])
def test_what_is_neither_a_name_nor_a_folder_is_refused(name):
    with pytest.raises(UnknownModel, match="choose one of: nano, inclusionAI/Ming-Lite-Omni-1.5"):
        catalog.load(name)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "bailingmm"},
        {"architectures": ["X"], "llm_config": {}, "audio_config": {}},
    ],
)
def test_a_ming_folder_is_known_by_its_config(tmp_path, config):
    assert catalog.kind_of(folder_with(tmp_path, config)) == "ming"


def test_a_nano_folder_is_known_by_its_config_and_loads(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(NANO, copy)
    assert catalog.kind_of(copy) == "nano"
    assert catalog.load(str(copy)).name == "nano"
    (copy / "ear.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks ear\.safetensors"):
        catalog.load(str(copy))


def test_a_folder_of_another_kind_is_named(tmp_path):
    with pytest.raises(UnknownModel, match="no config.json"):
        catalog.load(str(tmp_path))
    with pytest.raises(UnknownModel, match="of the kind 'llama'"):
        catalog.load(str(folder_with(tmp_path, {"model_type": "llama"})))
    with pytest.raises(UnknownModel, match="no model of a known kind"):
        catalog.kind_of(folder_with(tmp_path, []))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UnknownModel, match="cannot be read"):
        catalog.kind_of(tmp_path)


def test_a_model_of_another_kind_is_not_downloaded(cache):
    files = {"config.json": b'{"model_type": "llama"}', "model.safetensors": bytes(5000)}
    with (
        TinyHub({"somebody/llama": files}) as server,
        pytest.raises(UnknownModel, match="somebody/llama holds a model of the kind 'llama'"),
    ):
        catalog.obtain("somebody/llama", server.address)
    assert set(server.sent) == {"config.json"}


def test_what_was_downloaded_is_found_again_offline(cache):
    files = {"config.json": b'{"model_type": "bailingmm"}', "model.safetensors": bytes(5000)}
    with TinyHub({"somebody/ming": files}) as server:
        assert catalog.find("somebody/ming") is None
        folder = catalog.obtain("somebody/ming", server.address)
    assert catalog.find("somebody/ming") == folder == catalog.obtain("somebody/ming")
    assert catalog.kind_of(folder) == "ming"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (LoadOptions(device="cuda"), "nano takes auto or cpu for model.device, not cuda"),
        (LoadOptions(dtype="bfloat16"), "model.dtype"),
        (LoadOptions(quantize="int4"), "nano takes none or int8 for model.quantize, not int4"),
    ],
)
def test_nano_refuses_options_it_would_have_to_ignore(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        catalog.load("nano", options)


def test_nano_in_8_bits_takes_a_third_of_the_memory_and_understands_the_same():
    def mebibytes(model):
        tensors = [t for p in model.parts().values() for t in (*p.parameters(), *p.buffers())]
        return sum(t.numel() * t.element_size() for t in tensors) / 2**20

    whole, small = (catalog.load("nano", LoadOptions(quantize=q)) for q in ("none", "int8"))
    assert mebibytes(small) < 0.4 * mebibytes(whole)
    for sentence in ("turn on the kitchen light", "set a timer for ten minutes"):
        calls = []
        for model in (whole, small):
            dialogue = model.open()
            dialogue.add(Message("user", sentence))
            calls.append(next(iter(dialogue.reply())))
        assert isinstance(calls[0], ToolCall) and calls[0] == calls[1]
        assert calls[0].confidence == pytest.approx(calls[1].confidence, abs=0.05)
    first = next(iter(small.speak("hello there")))
    assert np.isfinite(first.pcm).all()


def test_a_folder_without_a_config_is_known_by_its_files(tmp_path):
    (tmp_path / "talker").mkdir()
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert catalog.kind_of(tmp_path) == "ming"


def test_what_a_nano_folder_lacks_is_told(tmp_path):
    copy = Path(shutil.copytree(NANO, tmp_path / "copy"))
    assert catalog.examine(str(copy)).usable
    (copy / "talker.safetensors").unlink()
    (copy / "ear.safetensors").write_bytes(b"no tensors")
    report = catalog.examine(str(copy))
    faults = {part.name: part.fault.split(":")[0] for part in report.parts}
    assert not report.usable
    assert faults == {
        "audio encoder": "cannot be read",
        "language model": "",
        "talker": "missing",
        "audio decoder": "",
    }


def test_what_is_not_on_this_machine_cannot_be_examined():
    with pytest.raises(UnknownModel, match="vivavoce models download somebody/else"):
        catalog.examine("somebody/else")


def test_a_model_that_does_not_fit_says_what_to_set(tmp_path, monkeypatch):
    from vivavoce.models.ming import loading

    def too_large(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(loading, "load_ming", too_large)
    with pytest.raises(ValueError, match="int8 or int4"):
        catalog.load(str(folder_with(tmp_path, {"model_type": "bailingmm"})))
