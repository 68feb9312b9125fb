"""Codes to mel against the reference: both flow models, their encoders and estimators.

Tolerance 5e-4 for mel and velocities, 1e-4 for hidden states: ten Euler steps of float32 sums in
another order; we see 3e-6.
"""

import pytest
import torch
from safetensors.torch import load_file

from vivavoce.models.ming.flow import noise

from .decoding import needed, recorded_flow, voice

MEL, HIDDEN = {"atol": 5e-4, "rtol": 0}, {"atol": 1e-4, "rtol": 0}


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


class Recorded:
    def __init__(self, vectors, name):
        needed(vectors, name)
        self.flow = recorded_flow(vectors, name)
        self.io = load_file(vectors / f"{name}.io.safetensors")
        self.codes = self.io["token"][0].tolist()

    def mel(self, name):
        """Recorded [1, M, T] as [T, M]."""
        return self.io[name][0].t()

    def estimator_input(self):
        """[B, 4 M, T]"""
        io = self.io
        speaker = io["est/spks"][:, :, None].expand_as(io["est/x"])
        return torch.cat([io["est/x"], io["est/mu"], speaker, io["est/cond"]], dim=1)


@pytest.fixture(scope="module")
def v1_5(vectors):
    return Recorded(vectors, "flow_v1_5")


@pytest.fixture(scope="module")
def v1(vectors):
    return Recorded(vectors, "flow_v1")


@pytest.mark.parametrize(
    ("name", "prompted", "chunked"),
    [
        ("mel_full_nostream", True, False),
        ("mel_full_nostream_noprompt", False, False),
        ("mel_full_streammask", True, True),
    ],
)
def test_all_codes_at_once(v1_5, name, prompted, chunked):
    mel = v1_5.flow.whole(v1_5.codes, voice(v1_5.io, prompted), chunked)
    torch.testing.assert_close(mel, v1_5.mel(name), **MEL)


def test_a_call_that_keeps_the_last_codes_as_look_ahead(v1_5):
    expected = v1_5.mel("mel_prefix_streammask_nofinal")
    n_codes = len(expected) // v1_5.flow.ratio + v1_5.flow.config.encoder.look_ahead
    given = voice(v1_5.io, prompted=True)
    mel = v1_5.flow.whole(v1_5.codes[:n_codes], given, chunked=True, last=False)
    torch.testing.assert_close(mel, expected, **MEL)


def test_every_chunk_once_gives_the_frames_of_all_codes_at_once(v1_5):
    flow, given = v1_5.flow, voice(v1_5.io, prompted=True)
    chunk, ahead = flow.config.chunk, flow.config.encoder.look_ahead
    codes, mels, state = [*given.codes, *v1_5.codes], [], flow.initial(given)
    for first in range(0, len(codes), chunk):
        n = min(chunk, len(codes) - first)
        mel, state = flow.step(codes[first : first + n + ahead], n, state, keep=n == chunk)
        mels.append(mel)
    mel = torch.cat(mels)[len(given.mel) :]
    torch.testing.assert_close(mel, v1_5.mel("mel_full_streammask"), **MEL)


@pytest.mark.parametrize("chunked", [False, True])
def test_hidden_states_of_the_encoder(v1_5, chunked):
    flow, given = v1_5.flow, voice(v1_5.io, prompted=True)
    codes = torch.tensor([[*given.codes, *v1_5.codes]])
    n = codes.shape[1]
    masks = flow.masks(n) if chunked else None
    state = flow.encoder.initial()
    hidden, _ = flow.encoder.step(flow.embedding(codes), n, state, keep=False, masks=masks)
    name = "encoder_out_stream" if chunked else "encoder_out_nostream"
    torch.testing.assert_close(hidden, v1_5.io[name], **HIDDEN)


@pytest.mark.parametrize("chunked", [False, True])
def test_one_call_of_the_estimator(v1_5, chunked):
    assert v1_5.io["est/mask"].min() == 1, "padded frames are not modelled"
    x = v1_5.estimator_input().transpose(1, 2)
    mask = v1_5.flow.masks(x.shape[1] // v1_5.flow.ratio)[1] if chunked else None
    estimator = v1_5.flow.estimator
    state = estimator.initial(len(x))
    velocity, _ = estimator.step(x, float(v1_5.io["est/t"][0]), state, keep=False, mask=mask)
    name = "est/out_stream" if chunked else "est/out_nostream"
    torch.testing.assert_close(velocity.transpose(1, 2), v1_5.io[name], **MEL)


def test_the_fixed_noise(v1_5):
    expected = v1_5.io["rand_noise"][0].t()
    assert torch.equal(noise(v1_5.flow.n_mels, 0, len(expected))[0], expected)


@pytest.mark.parametrize("prompted", [False, True])
def test_whole_utterances_of_v1(v1, prompted):
    name = "prompted" if prompted else "noprompt"
    mel = v1.flow(v1.codes, voice(v1.io, prompted), v1.mel(f"{name}/noise"))
    torch.testing.assert_close(mel, v1.mel(f"{name}/mel"), **MEL)


def test_encoder_and_length_regulator_of_v1(v1):
    hidden = v1.flow.encoder(v1.flow.embedding(torch.tensor([v1.codes])))
    torch.testing.assert_close(hidden, v1.io["encoder_out"], **HIDDEN)
    mean = v1.flow.mean(v1.codes).transpose(1, 2)
    torch.testing.assert_close(mean, v1.io["length_regulator_out"], **HIDDEN)


def test_one_call_of_the_estimator_of_v1(v1):
    velocity = v1.flow.estimator(v1.estimator_input(), float(v1.io["est/t"][0]))
    torch.testing.assert_close(velocity, v1.io["est/out"], **MEL)
