"""Shipped weights: half the size, the same model; and they are all there."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from training import export, shipped
from training.codec import shipped_codec
from training.export import load_voice
from training.shipped import save_half, save_part
from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.talker import Talker, TalkerConfig


def test_weights_come_back_as_they_were_to_half_precision(tmp_path):
    talker = Talker(TalkerConfig(vocabulary=10, n_codes=8, dim=8, n_heads=2, n_layers=1, hidden=8))
    save_half(talker, tmp_path / "talker.safetensors")
    weights = load_file(tmp_path / "talker.safetensors")
    assert weights.keys() == talker.state_dict().keys()
    for name, value in talker.state_dict().items():
        assert weights[name].dtype == torch.float16
        torch.testing.assert_close(weights[name].float(), value, rtol=1e-3, atol=1e-4)


def test_the_shipped_codecs_are_those_the_voices_speak_with():
    voice = load_voice()
    samples = 0.1 * torch.sin(torch.arange(16_000) * 0.05)[None]
    for speaker, decoder in voice.decoders.items():
        codec = shipped_codec(speaker)
        codes = codec.encode(samples)
        assert codes.shape == (1, 25)
        assert int(codes.max()) < voice.talkers[speaker].config.n_codes
        for name, value in decoder.state_dict().items():
            torch.testing.assert_close(codec.decoder.state_dict()[name], value, rtol=0, atol=0)


def test_a_speaker_is_written_beside_the_others(tmp_path):
    path, first, second = tmp_path / "talker.safetensors", nn.Linear(2, 2), nn.Linear(2, 2)
    save_part(first, path, "english")
    save_part(second, path, "chinese")
    save_part(second, path, "chinese")
    assert set(load_file(path)) == {
        f"{speaker}.{name}" for speaker in ("english", "chinese") for name in ("weight", "bias")
    }
    weights = load_file(path)["english.weight"].float()
    torch.testing.assert_close(weights, first.weight.detach(), rtol=1e-3, atol=1e-4)


def test_a_speaker_who_is_not_shipped_is_told(tmp_path, monkeypatch):
    save_part(nn.Linear(2, 2), tmp_path / "talker.safetensors", "english")
    monkeypatch.setattr(shipped, "NANO", tmp_path)
    with pytest.raises(FileNotFoundError, match="no martian part"):
        shipped.load_shipped({"talker": nn.Linear(2, 2)}, "martian")


def test_thresholds_survive_new_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "load_modules", lambda *_: True)
    before = {"confirm_probability": 0.46, "languages": ["en"], "voices": []}
    (tmp_path / "config.json").write_text(json.dumps(before), encoding="utf-8")
    export.export_understanding(folder=tmp_path, languages=("en", "yue"))
    after = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert after["confirm_probability"] == 0.46
    assert after["languages"] == ["en", "yue"] and after["voices"] == []
    assert after["min_intent_probability"] == NanoConfig().min_intent_probability
