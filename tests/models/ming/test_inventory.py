"""What a checkpoint folder is found to hold, to lack and to take in memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.tiny_ming import IMAGE_GENERATION, VERSIONS
from vivavoce.models.layers.quantised import quantise
from vivavoce.models.ming.checkpoint import CheckpointError, open_safetensors
from vivavoce.models.ming.config import MingConfig
from vivavoce.models.ming.inventory import bytes_of, examine
from vivavoce.models.ming.loading import load_ming
from vivavoce.models.ming.parts import open_parts
from vivavoce.models.ming.talker import load_talker
from vivavoce.models.ming.thinker_files import load_thinker
from vivavoce.models.ming.voice_prompt import load_voice_prompt
from vivavoce.models.ming.voices import voices_of
from vivavoce.models.report import PartReport, Report

SHARD = "model-00002-of-00003.safetensors"


@pytest.fixture
def folder(tiny_ming, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_ming(), tmp_path / "tiny"))


def part(report: Report, name: str) -> PartReport:
    (found,) = [one for one in report.parts if one.name == name]
    return found


def edited(folder: Path, drop: str = "", add: str = "") -> None:
    """Takes a tensor out of its shard and out of the index, or puts one more in."""
    tensors = load_file(folder / SHARD)
    index_file = folder / "model.safetensors.index.json"
    index = json.loads(index_file.read_text())
    if drop:
        del tensors[drop], index["weight_map"][drop]
    if add:
        tensors[add] = torch.zeros(2)
        index["weight_map"][add] = SHARD
    save_file(tensors, folder / SHARD)
    index_file.write_text(json.dumps(index))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_folder_of_each_release_is_whole(tiny_ming, version):
    report = examine(tiny_ming(version))
    assert report.model == f"Ming-Lite-Omni {version}"
    assert report.usable
    assert [one.fault for one in report.parts] == [""] * len(report.parts)


def test_the_language_models_parameters_are_those_stored(folder):
    stored = open_safetensors(folder)
    thinker = [key for key in stored.keys() if key.startswith("model.")]  # noqa: SIM118
    total = sum(torch.Size(stored.shape(key)).numel() for key in thinker)
    assert part(examine(folder), "language model").n_parameters == total


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_the_memory_told_is_the_memory_taken(folder, bits):
    """Against the parts as they are really loaded, quantised and measured."""
    config, parts = MingConfig.from_folder(folder), open_parts(folder)
    assert parts.thinker is not None and parts.talker is not None
    thinker = load_thinker(config.thinker, parts.thinker, torch.bfloat16, storage="listed")
    talker = load_talker(parts.talker, config.talker, 1, dtype=torch.bfloat16)
    taken = 0
    for module in (thinker, talker):
        before = bytes_of(module, None)
        told = bytes_of(module, bits)
        quantised = quantise(module, bits)
        tensors = (*quantised.parameters(), *quantised.buffers())
        after = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        assert told == after
        taken += before - after
    memory = examine(folder).memory
    assert memory["bf16"] - memory[bits] == taken > 0


def test_the_memory_of_a_reply_is_what_its_keys_and_values_take(folder):
    report = examine(folder)
    mouth = load_ming(folder).mouth
    assert mouth is not None
    voices = [load_voice_prompt(path) for path in voices_of(folder).values()]
    ready = mouth.prepare(max(voices, key=lambda voice: len(voice.flow_codes)))
    assert taken_by(ready.sound) == report.voice_bytes
    state, most = ready.sound, 0
    for _ in range(14):  # longer than what is remembered
        _, state = mouth.decoder.push([1] * 50, state)
        most = max(most, taken_by(state))
    assert 0.9 * report.reply_bytes <= most <= report.reply_bytes


def taken_by(state) -> int:
    """Bytes of the buffers that a state's keys and values lie in."""
    caches = [*state.flow.encoder.blocks, *state.flow.encoder.up_blocks]
    caches += [cache for step in state.flow.steps for cache in step.caches]
    held = [cache._buffer for cache in caches if cache._buffer is not None]
    return sum(buffer.k.nbytes + buffer.v.nbytes for buffer in held)


def test_nothing_is_kept_where_sentences_are_made_whole(tiny_ming):
    report = examine(tiny_ming("v1"))
    assert report.reply_bytes == report.voice_bytes == 0


def test_image_generation_is_said_to_be_left_alone(folder):
    (note,) = [note for note in examine(folder).notes if "pictures" in note]
    assert all(f"{name}/" in note for name in IMAGE_GENERATION) and "on purpose" in note
    for name in IMAGE_GENERATION:
        shutil.rmtree(folder / name)
    assert "makes no pictures" in examine(folder).notes


def test_a_missing_and_a_surplus_tensor_are_named(folder):
    lost = "model.model.layers.0.mlp.experts.1.up_proj.weight"
    edited(folder, drop=lost)
    report = examine(folder)
    assert not report.usable
    assert (
        "lacks model.layers.0.mlp.experts.1.up_proj.weight" in part(report, "language model").fault
    )
    edited(folder, add="audio.blocks.0.attn.key.bias")
    assert (
        "no use for blocks.0.attn.key.bias"
        in part(examine(folder), "audio encoder, Whisper-size").fault
    )


def test_a_missing_shard_is_named_by_every_part_that_may_lie_in_it(folder):
    (folder / SHARD).unlink()
    report = examine(folder)
    assert not report.usable
    assert SHARD in part(report, "language model").fault
    assert part(report, "sound of mel frames (vocoder)").fault == ""


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("talker/flow_stream.pt", "mel frames of speech (flow matching)"),
        ("talker/hift_v2.pt", "sound of mel frames (vocoder)"),
        ("talker/s3_bpe/char_mapping.txt", "speech tokens"),
        ("talker/model.safetensors", "talker"),
    ],
)
def test_a_missing_file_makes_the_model_unusable(folder, file, name):
    (folder / file).unlink()
    report = examine(folder)
    assert not report.usable
    assert part(report, name).fault


@pytest.mark.parametrize("file", ["talker/campplus.onnx", "talker/speech_tokenizer_v1.onnx"])
def test_without_the_onnx_files_it_still_speaks(folder, file):
    (folder / file).unlink()
    report = examine(folder)
    assert report.usable
    faults = [one for one in report.parts if one.fault]
    assert [one.where for one in faults] == [file]
    assert faults[0].without == "no voices can be made of recordings"


def test_a_folder_without_voices_says_how_to_get_one(folder):
    shutil.rmtree(folder / "data")
    assert "voices add" in part(examine(folder), "voices: none").without


def test_a_speaker_file_that_would_run_code_is_not_opened(folder):
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("harm done",)

    torch.save({"vp_emb": Harm()}, folder / "data" / "spks" / "luna_v2.pt")
    report = examine(folder)
    assert "holds more than tensors" in part(report, "voices: luna_v2, eng_v2").fault


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no folder"):
        examine(tmp_path / "absent")
    with pytest.raises(CheckpointError):
        examine(tmp_path)
