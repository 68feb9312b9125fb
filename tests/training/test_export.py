"""Exported weights: half the size, the same model."""

import torch
from safetensors.torch import load_file

from training.export import save_half
from vivavoce.models.nano.talker import Talker, TalkerConfig


def test_weights_come_back_as_they_were_to_half_precision(tmp_path):
    talker = Talker(TalkerConfig(vocabulary=10, n_codes=8, dim=8, n_heads=2, n_layers=1, hidden=8))
    save_half(talker, tmp_path / "talker.safetensors")
    weights = load_file(tmp_path / "talker.safetensors")
    assert weights.keys() == talker.state_dict().keys()
    for name, value in talker.state_dict().items():
        assert weights[name].dtype == torch.float16
        torch.testing.assert_close(weights[name].float(), value, rtol=1e-3, atol=1e-4)
