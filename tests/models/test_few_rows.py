"""The compiled matrix products, and weights in 8 and 4 bits, against PyTorch's own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vivavoce.models.layers import few_rows, native
from vivavoce.models.layers.few_rows import (
    FewRowsLinear,
    FewRowsNorm,
    Matrix,
    bare_linear,
    linear,
    quicken,
    usable,
)
from vivavoce.models.layers.moe import ListedMoE, MoE, RoutedMixture
from vivavoce.models.layers.quantised import (
    QuantisedLinear,
    QuantisedMoE,
    quantise,
    quantised,
    restored,
)

compiled = pytest.mark.skipif(native.library() is None, reason="no C++ compiler here")
FORMS = ["float32", "bfloat16", "int8", "int4"]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def stored(weight: Tensor, form: str) -> tuple[Matrix, Tensor]:
    """A matrix in one of the forms, and the fp32 weights it stands for."""
    if form in ("int8", "int4"):
        matrix = quantised(weight, form)
        return matrix, restored(matrix, weight.shape[1], torch.float32)
    kept = weight.to(getattr(torch, form))
    return Matrix(kept), kept.float()


@compiled
@torch.inference_mode()
@settings(max_examples=40, deadline=None)
@given(
    form=st.sampled_from(FORMS),
    n=st.integers(1, few_rows.FEW),
    rows=st.integers(1, 40),
    columns=st.integers(1, 300),
)
def test_products_of_any_size_are_right(form: str, n: int, rows: int, columns: int) -> None:
    weight, x = torch.randn(rows, columns), torch.randn(2, n, columns)[1]
    matrix, meant = stored(weight, form)
    allowed = 1e-3 + 1e-4 * (x @ meant.T).abs()
    if form == "int4" and n == 1:  # the vector may be in 8 bits, with a scale for 32 numbers
        allowed = allowed + steps(x) / 2 @ meant.abs().T
    assert ((linear(x, matrix) - x @ meant.T).abs() <= allowed).all()


def steps(x: Tensor) -> Tensor:
    """What each number of x [N, C] is rounded to a multiple of, in 8 bits."""
    groups = nn.functional.pad(x, (0, -x.shape[1] % 32)).unflatten(1, (-1, 32))
    highest = groups.abs().amax(2, keepdim=True)
    return (highest / 127).expand_as(groups).flatten(1)[:, : x.shape[1]]


@compiled
@torch.inference_mode()
def test_a_vector_of_what_is_no_number_gives_none() -> None:
    for form in FORMS:
        matrix, _ = stored(torch.randn(5, 200), form)
        for value in (float("nan"), float("inf")):
            x = torch.randn(1, 200)
            x[0, 150] = value
            assert not linear(x, matrix).isfinite().any(), form


@torch.inference_mode()
@pytest.mark.parametrize("form", FORMS)
def test_a_processor_without_avx512_gets_the_same(
    form: str, without_avx512: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_rows, "library", lambda: without_avx512)
    for n, columns in ((1, 200), (3, 96), (7, 33)):
        weight, x = torch.randn(19, columns), torch.randn(n, columns)
        matrix, meant = stored(weight, form)
        torch.testing.assert_close(linear(x, matrix), x @ meant.T, atol=1e-3, rtol=1e-4)


def mixture(kind: type[MoE] | type[ListedMoE], dim: int = 72) -> RoutedMixture:
    return kind(dim, 9, 40, 3, 48, 2).eval().requires_grad_(False)


@compiled
@torch.inference_mode()
@pytest.mark.parametrize("kind", [MoE, ListedMoE])
@pytest.mark.parametrize("bits", [None, "int8", "int4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_experts_of_a_few_positions_are_right(kind, bits, dtype) -> None:
    moe = mixture(kind).to(dtype)
    if bits:
        moe = quantise(moe, bits)
    kinds = torch.randint(2, (2, 30))
    x = torch.randn(2, 30, 72).to(dtype)
    for n in (1, 2, 5, 30):
        part = x[:, :n], kinds[:, :n]
        wanted = moe(*part)
        quicken(moe)
        got = moe(*part)
        moe._table = None  # slow again
        tolerance = 1e-4 if dtype is torch.float32 else 0.05
        torch.testing.assert_close(got, wanted, atol=tolerance, rtol=tolerance)


@torch.inference_mode()
def test_a_number_format_the_functions_do_not_know_is_left_to_pytorch() -> None:
    model = nn.ModuleDict({"moe": mixture(MoE), "out": nn.Linear(72, 5)}).half()
    quicken(model)
    x = torch.randn(1, 1, 72).half()
    assert model["out"](model["moe"](x, 0)).dtype is torch.float16


@compiled
@torch.inference_mode()
def test_a_position_alone_gets_what_it_gets_in_company() -> None:
    moe = mixture(MoE)
    quicken(moe)
    x, kinds = torch.randn(1, 12, 72), torch.randint(2, (1, 12))
    together = moe(x, kinds)
    for at in range(12):
        alone = moe(x[:, at : at + 1], kinds[:, at : at + 1])
        torch.testing.assert_close(alone, together[:, at : at + 1], atol=1e-5, rtol=1e-5)


@compiled
def test_only_few_vectors_without_gradient_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = torch.zeros(1, few_rows.FEW, 5), torch.zeros(1, few_rows.FEW + 1, 5)
    assert usable(few, torch.float32)
    assert not usable(many, torch.float32)
    assert usable(many, torch.float32, share=0.5)
    assert not usable(torch.zeros(0, 5), torch.float32)
    assert not usable(few, torch.float16)
    assert not usable(torch.zeros(1, 5, requires_grad=True), torch.float32)
    with torch.no_grad():
        assert usable(torch.zeros(1, 5, requires_grad=True), torch.float32)
    for multiplies, wanted in ((True, False), (False, True)):
        monkeypatch.setattr(few_rows, "_multiplies_bf16", lambda answer=multiplies: answer)
        assert usable(many, torch.bfloat16) == wanted
        assert usable(many, torch.int8)


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(24,), (1, 24), (1, 1, 24), (2, 3, 24)])
def test_one_bf16_vector_without_a_compiler_is_as_right_as_many(shape: tuple[int, ...]) -> None:
    layer = nn.Linear(24, 10).bfloat16()
    x = torch.randn(shape).bfloat16()
    got = bare_linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(got, layer(x), atol=0.02, rtol=0.02)


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(72,), (1, 1, 72), (2, 1, 72)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_quickened_norm_is_the_norm(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.RMSNorm(72, eps=1e-5)).to(dtype)
    nn.init.normal_(model[0].weight, 1, 0.3)
    x = (3 * torch.randn(shape)).to(dtype)
    wanted = model(x)
    quicken(model)
    assert isinstance(model[0], FewRowsNorm)
    tolerance = 1e-6 if dtype is torch.float32 else 0.01
    torch.testing.assert_close(model(x), wanted, atol=tolerance, rtol=tolerance)


def test_a_quickened_norm_still_learns() -> None:
    model = nn.Sequential(nn.RMSNorm(8, eps=1e-5)).bfloat16()
    quicken(model)
    model(torch.randn(8).bfloat16()).sum().backward()
    assert model[0].weight.grad is not None


@torch.inference_mode()
@pytest.mark.parametrize("kind", [MoE, ListedMoE])
@pytest.mark.parametrize("bits", [None, "int8", "int4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_a_compiler_a_position_alone_gets_what_it_gets_in_company(
    kind, bits, dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_rows, "library", lambda: None)
    moe = mixture(kind).to(dtype)
    if bits:
        moe = quantise(moe, bits)
    moe.everywhere_up_to = 0
    x = torch.randn(1, 6, 72).to(dtype)
    together = moe(x, 1)
    tolerance = 1e-5 if dtype is torch.float32 else 0.05
    for at in range(6):
        alone = moe(x[:, at : at + 1], 1)
        torch.testing.assert_close(alone, together[:, at : at + 1], atol=tolerance, rtol=tolerance)


@compiled
@torch.inference_mode()
@pytest.mark.parametrize("form", FORMS)
def test_many_vectors_and_crowded_experts_are_right(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_rows, "_most", lambda stored: 10_000)
    n = 2 * few_rows.MAX_VECTORS + 5
    weight, x = torch.randn(23, 70), torch.randn(n, 70)
    matrix, meant = stored(weight, form)
    torch.testing.assert_close(linear(x, matrix), x @ meant.T, atol=1e-3, rtol=1e-4)
    moe = mixture(MoE)
    if form in ("int8", "int4"):
        moe = quantise(moe, form)
    moe.routers[:] = 0  # all choose the same three
    positions = torch.randn(1, n, 72)
    wanted = moe(positions, 0)
    quicken(moe)
    torch.testing.assert_close(moe(positions, 0), wanted, atol=1e-4, rtol=1e-4)


@compiled
def test_a_quickened_layer_shares_its_weights_and_still_learns() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    first = model[0].weight
    x = torch.randn(3, 6)
    wanted = model(x).detach()
    quicken(model)
    assert isinstance(model[0], FewRowsLinear) and model[0].weight is first
    with torch.inference_mode():
        torch.testing.assert_close(model(x), wanted)
    model(x.requires_grad_()).sum().backward()
    assert first.grad is not None


@pytest.mark.parametrize(("bits", "worst"), [("int8", 0.01), ("int4", 0.10)])
def test_quantisation_keeps_normal_weights_within_its_error(bits: str, worst: float) -> None:
    weight = torch.randn(64, 256) * 0.02
    back = restored(quantised(weight, bits), 256, torch.float32)
    assert (back - weight).norm() / weight.norm() < worst


def test_int4_holds_the_largest_weight_of_a_group_exactly_and_zeros_stay() -> None:
    weight = torch.zeros(2, 64)
    weight[0, 5], weight[1, 40] = -0.5, 0.25
    back = restored(quantised(weight, "int4"), 64, torch.float32)
    assert torch.equal(back, weight)


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_memory_is_what_the_bits_say(bits: str) -> None:
    layer = QuantisedLinear(torch.randn(32, 1024), None, bits)
    n_bytes = sum(b.numel() * b.element_size() for b in layer.buffers())
    per_weight = 8 * n_bytes / (32 * 1024)
    assert per_weight == pytest.approx({"int8": 8, "int4": 4.5}[bits], abs=0.05)


@torch.inference_mode()
@pytest.mark.parametrize("bits", ["int8", "int4"])
@pytest.mark.parametrize("n", [1, 40])
def test_a_quantised_layer_answers_nearly_as_before(bits: str, n: int) -> None:
    layer = nn.Linear(96, 50)
    x = torch.randn(1, n, 96)
    wanted = layer(x)
    got = quantise(layer, bits)(x)
    worst = {"int8": 0.01, "int4": 0.12}[bits]
    assert (got - wanted).norm() / wanted.norm() < worst


@torch.inference_mode()
@pytest.mark.parametrize("kind", [MoE, ListedMoE])
def test_a_whole_model_is_quantised_but_for_its_routers(kind) -> None:
    model = nn.ModuleDict({"moe": mixture(kind), "norm": nn.LayerNorm(4), "out": nn.Linear(4, 4)})
    quantise(model, "int8")
    assert isinstance(model["moe"], QuantisedMoE) and isinstance(model["out"], QuantisedLinear)
    assert model["moe"].routers.dtype is torch.float32
    assert not any(p.numel() > 1500 for p in model["moe"].parameters())  # 2 routers x 9 x 72


@torch.inference_mode()
def test_without_a_compiler_all_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_rows, "library", lambda: None)
    moe = mixture(MoE)
    x, kinds = torch.randn(1, 3, 72), torch.zeros(1, 3, dtype=torch.long)
    wanted = moe(x, kinds)
    quicken(moe)
    assert torch.equal(moe(x, kinds), wanted)
    near = quantise(mixture(MoE), "int8")(x, kinds)
    assert near.shape == wanted.shape


def run(folder: Path, **environment: str) -> str:
    code = "from vivavoce.models.layers.native import library; print(library())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CACHE_HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip() + done.stderr.strip()


@compiled
def test_the_library_is_built_once_and_not_where_it_is_not_wanted(tmp_path: Path) -> None:
    hasty = tmp_path / "hasty-c++"  # what is optimised is built for other tests
    hasty.write_text(f'#!/bin/sh\nexec "{native._compiler()}" "$@" -O0\n')
    hasty.chmod(0o755)
    assert "CDLL" in run(tmp_path, CXX=str(hasty))
    (built,) = (tmp_path / "vivavoce" / "native").iterdir()
    age = built.stat().st_mtime_ns
    assert "CDLL" in run(tmp_path, CXX=str(hasty))
    assert [p.stat().st_mtime_ns for p in built.parent.iterdir()] == [age]
    assert run(tmp_path / "off", VIVAVOCE_NATIVE="0") == "None"
    assert "None" in run(tmp_path / "broken", CXX="/bin/false")
