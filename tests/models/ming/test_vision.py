"""Pictures: patches as the public processor cuts them, the tower as transformers runs it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Qwen2VLImageProcessor
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VisionTransformerPretrainedModel,
)

from vivavoce.models.ming.checkpoint import CheckpointError, TensorDict
from vivavoce.models.ming.config import MingConfig, VisionConfig
from vivavoce.models.ming.parts import Parts, parts_of
from vivavoce.models.ming.pictures import (
    PictureSettings,
    fitted,
    open_picture,
    picture,
    video,
)
from vivavoce.models.ming.vision import Eye, VisionProjector, VisionTower, load_eye

SIZES = [(100, 84), (28, 280), (333, 200), (65, 1000), (230, 226), (13, 702)]  # height, width
SETTINGS = PictureSettings(min_pixels=10_000, max_pixels=60_000, video_max_pixels=30_000)
DATA = {
    "llm_config": {"hidden_size": 20, "num_attention_heads": 2},
    "vision_config": {"num_heads": 2, "fullatt_block_indexes": [1, 3], "window_size": 112},
}


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 17 + i) * np.cos(y / (9 + 3 * i)) for i in range(3)]
    image = 127 + 90 * np.stack(waves, -1) + rng.normal(0, 12, (height, width, 3))
    return image.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def reference():
    torch.manual_seed(4)
    config = Qwen2_5_VLVisionConfig(
        depth=4,
        hidden_size=32,
        intermediate_size=48,
        num_heads=2,
        out_hidden_size=24,
        fullatt_block_indexes=[1, 3],
    )
    model = Qwen2_5_VisionTransformerPretrainedModel._from_config(
        config, attn_implementation="eager"
    )
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * (0.3 if parameter.dim() == 1 else 0.15)
    return model.eval()


def checkpoint(reference) -> Parts:
    tensors = {f"vision.{name}": tensor for name, tensor in reference.state_dict().items()}
    generator = torch.Generator().manual_seed(5)
    for name, shape in {
        "0.weight": (20, 24),
        "0.bias": (20,),
        "2.weight": (20, 20),
        "2.bias": (20,),
    }.items():
        tensors[f"linear_proj.{name}"] = torch.randn(shape, generator=generator)
    return parts_of(TensorDict(tensors))


def eye(reference, **options) -> Eye:
    parts = checkpoint(reference)
    return load_eye(parts, MingConfig.from_parts(parts, DATA, {}).vision, **options)


def theirs(reference, seen):
    """transformers returned the merged rows alone at first, later an object that has them."""
    out = reference(seen.patches, grid_thw=torch.tensor([seen.grid]))
    return out if isinstance(out, torch.Tensor) else out.pooler_output


# --- the tower -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_tower_gives_what_transformers_gives(reference, size) -> None:
    seen = picture(pixels(*size), SETTINGS)
    ours = eye(reference).tower(seen.patches, seen.grid)
    assert ours.shape == (seen.n_positions(), 24)
    torch.testing.assert_close(ours, theirs(reference, seen), atol=1e-4, rtol=1e-4)


def test_the_tower_sees_a_video_as_transformers_does(reference) -> None:
    seen = video([pixels(120, 150, seed) for seed in range(5)], SETTINGS)
    assert seen.grid[0] == 3
    ours = eye(reference).tower(seen.patches, seen.grid)
    torch.testing.assert_close(ours, theirs(reference, seen), atol=1e-4, rtol=1e-4)


def test_positions_have_length_one(reference) -> None:
    model, seen = eye(reference), picture(pixels(90, 130), SETTINGS)
    positions = model.see(seen)
    assert positions.shape == (1, seen.n_positions(), 20)
    inner, outer = model.projector.inner, model.projector.outer
    hidden = theirs(reference, seen) @ inner.weight.T + inner.bias
    rows = torch.nn.functional.gelu(hidden) @ outer.weight.T + outer.bias
    rows = rows / rows.square().sum(-1, keepdim=True).sqrt()
    torch.testing.assert_close(positions[0], rows, atol=1e-5, rtol=0)


def test_a_window_looks_at_nothing_outside(reference) -> None:
    """Without full attention, a change in one corner stays in its window of 112 pixels."""
    model = eye(reference)
    windows_only = type(model.tower.config)(
        **{**vars(model.tower.config), "full_attention_blocks": ()}
    )
    model.tower.config = windows_only
    before = pixels(224, 224)
    after = before.copy()
    after[:28, :28] = 0
    settings = PictureSettings(min_pixels=1, max_pixels=60_000)
    one, two = (model.see(picture(p, settings)).view(8, 8, -1) for p in (before, after))
    changed = (one - two).abs().amax(-1) > 1e-6
    assert changed[:4, :4].all() and changed.sum() == 16


def test_an_eye_in_bfloat16_sees_about_the_same(reference) -> None:
    seen = picture(pixels(90, 130), SETTINGS)
    positions = eye(reference, dtype=torch.bfloat16).see(seen)
    assert positions.dtype == torch.bfloat16
    assert (positions.float() * eye(reference).see(seen)).sum(-1).min() > 0.98


def test_a_checkpoint_without_an_eye_or_with_half_of_one_says_so(reference) -> None:
    with pytest.raises(CheckpointError, match="no vision tower"):
        load_eye(parts_of(None), None)
    parts = checkpoint(reference)
    config = MingConfig.from_parts(parts, DATA, {}).vision
    tensors = {key: parts.vision.tensor(key) for key in parts.vision.keys()}  # noqa: SIM118
    del tensors["merger.mlp.0.bias"]
    half = Parts(vision=TensorDict(tensors), vision_projector=parts.vision_projector)
    with pytest.raises(CheckpointError, match=r"lacks merger\.mlp\.0\.bias"):
        load_eye(half, config)


def test_a_full_size_eye_has_the_parameters_of_the_released_one() -> None:
    """On the meta device, which refuses to mix devices with the pixels' as others do."""
    with torch.device("meta"):
        model = Eye(VisionTower(VisionConfig()), VisionProjector(8192, 2048))
    tower, projector = (
        sum(parameter.numel() for parameter in part.parameters()) / 1e6
        for part in (model.tower, model.projector)
    )
    assert (tower, projector) == pytest.approx((704.6, 21.0), abs=0.05)
    assert model.see(picture(pixels(300, 400))).shape == (1, 154, 2048)


# --- pixels --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_patches_are_those_of_the_public_processor(size) -> None:
    processor = Qwen2VLImageProcessor(min_pixels=10_000, max_pixels=60_000)
    image = pixels(*size)
    wanted = processor(images=[Image.fromarray(image)], return_tensors="pt")
    ours = picture(image, SETTINGS)
    assert [list(ours.grid)] == wanted["image_grid_thw"].tolist()
    # One level of 255 is 0.015, so every pixel is the same.
    torch.testing.assert_close(ours.patches, wanted["pixel_values"], atol=1e-5, rtol=0)


def test_a_picture_of_a_fitting_size_is_not_resized() -> None:
    image = pixels(112, 140)
    ours = picture(image, SETTINGS)
    mean, std = np.array(SETTINGS.image_mean), np.array(SETTINGS.image_std)
    first = (image[:14, :14] / 255 - mean) / std
    patch = ours.patches[0].view(3, 2, 14, 14)
    assert ours.grid == (1, 8, 10)
    np.testing.assert_allclose(patch[:, 0].permute(1, 2, 0), first, atol=1e-5)
    assert torch.equal(patch[:, 0], patch[:, 1])


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ((100, 100), (112, 112)),
        ((10, 10), (112, 112)),
        ((1000, 500), (336, 168)),
        ((13, 702), None),
    ],
)
def test_sizes_keep_the_shape_within_the_pixels(size, fits) -> None:
    got = fitted(*size, SETTINGS, SETTINGS.max_pixels)
    assert all(n % 28 == 0 for n in got)
    if fits is not None:
        assert got == fits


def test_odd_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        picture(pixels(2, 500), SETTINGS)
    with pytest.raises(ValueError, match=r"\[height, width, 3\]"):
        picture(pixels(50, 50)[..., 0], SETTINGS)
    with pytest.raises(ValueError, match="at least one frame"):
        video([], SETTINGS)
    with pytest.raises(ValueError, match="one size"):
        video([pixels(50, 50), pixels(50, 60)], SETTINGS)


def encoded(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def test_files_are_opened_upright_and_on_white(tmp_path: Path) -> None:
    image = pixels(40, 60)
    data = encoded(Image.fromarray(image), format="PNG")
    assert np.array_equal(open_picture(data), image)
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(open_picture(tmp_path / "a.png"), image)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    data = encoded(Image.fromarray(image), format="PNG", exif=turned)
    assert open_picture(data).shape == (60, 40, 3)
    clear = encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), format="PNG")
    assert (open_picture(clear) == 255).all()
    with pytest.raises(ValueError, match="no picture"):
        open_picture(b"not a picture")


def test_settings_come_from_the_checkpoint_folder(tmp_path: Path) -> None:
    assert PictureSettings.from_folder(tmp_path) == PictureSettings()
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({"min_pixels": 5, "image_mean": [0.5, 0.5, 0.5], "other": 1}))
    settings = PictureSettings.from_folder(tmp_path)
    assert (settings.min_pixels, settings.image_mean) == (5, (0.5, 0.5, 0.5))
    path.write_text("[1")
    with pytest.raises(CheckpointError, match="cannot be read"):
        PictureSettings.from_folder(tmp_path)
