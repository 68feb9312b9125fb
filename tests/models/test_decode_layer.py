"""A layer in one call, against its modules one after the other."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vivavoce.models.layers import few_rows, native
from vivavoce.models.layers.attention import Attention
from vivavoce.models.layers.decode_layer import DecodeLayer
from vivavoce.models.layers.feed_forward import SwiGlu
from vivavoce.models.layers.kv_cache import KvCache
from vivavoce.models.layers.moe import ListedMoE, MoE
from vivavoce.models.layers.quantised import quantise
from vivavoce.models.layers.rotary import RotaryTable, rotary_table, rotary_table_at

pytestmark = pytest.mark.skipif(native.library() is None, reason="no C++ compiler here")


@dataclass(frozen=True)
class Sizes:
    dim: int = 72
    n_kv_heads: int = 2
    group: int = 3
    head_dim: int = 10
    hidden: int = 41
    bias: bool = True
    network: str = "stacked"
    bits: str | None = None


class Layer(nn.Module):
    """Pre-norm attention and feed-forward, as Ming's thinker and talker have it."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        dim, n_heads = sizes.dim, sizes.n_kv_heads * sizes.group
        self.attention_norm = nn.RMSNorm(dim, eps=1e-6)
        self.attention = Attention(
            dim, n_heads, sizes.n_kv_heads, head_dim=sizes.head_dim, qkv_bias=sizes.bias
        )
        self.network_norm = nn.RMSNorm(dim, eps=1e-5)
        self.routed = sizes.network != "plain"
        if self.routed:
            kind = MoE if sizes.network == "stacked" else ListedMoE
            self.network = kind(dim, 7, sizes.hidden, 3, sizes.hidden + 5, 2)
            self.network.routers.data *= 4  # clear choices
        else:
            self.network = SwiGlu(dim, sizes.hidden)
        for norm in (self.attention_norm, self.network_norm):
            nn.init.normal_(norm.weight, 1, 0.2)
        self.eval().requires_grad_(False)
        if sizes.bits:
            quantise(self, sizes.bits)

    def alone(self) -> DecodeLayer:
        return DecodeLayer(self.attention_norm, self.attention, self.network_norm, self.network)

    def step(self, x: Tensor, cache: KvCache, table: RotaryTable, modality: int = 0):
        y, cache = self.attention.step(self.attention_norm(x), cache, table=table)
        x = x + y
        y = self.network_norm(x)
        return x + (self.network(y, modality) if self.routed else self.network(y)), cache


@pytest.fixture(autouse=True)
def _inference():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def past(sizes: Sizes, n: int, dtype: torch.dtype = torch.float32, room: int = 4) -> KvCache:
    """A memory of n random positions."""
    if n == 0:
        return KvCache(room=room)
    shape = (1, sizes.n_kv_heads, n, sizes.head_dim)
    return KvCache(room=room).append(torch.randn(shape).to(dtype), torch.randn(shape).to(dtype))


def table_at(sizes: Sizes, position: int) -> RotaryTable:
    return rotary_table(position, 1, sizes.head_dim, 10_000.0, torch.device("cpu"))


def assert_same(
    got: tuple[Tensor, KvCache], wanted: tuple[Tensor, KvCache], bits: str | None = None
) -> None:
    if bits == "int4":  # the vector may be in 8 bits too
        assert (got[0] - wanted[0]).norm() <= 0.03 * wanted[0].norm()
        return
    torch.testing.assert_close(got[0], wanted[0], atol=2e-4, rtol=2e-4)
    for mine, theirs in zip(got[1].keys_values(), wanted[1].keys_values(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-5, rtol=2e-5)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.builds(
        Sizes,
        dim=st.integers(1, 150),
        n_kv_heads=st.integers(1, 3),
        group=st.integers(1, 5),
        head_dim=st.integers(1, 40).map(lambda half: 2 * half),
        hidden=st.integers(1, 90),
        bias=st.booleans(),
        network=st.sampled_from(["stacked", "listed", "plain"]),
        bits=st.sampled_from([None, "int8", "int4"]),
    ),
    n=st.sampled_from([0, 1, 2, 7, 8, 255, 256, 700]),
    modality=st.integers(0, 1),
)
def test_a_layer_of_any_size_is_right(sizes: Sizes, n: int, modality: int) -> None:
    torch.manual_seed(n)
    layer, before = Layer(sizes), past(sizes, n)
    x, table = torch.randn(1, 1, sizes.dim), table_at(sizes, n)
    alone = layer.alone()
    assert alone.usable(x, before)
    wanted = layer.step(x, before, table, modality)
    assert_same(alone.step(x, before, table, modality), wanted, sizes.bits)


@pytest.mark.parametrize("bits", [None, "int8", "int4"])
@pytest.mark.parametrize("network", ["stacked", "listed", "plain"])
def test_in_bf16_it_is_as_near_to_fp32_as_bf16_can_be(bits, network) -> None:
    sizes = Sizes(dim=96, head_dim=32, hidden=80, network=network)
    layer, before = Layer(sizes).bfloat16(), past(sizes, 300, torch.bfloat16)
    x, table = torch.randn(1, 1, 96).bfloat16(), table_at(sizes, 300)
    exact = deepcopy(layer).float()
    if bits:
        quantise(layer, bits)
        quantise(exact, bits)
    alone = layer.alone()
    assert alone.usable(x, before)
    got, _ = alone.step(x, before, table)
    assert got.dtype is torch.bfloat16
    wide = KvCache().append(*(part.float() for part in before.keys_values()))
    wanted, _ = exact.step(x.float(), wide, table)
    assert (got.float() - wanted).norm() / wanted.norm() < (0.02 if bits == "int4" else 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [None, "int8", "int4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_processor_without_avx512_gets_the_same(
    bits: str | None,
    dtype: torch.dtype,
    without_avx512: ctypes.CDLL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = Sizes(head_dim=32)
    layer, before = Layer(sizes).to(dtype), past(sizes, 270, dtype)
    if bits:
        quantise(layer, bits)
    alone = layer.alone()
    x, table = torch.randn(1, 1, sizes.dim).to(dtype), table_at(sizes, 270)
    wanted, _ = alone.step(x, before, table)
    monkeypatch.setattr(few_rows, "library", lambda: without_avx512)
    got, _ = alone.step(x, before, table)
    worst = 0.02 if bits == "int4" else 1e-5 if dtype is torch.float32 else 0.005
    assert (got.float() - wanted.float()).norm() <= worst * wanted.float().norm()


def test_positions_of_three_rows_turn_as_they_do_in_the_modules() -> None:
    sizes = Sizes(head_dim=16)
    layer, before = Layer(sizes), past(sizes, 20)
    rows = torch.tensor([20, 4, 9]).view(3, 1, 1)
    table = rotary_table_at(rows, 16, 10_000.0, (2, 3, 3))
    x = torch.randn(1, 1, sizes.dim)
    assert_same(layer.alone().step(x, before, table), layer.step(x, before, table))


def test_a_memory_grows_is_cut_and_branches_and_stays_what_it_was() -> None:
    sizes = Sizes()
    layer = Layer(sizes)
    alone = layer.alone()
    quick, slow = [past(sizes, 0, room=2)], [past(sizes, 0, room=2)]
    for position in (0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 4, 5, 2, 9, 1):
        x, table = torch.randn(1, 1, sizes.dim), table_at(sizes, position)
        # From the longest memory so far, cut to what came before this position.
        parents = [max(all_, key=lambda cache: cache.length) for all_ in (quick, slow)]
        got = alone.step(x, parents[0].cut(position), table)
        wanted = layer.step(x, parents[1].cut(position), table)
        assert_same(got, wanted)
        quick.append(got[1])
        slow.append(wanted[1])
    for mine, theirs in zip(quick[1:], slow[1:], strict=True):
        for one, other in zip(mine.keys_values(), theirs.keys_values(), strict=True):
            torch.testing.assert_close(one, other, atol=2e-5, rtol=2e-5)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    sizes = Sizes(dim=700, hidden=300, head_dim=64)
    layer, before = Layer(sizes), past(sizes, 1500)
    alone, x, table = layer.alone(), torch.randn(1, 1, 700), table_at(sizes, 1500)
    usual, outcomes = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2, 5):
            torch.set_num_threads(n_threads)
            outcomes.append(alone.step(x, before, table)[0])
    finally:
        torch.set_num_threads(usual)
    assert torch.equal(outcomes[0], outcomes[1]) and torch.equal(outcomes[0], outcomes[2])
    torch.testing.assert_close(outcomes[0], layer.step(x, before, table)[0], atol=1e-3, rtol=1e-3)


def test_conversations_in_threads_of_their_own_do_not_disturb_each_other() -> None:
    small, large = Sizes(network="plain"), Sizes(dim=200, hidden=150)
    works = []
    for sizes in (small, large, small, large):
        alone, before = Layer(sizes).alone(), past(sizes, 40)
        x, table = torch.randn(1, 1, sizes.dim), table_at(sizes, 40)
        works.append((alone, x, before, table, alone.step(x, before, table)[0]))

    def run(work) -> bool:
        alone, x, before, table, wanted = work
        return all(torch.equal(alone.step(x, before, table)[0], wanted) for _ in range(60))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, works))


def test_only_one_position_of_a_kind_it_knows_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = Sizes()
    alone, before = Layer(sizes).alone(), past(sizes, 3)
    x = torch.randn(1, 1, sizes.dim)
    assert alone.usable(x, before) and alone.usable(x, KvCache())
    assert not alone.usable(x.expand(1, 2, -1), before)
    assert not alone.usable(x.expand(2, 1, -1), before)
    assert not alone.usable(x.half(), KvCache())
    assert not alone.usable(x.bfloat16(), before)
    assert not Layer(sizes).half().alone().usable(x, before)
    with torch.inference_mode(False):
        assert not alone.usable(torch.randn(1, 1, sizes.dim, requires_grad=True), before)
    monkeypatch.setattr(few_rows, "library", lambda: None)
    assert not alone.usable(x, before)


def test_what_is_no_number_stays_so_and_does_no_harm() -> None:
    sizes = Sizes()
    x = torch.full((1, 1, sizes.dim), float("nan"))
    y, _ = Layer(sizes).alone().step(x, past(sizes, 3), table_at(sizes, 3))
    assert y.isnan().all()
