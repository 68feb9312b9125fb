"""Mel to waveform against the reference, both vocoders, with its recorded random numbers.

Tolerance 2e-3 in a waveform within ±0.99: phases of long sums in float32 (ours are in float64);
we see 3e-4.
"""

import pytest
import torch
from safetensors.torch import load_file

from vivavoce.models.ming.checkpoint import TensorDict
from vivavoce.models.ming.vocoder import Draws
from vivavoce.models.ming.vocoder_files import load_vocoder

from .decoding import config, needed, recorded_vocoder, tensors

WAVE = {"atol": 2e-3, "rtol": 0}
PITCH = {"atol": 1e-3, "rtol": 1e-5}


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def v1_5(vectors):
    needed(vectors, "hift_v1_5")
    io = load_file(vectors / "hift_v1_5.io.safetensors")
    return recorded_vocoder(vectors, "hift_v1_5"), io


@pytest.fixture(scope="module")
def v1(vectors):
    needed(vectors, "hift_v1")
    return recorded_vocoder(vectors, "hift_v1"), load_file(vectors / "hift_v1.io.safetensors")


def draws(io, prefix=""):
    return Draws(io[f"{prefix}draw.0.rand_ini"][0], io[f"{prefix}draw.1.randn_1"][0])


def test_pitch_source_and_speech_at_24_khz(v1_5):
    hift, io = v1_5
    pitch = hift.pitch(io["mel"])
    torch.testing.assert_close(pitch, io["f0"], **PITCH)
    source = hift.source(pitch, draws(io))
    torch.testing.assert_close(source, io["source"], atol=1e-4, rtol=0)
    torch.testing.assert_close(hift.decode(io["mel"], source), io["speech"], **WAVE)


def test_decoding_without_a_source(v1_5):
    hift, io = v1_5
    silent = torch.zeros_like(io["source"])
    torch.testing.assert_close(
        hift.decode(io["mel"], silent), io["speech_decode_zero_source"], **WAVE
    )


def test_a_source_that_begins_with_the_one_before(v1_5):
    hift, io = v1_5
    source = hift.source(hift.pitch(io["mel"]), draws(io, "cached.")).clone()
    source[:, :, : io["cache_source"].shape[2]] = io["cache_source"]
    torch.testing.assert_close(source, io["source_with_cache"], atol=1e-4, rtol=0)
    torch.testing.assert_close(hift.decode(io["mel"], source), io["speech_with_cache"], **WAVE)


def test_speech_at_22_khz(v1):
    hift, io = v1
    torch.testing.assert_close(hift.pitch(io["mel"]), io["f0"], **PITCH)
    recorded = Draws(io["draw.0.phase"][0, :, 0], io["draw.1.randn"][0].t())
    speech = hift(io["mel"][0].t(), recorded)
    torch.testing.assert_close(speech, io["speech"][0], **WAVE)


@pytest.mark.parametrize("name", ["hift_v1_5", "hift_v1"])
def test_sizes_follow_from_the_tensors(vectors, name):
    needed(vectors, name)
    said = config(vectors, name)["hift"]
    hift = load_vocoder(tensors(vectors, name))
    assert [stride for _, stride in hift.config.ups] == said["upsample_rates"]
    assert list(hift.config.kernels) == said["resblock_kernel_sizes"]
    assert list(hift.config.source_kernels) == said["source_resblock_kernel_sizes"]
    assert hift.config.rate_hz == said["sampling_rate"]
    assert hift.config.n_sines == said["nb_harmonics"] + 1
    assert hift.config.n_fft == said["istft_params"]["n_fft"]


def test_a_training_file_s_prefix_and_discriminators_are_left_out(vectors, v1_5):
    hift, io = v1_5
    stored = tensors(vectors, "hift_v1_5")
    named = {f"generator.{key}": stored.tensor(key) for key in stored.keys()}  # noqa: SIM118
    named["mpd.discriminators.0.weight"] = torch.zeros(1)
    loaded = load_vocoder(TensorDict(named))
    assert torch.equal(loaded.decode(io["mel"], io["source"]), hift.decode(io["mel"], io["source"]))
