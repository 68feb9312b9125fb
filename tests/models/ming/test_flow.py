"""Flow matching in chunks: each is computed once, and nothing else changes."""

from dataclasses import replace

import pytest
import torch

from vivavoce.models.ming.checkpoint import CheckpointError, TensorDict
from vivavoce.models.ming.flow_files import FlowSettings, load_flow

from .tiny_decoder import CHUNK, ESTIMATOR, causal_flow, speech_codes, stored, voice, whole_flow

CLOSE = {"atol": 2e-5, "rtol": 0}


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def in_chunks(flow, codes, state):
    """Mel of all codes, chunk by chunk, and the state after the last complete one."""
    mels, ahead = [], flow.config.encoder.look_ahead
    for first in range(0, len(codes), CHUNK):
        n = min(CHUNK, len(codes) - first)
        mel, state = flow.step(codes[first : first + n + ahead], n, state, keep=n == CHUNK)
        mels.append(mel)
    return torch.cat(mels), state


@pytest.mark.parametrize("up_ratio", [1, 2])
@pytest.mark.parametrize("n_prompt", [0, 10, 13])
def test_chunk_by_chunk_is_the_whole_with_chunk_masks(up_ratio, n_prompt):
    flow, given = causal_flow(up_ratio), voice(n_prompt, up_ratio)
    codes = speech_codes(37)
    mel, _ = in_chunks(flow, [*given.codes, *codes], flow.initial(given))
    whole = flow.whole(codes, given, chunked=True)
    torch.testing.assert_close(mel[n_prompt * up_ratio :], whole, **CLOSE)


def test_what_is_kept_in_half_precision_moves_the_mel_by_less_than_two_implementations_may():
    flow, given, codes = causal_flow(), voice(10), speech_codes(60)
    _, state = in_chunks(flow, given.codes, flow.initial(given))
    exact, _ = in_chunks(flow, codes, state)
    mel, state = in_chunks(flow, codes, flow.halved(state))
    assert 0 < (mel - exact).abs().max() < 5e-4  # the bound of the recorded vectors
    kept = [*state.encoder.blocks, *(cache for step in state.steps for cache in step.caches)]
    kept += state.encoder.up_blocks
    sides = [side for cache in kept for side in cache.keys_values()]
    assert {side.dtype for side in sides} == {torch.float16}
    assert sum(side.nbytes for side in sides) == flow.kept_bytes(state.n_codes)


def test_a_frame_does_see_its_own_chunk_and_the_look_ahead():
    flow, given, codes = causal_flow(), voice(0), speech_codes(33)
    mel = flow.whole(codes, given, chunked=True)
    for place, first_changed in ((25, 20), (20, 10), (23, 20)):  # 20 to 22 are looked ahead to
        other = list(codes)
        other[place] = (codes[place] + 1) % 40
        differs = (flow.whole(other, given, chunked=True) - mel).abs().amax(1) > 1e-6
        assert int(differs.nonzero()[0]) == first_changed


def test_going_back_to_a_state_is_never_having_left():
    flow, given = causal_flow(), voice(0)
    _, state = in_chunks(flow, speech_codes(20), flow.initial(given))
    straight, _ = in_chunks(flow, speech_codes(20, seed=5), state)
    in_chunks(flow, speech_codes(30, seed=6), state)
    flow.step(speech_codes(4), 4, state, keep=False)
    again, _ = in_chunks(flow, speech_codes(20, seed=5), state)
    assert torch.equal(straight, again)


def test_an_unfinished_chunk_leaves_the_state_as_it_was():
    flow = causal_flow()
    state = flow.initial(voice(0))
    _, after = flow.step(speech_codes(7), 7, state, keep=False)
    assert after is state


def test_forgetting_keeps_the_prompt_and_the_latest_and_bounds_the_caches():
    flow = causal_flow(up_ratio=2)
    _, state = in_chunks(flow, speech_codes(60), flow.initial(voice(0)))
    less = flow.forgetful(state, 10, 20)
    assert less.encoder.n_frames == 30
    assert {cache.length for step in less.steps for cache in step.caches} == {60}
    assert less.n_codes == state.n_codes == 60
    kept = state.encoder.blocks[0].keys_values()[0]
    short = less.encoder.blocks[0].keys_values()[0]
    assert torch.equal(short, torch.cat([kept[:, :, :10], kept[:, :, 40:]], dim=2))
    everything = flow.forgetful(state, 30, 30)
    codes = speech_codes(CHUNK)
    expected, _ = flow.step(codes, CHUNK, state)
    torch.testing.assert_close(flow.step(codes, CHUNK, everything)[0], expected, **CLOSE)


def test_half_precision_is_near():
    given, codes = voice(10), speech_codes(23)
    exact = causal_flow().whole(codes, given, chunked=True)
    rough = causal_flow().to(torch.bfloat16).whole(codes, given, chunked=True)
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_the_position_table_follows_the_weights():
    flow, given, codes = causal_flow(), voice(0), speech_codes(20)
    before = flow.whole(codes, given, chunked=True)
    weight = flow.encoder.blocks[0].attention.distance.weight
    flow.encoder.blocks[0].attention.distance.weight = torch.nn.Parameter(weight + 1, False)
    changed = flow.whole(codes, given, chunked=True)
    assert not torch.allclose(before, changed)
    flow.double()
    assert flow.whole(codes, given, chunked=True).dtype == torch.float64


@pytest.mark.parametrize("make", [causal_flow, whole_flow])
def test_sizes_come_back_from_the_tensors(make):
    flow = make()
    settings = FlowSettings(head_dim=ESTIMATOR.head_dim, chunk=CHUNK, n_steps=flow.config.n_steps)
    loaded = load_flow(TensorDict(stored(flow)), settings)
    assert loaded.config == flow.config
    for name, value in flow.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


@pytest.mark.parametrize("make", [causal_flow, whole_flow])
def test_missing_and_surplus_tensors_are_named(make):
    tensors = stored(make())
    tensors.pop("encoder.encoders.1.self_attn.linear_k.bias")
    tensors["decoder.estimator.extra.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"linear_k.bias.*extra\.weight"):
        load_flow(TensorDict(tensors), FlowSettings(head_dim=ESTIMATOR.head_dim))


def test_heads_that_do_not_fit_are_an_error():
    with pytest.raises(CheckpointError, match="attention_head_dim"):
        load_flow(TensorDict(stored(causal_flow())), FlowSettings(head_dim=5))


def test_whole_utterances_cut_the_prompt_off():
    flow, codes = whole_flow(), speech_codes(25)
    given = replace(voice(10), mel=torch.zeros(17, 8))
    noise = torch.randn(flow.n_frames(35), 8)
    assert flow(codes, given, noise).shape == (flow.n_frames(35) - 17, 8)
