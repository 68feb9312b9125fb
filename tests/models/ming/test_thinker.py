"""The thinker in a conversation: in pieces as in whole, cut as if nothing had followed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from vivavoce.models.layers import few_rows
from vivavoce.models.ming.checkpoint import CheckpointError, open_safetensors
from vivavoce.models.ming.config import ThinkerConfig
from vivavoce.models.ming.modality import AUDIO, IMAGE, TEXT, modalities
from vivavoce.models.ming.positions import grid_positions, ordinary, prompt_positions
from vivavoce.models.ming.thinker import MingThinker, Storage, cut, normalised_head
from vivavoce.models.ming.thinker_files import load_thinker
from vivavoce.models.ming.thinker_names import thinker_names

PATCH, START, VIDEO = 30, 31, 32
TINY = ThinkerConfig(
    vocabulary=40,
    dim=32,
    n_layers=2,
    n_heads=2,
    n_kv_heads=1,
    head_dim=128,
    n_experts=6,
    top_k=2,
    expert_dim=12,
    shared_dim=24,
    image_patch_id=PATCH,
    image_start_id=START,
    video_start_id=VIDEO,
)
STORAGES: list[Storage] = ["stacked", "listed"]


@pytest.fixture(params=STORAGES)
def thinker(request: pytest.FixtureRequest) -> MingThinker:
    torch.manual_seed(0)
    return MingThinker(TINY, request.param).eval().requires_grad_(False)


def prompt(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embedded prompt [1, n, D], modality [1, n], positions [3, 1, n] of text, audio, image."""
    ids = torch.arange(n) % 29
    if n > 12:
        ids[1], ids[2:8] = START, PATCH
    kinds = modalities(ids, PATCH, 7)
    grids = [(1, 4, 6)] if n > 12 else []
    positions, _ = prompt_positions(ids, TINY, grids)
    return torch.randn(1, n, TINY.dim), kinds[None], positions[:, None]


@torch.inference_mode()
@pytest.mark.parametrize("storage", STORAGES)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_prefill_in_pieces_equals_the_whole(storage: Storage, cuts: list[int]) -> None:
    torch.manual_seed(1)
    thinker = MingThinker(TINY, storage).eval()
    x, kinds, positions = prompt(sum(cuts))
    whole, _ = thinker.step(x, kinds, positions, thinker.initial())
    caches, parts = thinker.initial(), []
    for piece in zip(x.split(cuts, 1), kinds.split(cuts, 1), positions.split(cuts, 2), strict=True):
        y, caches = thinker.step(*piece, caches)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_a_memory_cut_to_what_was_heard_continues_as_if_nothing_had_followed(
    thinker: MingThinker,
) -> None:
    x, kinds, positions = prompt(10)
    heard = thinker.step(x, kinds, positions, thinker.initial())[1]
    further = heard
    for step, token in enumerate((3, 5, 8)):
        _, further = thinker.decode(torch.tensor([token]), torch.tensor([10 + step]), further)
    token, position = torch.tensor([9]), torch.tensor([10])
    wanted, _ = thinker.decode(token, position, heard)
    got, caches = thinker.decode(token, position, cut(further, 10))
    assert torch.equal(got, wanted)
    assert {cache.length for cache in caches} == {11}


@torch.inference_mode()
def test_a_batch_decodes_as_its_rows_alone(thinker: MingThinker) -> None:
    x = torch.randn(3, 6, TINY.dim)
    positions = ordinary(0, 6)[:, None]
    _, caches = thinker.step(x, TEXT, positions, thinker.initial())
    tokens, place = torch.tensor([1, 2, 3]), torch.tensor([6])
    together, _ = thinker.decode(tokens, place.expand(3), caches)
    for row in range(3):
        _, alone = thinker.step(x[row : row + 1], TEXT, positions, thinker.initial())
        logits, _ = thinker.decode(tokens[row : row + 1], place, alone)
        torch.testing.assert_close(together[row : row + 1], logits, atol=1e-4, rtol=1e-4)


def greedy(thinker: MingThinker, x: Tensor, positions: Tensor, n: int) -> list[int]:
    hidden, caches = thinker.step(x, TEXT, positions, thinker.initial())
    tokens = [int(thinker.logits(hidden[:, -1]).argmax())]
    while len(tokens) < n:
        place = torch.tensor([x.shape[1] + len(tokens) - 1])
        logits, caches = thinker.decode(torch.tensor(tokens[-1:]), place, caches)
        tokens.append(int(logits.argmax()))
    return tokens


@torch.inference_mode()
def test_conversations_of_different_lengths_decode_together_as_alone(
    thinker: MingThinker,
) -> None:
    prompts = [torch.randn(1, n, TINY.dim) for n in (3, 9, 5)]
    places = [ordinary(0, x.shape[1])[:, None] for x in prompts]
    alone = [greedy(thinker, x, rows, 12) for x, rows in zip(prompts, places, strict=True)]
    started = [
        thinker.step(x, TEXT, rows, thinker.initial())
        for x, rows in zip(prompts, places, strict=True)
    ]
    tokens = torch.cat([thinker.logits(hidden[:, -1]).argmax(-1) for hidden, _ in started])
    memories = [caches for _, caches in started]
    together = [tokens]
    for step in range(11):
        now = torch.tensor([x.shape[1] + step for x in prompts])
        logits, memories = thinker.decode_together(together[-1], now, memories)
        together.append(logits.argmax(-1))
    assert torch.stack(together, 1).tolist() == alone


@torch.inference_mode()
def test_every_fp32_path_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    tensors = {key: value.float() * 0.2 for key, value in stored(TINY).items()}
    save_file(tensors, tmp_path / "model.safetensors")
    source = open_safetensors(tmp_path)
    quick = [load_thinker(TINY, source, storage=storage) for storage in STORAGES]
    with monkeypatch.context() as patched:
        patched.setattr(few_rows, "library", lambda: None)
        plain = [load_thinker(TINY, source, storage=storage) for storage in STORAGES]
        x, positions = torch.randn(1, 7, TINY.dim), ordinary(0, 7)[:, None]
        wanted = greedy(plain[0], x, positions, 40)
        assert greedy(plain[1], x, positions, 40) == wanted
    assert len(set(wanted)) > 3
    for model in quick:
        assert greedy(model, x, positions, 40) == wanted


@torch.inference_mode()
@pytest.mark.parametrize(("bits", "worst"), [("int8", 0.05), ("int4", 0.5)])
def test_a_quantised_thinker_stays_near_what_it_was(
    tmp_path: Path, bits: str, worst: float
) -> None:
    torch.manual_seed(3)
    tensors = {key: value.float() * 0.2 for key, value in stored(TINY).items()}
    save_file(tensors, tmp_path / "model.safetensors")
    source = open_safetensors(tmp_path)
    exact, near = load_thinker(TINY, source), load_thinker(TINY, source, bits=bits)
    x, positions = torch.randn(1, 7, TINY.dim), ordinary(0, 7)[:, None]
    outcomes = [
        model.logits(model.step(x, TEXT, positions, model.initial())[0]) for model in (exact, near)
    ]
    error = (outcomes[1] - outcomes[0]).norm() / outcomes[0].norm()
    assert 0 < error < worst
    assert near.embedding.weight.dtype is torch.float32


@torch.inference_mode()
def test_one_modality_may_be_given_as_a_number(thinker: MingThinker) -> None:
    x, positions = torch.randn(1, 5, TINY.dim), ordinary(0, 5)[:, None]
    for kind in (TEXT, IMAGE, AUDIO):
        short, _ = thinker.step(x, kind, positions, thinker.initial())
        long, _ = thinker.step(x, torch.full((1, 5), kind), positions, thinker.initial())
        torch.testing.assert_close(short, long, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_each_modality_has_its_own_router(thinker: MingThinker) -> None:
    x, positions = torch.randn(1, 5, TINY.dim), ordinary(0, 5)[:, None]
    outcomes = [thinker.step(x, kind, positions, thinker.initial())[0] for kind in range(3)]
    assert not torch.allclose(outcomes[0], outcomes[1], atol=1e-2)
    assert not torch.allclose(outcomes[0], outcomes[2], atol=1e-2)


def test_preview_counts_text_between_two_images_as_image() -> None:
    ids = torch.tensor([1, PATCH, 2, PATCH, 3, 7, 7, 4])
    own = modalities(ids, PATCH, 7).tolist()
    spans = modalities(ids, PATCH, 7, image_span=True).tolist()
    assert own == [TEXT, IMAGE, TEXT, IMAGE, TEXT, AUDIO, AUDIO, TEXT]
    assert spans == [TEXT, IMAGE, IMAGE, IMAGE, TEXT, AUDIO, AUDIO, TEXT]
    none = modalities(torch.tensor([1, 2]), PATCH, 7, image_span=True)
    assert none.tolist() == [TEXT, TEXT]


def test_a_later_turn_counts_on_from_where_the_last_ended() -> None:
    ids = torch.tensor([1, START, *[PATCH] * 6, 2, 3, VIDEO, *[PATCH] * 8, 4])
    grids, videos = [(1, 4, 6)], [(2, 4, 4)]
    whole, following = prompt_positions(ids, TINY, grids, videos)
    first, middle = prompt_positions(ids[:9], TINY, grids)
    second, end = prompt_positions(ids[9:], TINY, [], videos, start=middle)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert end == following == int(whole.max()) + 1


def test_placeholders_that_do_not_fit_their_images_are_refused() -> None:
    ids = torch.tensor([START, PATCH, PATCH])
    with pytest.raises(ValueError, match="6 placeholders, not 2"):
        prompt_positions(ids, TINY, [(1, 4, 6)])
    with pytest.raises(ValueError, match="more image placeholders than images"):
        prompt_positions(ids, TINY)


def test_video_frames_stand_apart_by_the_frame_step() -> None:
    rows, following = grid_positions(5, (3, 2, 2), frame_step=2.5)
    assert rows.tolist() == [[5, 7, 10], [5, 5, 5], [5, 5, 5]]
    assert following == 11


def stored(config: ThinkerConfig) -> dict[str, Tensor]:
    """A checkpoint's tensors, of random values in bf16."""
    tensors = {}
    with torch.device("meta"):
        shapes = MingThinker(config, "listed").state_dict()
    names = thinker_names(config, "listed")
    for ours, theirs in names.items():
        rows = shapes[ours].shape
        inputs = (theirs,) if isinstance(theirs, str) else theirs.inputs
        for key in inputs:
            one = rows
            if ours.endswith("routers"):
                one = rows[1:]
            elif ours.endswith("gate_up.weight"):
                one = (rows[0] // 2, *rows[1:])
            tensors[key] = torch.randn(one).bfloat16()
    return tensors


def mapped_file(tensor: Tensor) -> str | None:
    """The file a tensor's memory belongs to, None for ordinary memory."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        area, *_, name = line.split(maxsplit=5)
        start, end = (int(x, 16) for x in area.split("-"))
        if start <= tensor.data_ptr() < end:
            return name if name.startswith("/") else None
    return None


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc to look into")
def test_listed_experts_stay_on_the_disk_and_say_the_same(tmp_path: Path) -> None:
    save_file(stored(TINY), tmp_path / "model.safetensors")
    source = open_safetensors(tmp_path)
    listed = load_thinker(TINY, source, storage="listed")
    stacked = load_thinker(TINY, source)
    one = listed.layers[0].moe.experts[3].up.weight
    assert one.dtype is torch.bfloat16
    assert mapped_file(one) == str(tmp_path / "model.safetensors")
    assert mapped_file(stacked.layers[0].moe.gate_up) is None
    x, kinds, positions = prompt(14)
    with torch.inference_mode():
        outcomes = [
            model.logits(model.step(x.bfloat16(), kinds, positions, model.initial())[0])
            for model in (listed, stacked)
        ]
    torch.testing.assert_close(*outcomes, atol=0.1, rtol=0.05)


def test_dtype_can_be_chosen_and_a_missing_expert_is_named(tmp_path: Path) -> None:
    tensors = stored(TINY)
    save_file(tensors, tmp_path / "model.safetensors")
    model = load_thinker(TINY, open_safetensors(tmp_path), torch.float32)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    del tensors["model.layers.1.mlp.experts.4.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lacks model\.layers\.1\.mlp\.experts\.4\.up_proj"):
        load_thinker(TINY, open_safetensors(tmp_path))


def test_the_normalised_head_has_columns_of_length_one() -> None:
    weight = normalised_head(torch.randn(50, 7) * 3)
    torch.testing.assert_close(weight.norm(dim=0), torch.ones(7))
