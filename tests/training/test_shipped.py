"""Shipped weights: half the size, the same model; and they are all there."""

import json

import torch
from safetensors.torch import load_file

from training import export
from training.codec import shipped_codec
from training.export import load_voice
from training.shipped import save_half
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


def test_the_shipped_codec_is_the_one_the_voice_speaks_with():
    codec, voice = shipped_codec(), load_voice()
    samples = 0.1 * torch.sin(torch.arange(16_000) * 0.05)[None]
    for number in range(len(voice.voices)):
        codes = codec.encode(samples, number)
        assert codes.shape == (1, 25)
        assert int(codes.max()) < voice.talker.config.n_codes
    for name, value in voice.decoder.state_dict().items():
        torch.testing.assert_close(codec.decoder.state_dict()[name], value, rtol=0, atol=0)


def test_an_export_says_which_languages_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "load_modules", lambda stage, modules: True)
    export.export_understanding(folder=tmp_path, languages=["en", "cmn", "yue"])
    config = NanoConfig.from_dict(json.loads((tmp_path / "config.json").read_text()))
    assert config == NanoConfig(languages=("en", "cmn", "yue"))
