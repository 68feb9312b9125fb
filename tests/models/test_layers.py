"""Attention, caches, convolutions, experts and features: in pieces as in whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.models.features import MelConfig, initial_tail, log_mel, stream_log_mel
from vivavoce.models.layers.attention import Attention, chunk_mask
from vivavoce.models.layers.causal_conv import CausalConv
from vivavoce.models.layers.depthwise import FEW_FRAMES, depthwise
from vivavoce.models.layers.kv_cache import KvCache
from vivavoce.models.layers.moe import EVERYWHERE_UP_TO, MoE

CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=8)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@torch.no_grad()
@settings(max_examples=20, deadline=None)
@given(CUTS, st.sampled_from([1, 2, 4]))
def test_attention_in_steps_equals_the_whole(cuts: list[int], n_kv_heads: int) -> None:
    attention = Attention(32, 4, n_kv_heads).eval()
    x = torch.randn(2, sum(cuts), 32)
    cache, parts = KvCache(), []
    for piece in x.split(cuts, dim=1):
        y, cache = attention.step(piece, cache)
        parts.append(y)
    assert torch.allclose(torch.cat(parts, 1), attention(x), atol=1e-5)


def test_a_rewound_cache_is_not_disturbed_by_what_followed() -> None:
    k = torch.randn(1, 1, 3, 4)
    first = KvCache().append(k, k)
    longer = first.append(k + 1, k + 1)
    other = first.append(k + 2, k + 2)
    assert torch.equal(longer.keys_values()[0][:, :, 3:], k + 1)
    assert torch.equal(other.keys_values()[0][:, :, 3:], k + 2)
    assert torch.equal(first.keys_values()[0], k)


@torch.no_grad()
def test_a_cut_cache_continues_as_if_nothing_had_followed() -> None:
    attention = Attention(16, 2).eval()
    x = torch.randn(1, 10, 16)
    _, cache = attention.step(x[:, :6], KvCache())
    wanted, _ = attention.step(x[:, 6:8], cache)
    _, longer = attention.step(x[:, 8:], cache)
    got, _ = attention.step(x[:, 6:8], longer.cut(6))
    assert torch.equal(got, wanted)


def test_chunked_attention_sees_its_own_chunk_and_those_on_its_left() -> None:
    mask = chunk_mask(6, 2, 1)
    assert mask[0].tolist() == [True, True, False, False, False, False]
    assert mask[5].tolist() == [False, False, True, True, True, True]


@settings(max_examples=20, deadline=None)
@given(CUTS, st.sampled_from([(5, 1), (5, 2), (9, 1)]))
def test_convolution_in_steps_equals_the_whole(cuts: list[int], shape: tuple[int, int]) -> None:
    kernel, stride = shape
    conv = CausalConv(3, 4, kernel, stride)
    cuts = [stride * cut for cut in cuts]
    x = torch.randn(2, sum(cuts), 3)
    state, parts = conv.initial(2), []
    for piece in x.split(cuts, dim=1):
        y, state = conv.step(piece, state)
        parts.append(y)
    assert torch.allclose(torch.cat(parts, 1), conv(x), atol=1e-6)


def test_convolution_does_not_look_ahead() -> None:
    conv = CausalConv(1, 1, 5, 2)
    x = torch.randn(1, 20, 1)
    changed = x.clone()
    changed[:, 10:] += 1
    assert torch.equal(conv(x)[:, :5], conv(changed)[:, :5])


def _reference_moe(moe: MoE, x: torch.Tensor, modality: torch.Tensor) -> torch.Tensor:
    """One position and one expert at a time, straight from the definition."""
    rows = []
    for vector, kind in zip(x.flatten(0, 1), modality.flatten(), strict=True):
        chances = (moe.routers[kind] @ vector).softmax(-1)
        weights, chosen = chances.topk(moe.top_k)
        total = moe.shared(vector)
        for weight, expert in zip(weights / weights.sum(), chosen, strict=True):
            gate, up = (moe.gate_up[expert] @ vector).chunk(2)
            total = total + weight * (moe.down[expert] @ (torch.nn.functional.silu(gate) * up))
        rows.append(total)
    return torch.stack(rows).view_as(x)


@pytest.mark.parametrize("n", [1, 2, EVERYWHERE_UP_TO, EVERYWHERE_UP_TO + 7])
def test_both_ways_of_running_experts_follow_the_definition(n: int) -> None:
    moe = MoE(16, 8, 12, 2, 20, n_modalities=2).eval()
    x, modality = torch.randn(1, n, 16), torch.randint(0, 2, (1, n))
    assert torch.allclose(moe(x, modality), _reference_moe(moe, x, modality), atol=1e-5)


def test_each_modality_has_its_own_router() -> None:
    moe = MoE(16, 8, 12, 2, 20, n_modalities=2).eval()
    x = torch.randn(1, 6, 16)
    text, audio = torch.zeros(1, 6, dtype=torch.long), torch.ones(1, 6, dtype=torch.long)
    assert not torch.allclose(moe(x, text), moe(x, audio))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
def test_log_mel_in_pieces_equals_the_whole(cuts: list[int]) -> None:
    config = MelConfig()
    pcm = torch.randn(1, sum(cuts)) * 0.1
    whole, _ = stream_log_mel(pcm, initial_tail(config), config)
    tail, parts = initial_tail(config), []
    for piece in pcm.split(cuts, dim=1):
        mel, tail = stream_log_mel(piece, tail, config)
        parts.append(mel)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-4)
    assert whole.shape[1] == sum(cuts) // config.hop_samples


def test_a_tone_peaks_in_its_mel_band() -> None:
    config = MelConfig()
    t = torch.arange(16_000) / 16_000
    tone = torch.sin(2 * torch.pi * 1000 * t)[None] * 0.1
    mel, _ = stream_log_mel(tone, initial_tail(config), config)
    # HTK mel of 1000 Hz is 1000; bands are equally spaced from 20 Hz to 7600 Hz.
    low, high = (2595 * torch.log10(torch.tensor(1 + hz / 700)) for hz in (20.0, 7600.0))
    band = round(float((1000 - low) / (high - low) * 81)) - 1
    assert abs(int(mel[0, 50:].mean(0).argmax()) - band) <= 1


@pytest.mark.parametrize("n", [1, FEW_FRAMES, FEW_FRAMES + 1])
def test_depthwise_convolution_of_few_frames_equals_that_of_many(n: int) -> None:
    x, weight, bias = torch.randn(2, n + 6, 5), torch.randn(5, 1, 7), torch.randn(5)
    wanted = torch.nn.functional.conv1d(x.transpose(1, 2), weight, bias, groups=5)
    assert torch.allclose(depthwise(x, weight, bias), wanted.transpose(1, 2), atol=1e-5)


def test_what_a_conversation_has_cached_can_be_trained_with() -> None:
    """Tables made in inference mode would refuse to be saved for the backward pass."""
    attention, config = Attention(24, 2, theta=500.0), MelConfig(n_mels=7)
    with torch.inference_mode():
        attention(torch.randn(1, 3, 24))
        log_mel(torch.randn(1, 800), config)
    pcm = torch.randn(1, 800, requires_grad=True)
    (attention(torch.randn(1, 3, 24)).sum() + log_mel(pcm, config).sum()).backward()
    assert pcm.grad is not None and attention.qkv.weight.grad is not None


@torch.no_grad()
def test_attention_goes_on_beyond_the_first_rotary_table() -> None:
    attention, x = Attention(16, 2).eval(), torch.randn(1, 515, 16)
    _, cache = attention.step(x[:, :510], KvCache())
    y, _ = attention.step(x[:, 510:], cache)
    assert torch.allclose(y, attention(x)[:, 510:], atol=1e-5)
