"""The detokeniser of a folder: which release it is, what its yaml file says, and what is wrong."""

import numpy as np
import pytest
import torch

from vivavoce.models.ming.checkpoint import CheckpointError, TensorDict
from vivavoce.models.ming.detokenizer import StreamingDetokenizer, WholeDetokenizer
from vivavoce.models.ming.detokenizer_files import load_detokenizer
from vivavoce.models.ming.vocoder_files import load_vocoder

from .tiny_decoder import (
    CHUNK,
    causal_flow,
    hift,
    speech_codes,
    stored,
    stored_vocoder,
    voice,
    whole_flow,
)

V1_5 = f"""\
chunk: {CHUNK}
flow: !new:some.package.Flow
    encoder: !new:some.package.Encoder
        static_chunk_size: !ref <chunk>
    decoder: !new:some.package.Decoder
        estimator: !new:some.package.Estimator
            attention_head_dim: 8
    n_timesteps: 3
"""
V1 = """\
sample_rate: 22050
decoder: !new:some.package.Decoder
    attention_head_dim: 8
    n_timesteps: 2
"""


@pytest.fixture
def v1_5(tmp_path):
    torch.save({"model": stored(causal_flow())}, tmp_path / "flow_stream.pt")
    prefixed = {f"generator.{name}": t for name, t in stored_vocoder(hift()).items()}
    torch.save(prefixed, tmp_path / "hift_v2.pt")
    (tmp_path / "audio_detokenizer_stream.yaml").write_text(V1_5)
    return tmp_path


@pytest.fixture
def v1(tmp_path):
    torch.save(stored(whole_flow()), tmp_path / "flow.pt")
    torch.save(stored_vocoder(hift(v1=True)), tmp_path / "hift.pt")
    (tmp_path / "audio_detokenizer.yaml").write_text(V1)
    return tmp_path


def spoken(detokenizer):
    first, state = detokenizer.push(speech_codes(23), detokenizer.open(voice()))
    rest, _ = detokenizer.flush(state)
    return np.concatenate([first, rest])


def test_a_streaming_release(v1_5):
    detokenizer = load_detokenizer(v1_5)
    assert isinstance(detokenizer, StreamingDetokenizer)
    assert detokenizer.rate_hz == 24_000
    assert detokenizer.flow.config == causal_flow().config
    assert np.array_equal(spoken(detokenizer), spoken(StreamingDetokenizer(causal_flow(), hift())))


def test_an_older_release(v1):
    detokenizer = load_detokenizer(v1)
    assert isinstance(detokenizer, WholeDetokenizer)
    assert detokenizer.rate_hz == 22_050
    expected = spoken(WholeDetokenizer(whole_flow(), hift(v1=True)))
    assert np.array_equal(spoken(detokenizer), expected)


@pytest.mark.parametrize("name", ["flow_stream.pt", "hift_v2.pt"])
def test_a_missing_file_is_named(v1_5, name):
    (v1_5 / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_detokenizer(v1_5)


def test_a_vocoder_that_is_none_is_an_error():
    with pytest.raises(CheckpointError, match="not a HiFT vocoder"):
        load_vocoder(TensorDict({"weight": torch.zeros(1)}, "hift.pt"))


def test_a_vocoder_s_missing_and_surplus_tensors_are_named():
    tensors = stored_vocoder(hift())
    tensors.pop("resblocks.1.convs2.0.bias")
    tensors["extra"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"lacks resblocks\.1\.convs2\.0\.bias.*extra"):
        load_vocoder(TensorDict(tensors, "hift.pt"))


def test_a_flow_model_that_is_none_is_an_error(v1_5):
    torch.save({"weight": torch.zeros(1)}, v1_5 / "flow_stream.pt")
    with pytest.raises(CheckpointError, match=r"flow_stream\.pt lacks"):
        load_detokenizer(v1_5)
