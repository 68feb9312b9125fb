"""Voices made of recordings: what is computed, kept, found again and refused."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch

from vivavoce.models.ming import voices
from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.features import kaldi_fbank, whisper_log_mel
from vivavoce.models.ming.voice_prompt import load_voice_prompt
from vivavoce.models.ming.voices import (
    add_voice,
    import_voice,
    load_voice,
    make_voice,
    own_voices_folder,
    voices_of,
)

pytest.importorskip("onnxruntime")
TEXT = "the words of the recording"


@pytest.fixture(scope="module", params=["v1", "v1.5"])
def checkpoint(request, tiny_ming) -> Path:
    return tiny_ming(request.param)


@pytest.fixture
def folder(checkpoint, tmp_path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "tiny"))


def recording(seconds: float = 2.0, rate_hz: int = 16_000) -> torch.Tensor:
    """A tone that glides, with some noise: every moment differs."""
    t = torch.arange(int(seconds * rate_hz), dtype=torch.float64) / rate_hz
    noise = torch.randn(len(t), generator=torch.Generator().manual_seed(1)) * 0.01
    return (0.3 * torch.sin(2 * math.pi * (200 + 150 * t) * t) + noise).float()


def test_a_voice_holds_vector_codes_mel_and_words_of_one_length(checkpoint):
    voice = make_voice(checkpoint, recording(), 16_000, f"  {TEXT} ")
    assert voice.text == TEXT
    assert voice.speaker.shape == (192,)
    assert len(voice.codes) == 100
    rate = (
        50.0
        if "flow_stream.pt" in {p.name for p in (checkpoint / "talker").iterdir()}
        else (22_050 / 256)
    )
    assert voice.mel.shape == (round(100 / 50 * rate), 80)
    assert voice.mel.min() >= math.log(1e-5) - 1e-3


def test_the_networks_see_the_front_ends_they_were_trained_with(checkpoint):
    """The tiny networks are simple enough to be computed by hand."""
    import numpy as np

    pcm = recording()
    voice = make_voice(checkpoint, pcm, 16_000, TEXT)
    fbank = kaldi_fbank(pcm, "povey")
    root = (fbank - fbank.mean(0)).square().mean(0).sqrt()
    weight = np.random.default_rng(0).normal(size=(80, 192)).astype(np.float32)
    torch.testing.assert_close(voice.speaker, root @ torch.from_numpy(weight), atol=1e-4, rtol=1e-4)
    halved = whisper_log_mel(pcm).T.unfold(1, 2, 2).mean(-1).T
    assert len(voice.codes) == len(halved)


def test_the_rate_of_the_recording_changes_little(checkpoint):
    at_16k = make_voice(checkpoint, recording(2.0), 16_000, TEXT)
    at_48k = make_voice(checkpoint, recording(2.0, 48_000), 48_000, TEXT)
    assert len(at_16k.codes) == len(at_48k.codes)
    cosine = torch.nn.functional.cosine_similarity(at_16k.speaker, at_48k.speaker, dim=0)
    assert cosine > 0.95


def test_a_voice_is_kept_found_and_loaded(folder):
    made = add_voice(folder, "Anna-2", recording(), 16_000, TEXT)
    assert "Anna-2" in voices_of(folder)
    kept = load_voice(folder, "Anna-2")
    for name in ("speaker", "codes", "mel", "flow_codes", "flow_speaker"):
        assert torch.equal(getattr(kept, name), getattr(made, name))
    assert kept.text == TEXT


def test_a_name_in_use_is_not_overwritten_unasked(folder):
    add_voice(folder, "anna", recording(), 16_000, TEXT)
    with pytest.raises(ValueError, match="already; --replace"):
        add_voice(folder, "anna", recording(3.0), 16_000, TEXT)
    add_voice(folder, "anna", recording(3.0), 16_000, TEXT, replace=True)
    assert len(load_voice(folder, "anna").codes) == 150


def test_shipped_voices_are_listed_and_a_speaker_file_is_taken_over(folder):
    shipped = voices_of(folder)
    assert shipped
    name, path = next(iter(shipped.items()))
    import_voice(folder, "mine", path)
    assert torch.equal(load_voice(folder, "mine").speaker, load_voice(folder, name).speaker)
    assert "flow" not in voices_of(folder)  # the model's own .pt files are no voices


def test_voices_of_a_model_in_the_hubs_cache_outlive_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    snapshot = tmp_path / "hub" / "models--org--Ming-1.5" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    assert own_voices_folder(snapshot) == tmp_path / "data/vivavoce/voices/org--Ming-1.5"
    assert own_voices_folder(tmp_path / "my-ming") == tmp_path / "my-ming" / "voices"


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "-x", "a" * 41, "a b"])
def test_names_that_are_no_file_names_are_refused(folder, name):
    with pytest.raises(ValueError, match="no name for a voice"):
        add_voice(folder, name, recording(), 16_000, TEXT)


@pytest.mark.parametrize(
    ("pcm", "text", "complaint"),
    [
        (recording(0.5), TEXT, "0.5 s long; it must be 1 to 30 s"),
        (recording(31.0), TEXT, "31.0 s long"),
        (torch.zeros(32_000), TEXT, "silent"),
        (torch.full((32_000,), float("nan")), TEXT, "no numbers"),
        (recording(), " \n", "--text"),
    ],
)
def test_a_recording_that_cannot_be_used_is_refused(checkpoint, pcm, text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_voice(checkpoint, pcm, 16_000, text)


def test_missing_and_broken_networks_are_named(folder):
    (folder / "talker" / "campplus.onnx").write_bytes(b"no network")
    with pytest.raises(CheckpointError, match=r"campplus\.onnx cannot be read"):
        make_voice(folder, recording(), 16_000, TEXT)
    (folder / "talker" / "campplus.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"campplus\.onnx is missing"):
        make_voice(folder, recording(), 16_000, TEXT)


def test_without_onnxruntime_the_package_to_install_is_named(checkpoint, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"pip install 'vivavoce\[voices\]'"):
        make_voice(checkpoint, recording(), 16_000, TEXT)


def test_an_unknown_voice_names_the_known_ones(checkpoint):
    known = next(iter(voices_of(checkpoint)))
    with pytest.raises(ValueError, match=f"no voice 'nobody'; there are .*{known}"):
        load_voice(checkpoint, "nobody")


def test_a_kept_voice_is_a_speaker_file_without_code(folder):
    add_voice(folder, "anna", recording(), 16_000, TEXT)
    content = torch.load(voices.voices_of(folder)["anna"], weights_only=True)
    assert content["prompt_text"] == TEXT
    assert load_voice_prompt(voices.voices_of(folder)["anna"]).text == TEXT
