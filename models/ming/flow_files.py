"""Flow models from their files: sizes from tensor shapes, and one table of names per release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .checkpoint import Built, CheckpointError, Names, TensorSource, joined, load_into
from .conformer import ConformerConfig
from .flow import CausalFlow, FlowConfig
from .flow_estimator import EstimatorConfig
from .flow_v1 import FlowV1Config, WholeFlow

UP_LAYER = "encoder.up_layer.conv.weight"  # only v1.5's encoder has one
IGNORED = ("*.pos_enc.*", "decoder.rand_noise")  # follow from formulas


@dataclass(frozen=True)
class FlowSettings:
    """What no tensor's shape tells; None takes the release's own value.

    head_dim: of the estimator's attention; chunk: codes that see each other; n_steps: of the
    solver; guidance: strength of classifier-free guidance; rate_hz and hop: of v1's mel.
    """

    head_dim: int = 64
    chunk: int = 50
    n_steps: int | None = None
    guidance: float = 0.7
    rate_hz: int = 22_050
    hop: int = 256


@dataclass(frozen=True)
class Place:
    """Where a module's tensors are stored: our prefix, theirs, and the names within.

    A name within may stand for several of theirs, one below the other.
    """

    ours: str
    theirs: str
    within: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


CONFORMER_BLOCK = {
    "attention_norm": "norm_mha",
    "attention.qkv": ("self_attn.linear_q", "self_attn.linear_k", "self_attn.linear_v"),
    "attention.distance": "self_attn.linear_pos",
    "attention.content_bias": "self_attn.pos_bias_u",
    "attention.distance_bias": "self_attn.pos_bias_v",
    "attention.out": "self_attn.linear_out",
    "feed_forward_norm": "norm_ff",
    "up": "feed_forward.w_1",
    "down": "feed_forward.w_2",
}
ENTRY = {"linear": "0", "norm": "1"}
TRANSFORMER_LAYER = {
    "attention_norm": "norm1",
    "qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "out": "attn1.to_out.0",
    "feed_forward_norm": "norm3",
    "up": "ff.net.0.proj",
    "down": "ff.net.2",
}
RESNET = {
    "conv_1": "block1.block.0",
    "norm_1": "block1.block.2",
    "conv_2": "block2.block.0",
    "norm_2": "block2.block.2",
    "time": "mlp.1",
    "residual": "res_conv",
}
RESNET_V1 = {
    "conv_1.conv": "block1.block.0",
    "conv_1.norm": "block1.block.1",
    "conv_2.conv": "block2.block.0",
    "conv_2.norm": "block2.block.1",
    "time": "mlp.1",
    "residual": "res_conv",
}


def load_flow(
    source: TensorSource,
    settings: FlowSettings | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> CausalFlow | WholeFlow:
    """The flow model of a release, told by its tensors.

    Raises:
        CheckpointError: tensors are missing, surplus or of other shapes.
    """
    settings = settings or FlowSettings()
    if is_causal(source):
        with torch.device("meta"):
            flow: CausalFlow | WholeFlow = CausalFlow(causal_config(source, settings))
    else:
        with torch.device("meta"):
            flow = WholeFlow(whole_config(source, settings))
    load_into(flow, source, flow_names(flow), IGNORED, dtype, device)
    return flow.eval()


def is_causal(source: TensorSource) -> bool:
    """Whether these are the tensors of v1.5's flow model."""
    return UP_LAYER in source.keys()  # noqa: SIM118 - a source is no mapping


def causal_config(source: TensorSource, settings: FlowSettings) -> FlowConfig:
    """Sizes of v1.5's flow model."""
    config = FlowConfig(
        n_codes=source.shape("input_embedding.weight")[0],
        speaker_dim=source.shape("spk_embed_affine_layer.weight")[1],
        encoder=_encoder_config(source),
        estimator=_estimator_config(source, settings),
        chunk=settings.chunk,
        n_steps=settings.n_steps or FlowConfig.n_steps,
        guidance=settings.guidance,
    )
    if len(config.estimator.levels) != 1:
        n = len(config.estimator.levels)
        raise CheckpointError(f"{source.origin}: a causal estimator has one level, not {n}")
    return config


def whole_config(source: TensorSource, settings: FlowSettings) -> FlowV1Config:
    """Sizes of v1's and Preview's flow model."""
    last = _count(source, r"length_regulator\.model\.(\d+)\.") - 1
    return FlowV1Config(
        n_codes=source.shape("input_embedding.weight")[0],
        speaker_dim=source.shape("spk_embed_affine_layer.weight")[1],
        encoder=_encoder_config(source),
        estimator=_estimator_config(source, settings),
        n_regulator_convs=last // 3,
        rate_hz=settings.rate_hz,
        hop=settings.hop,
        n_steps=settings.n_steps or FlowV1Config.n_steps,
        guidance=settings.guidance,
    )


def _encoder_config(source: TensorSource) -> ConformerConfig:
    dim, dim_in = source.shape("encoder.embed.out.0.weight")
    has_up = is_causal(source)
    ahead = "encoder.pre_lookahead_layer.conv1.weight"
    return ConformerConfig(
        dim_in=dim_in,
        dim=dim,
        n_heads=source.shape("encoder.encoders.0.self_attn.pos_bias_u")[0],
        hidden=source.shape("encoder.encoders.0.feed_forward.w_1.weight")[0],
        n_blocks=_count(source, r"encoder\.encoders\.(\d+)\."),
        n_up_blocks=_count(source, r"encoder\.up_encoders\.(\d+)\."),
        look_ahead=source.shape(ahead)[2] - 1 if has_up else 0,
        up_ratio=(source.shape(UP_LAYER)[2] - 1) // 2 if has_up else 1,
    )


def _estimator_config(source: TensorSource, settings: FlowSettings) -> EstimatorConfig:
    at = "decoder.estimator."
    n_levels = _count(source, r"decoder\.estimator\.down_blocks\.(\d+)\.")
    inner, _ = source.shape(f"{at}down_blocks.0.1.0.attn1.to_q.weight")
    if inner % settings.head_dim:
        raise CheckpointError(
            f"{source.origin}: attention {inner} wide has no heads of {settings.head_dim}; "
            "set attention_head_dim in the detokeniser's yaml file"
        )
    levels = tuple(
        source.shape(f"{at}down_blocks.{i}.0.block1.block.0.weight")[0] for i in range(n_levels)
    )
    return EstimatorConfig(
        dim_in=source.shape(f"{at}down_blocks.0.0.block1.block.0.weight")[1],
        n_mels=source.shape(f"{at}final_proj.weight")[0],
        levels=levels,
        n_heads=inner // settings.head_dim,
        head_dim=settings.head_dim,
        hidden=source.shape(f"{at}down_blocks.0.1.0.ff.net.0.proj.weight")[0],
        n_layers=_count(source, r"decoder\.estimator\.down_blocks\.0\.1\.(\d+)\."),
        n_mid_blocks=_count(source, r"decoder\.estimator\.mid_blocks\.(\d+)\."),
        time_dim=source.shape(f"{at}time_mlp.linear_1.weight")[0],
    )


def flow_names(flow: CausalFlow | WholeFlow) -> Names:
    """Stored name, or recipe, by our name."""
    places = _common_places(flow)
    places += _causal_places(flow) if isinstance(flow, CausalFlow) else _whole_places(flow)
    places.sort(key=lambda place: len(place.ours), reverse=True)
    return {name: _stored(name, places, flow) for name in flow.state_dict()}


def _common_places(flow: CausalFlow | WholeFlow) -> list[Place]:
    return [
        Place("embedding.", "input_embedding."),
        Place("speaker.", "spk_embed_affine_layer."),
        Place("project.", "encoder_proj."),
        Place("encoder.entry.", "encoder.embed.out.", ENTRY),
        Place("encoder.norm.", "encoder.after_norm."),
        *(
            Place(f"encoder.blocks.{i}.", f"encoder.encoders.{i}.", CONFORMER_BLOCK)
            for i in range(len(flow.encoder.blocks))
        ),
        Place("estimator.time.", "decoder.estimator.time_mlp."),
        Place("estimator.project.", "decoder.estimator.final_proj."),
    ]


def _causal_places(flow: CausalFlow) -> list[Place]:
    """v1.5: look-ahead, up-sampling, and the U-Net of one level."""
    at, estimator = "decoder.estimator.", flow.estimator
    ahead = "encoder.pre_lookahead_layer."
    places = [
        Place("encoder.look_ahead.", ahead, {"ahead": "conv1", "behind": "conv2"}),
        Place("encoder.up.", "encoder.up_layer.conv."),
        Place("encoder.up_entry.", "encoder.up_embed.out.", ENTRY),
        Place("estimator.down_conv.", f"{at}down_blocks.0.2."),
        Place("estimator.up_conv.", f"{at}up_blocks.0.2."),
        Place("estimator.final_conv.", f"{at}final_block.block.0."),
        Place("estimator.final_norm.", f"{at}final_block.block.2."),
    ]
    for i in range(len(flow.encoder.up_blocks)):
        theirs = f"encoder.up_encoders.{i}."
        places.append(Place(f"encoder.up_blocks.{i}.", theirs, CONFORMER_BLOCK))
    stages = [("down.", "down_blocks.0.", estimator.down), ("up.", "up_blocks.0.", estimator.up)]
    stages += [(f"mid.{i}.", f"mid_blocks.{i}.", stage) for i, stage in enumerate(estimator.mid)]
    for ours, theirs, stage in stages:
        places.append(Place(f"estimator.{ours}resnet.", f"{at}{theirs}0.", RESNET))
        places += _layers(f"estimator.{ours}", f"{at}{theirs}", len(stage.layers))
    return places


def _whole_places(flow: WholeFlow) -> list[Place]:
    """v1 and Preview: the length regulator, and the U-Net with its resampling."""
    at, estimator, n_convs = "decoder.estimator.", flow.estimator, len(flow.regulator.convs)
    places = [
        Place("estimator.final.conv.", f"{at}final_block.block.0."),
        Place("estimator.final.norm.", f"{at}final_block.block.1."),
        Place("regulator.project.", f"length_regulator.model.{3 * n_convs}."),
    ]
    for i in range(n_convs):
        within = {"conv": f"{3 * i}", "norm": f"{3 * i + 1}"}
        places.append(Place(f"regulator.convs.{i}.", "length_regulator.model.", within))
    for row in ("down", "mid", "up"):
        stages = getattr(estimator, row)
        for i, stage in enumerate(stages):
            ours, theirs = f"estimator.{row}.{i}.", f"{at}{row}_blocks.{i}."
            resample = "2.conv." if i < len(stages) - 1 else "2."
            places.append(Place(ours, f"{theirs}0.", RESNET_V1))
            places.append(Place(f"{ours}resample.", f"{theirs}{resample}"))
            places += _layers(ours, theirs, len(stage.layers))
    return places


def _layers(ours: str, theirs: str, n: int) -> list[Place]:
    return [Place(f"{ours}layers.{i}.", f"{theirs}1.{i}.", TRANSFORMER_LAYER) for i in range(n)]


def _stored(name: str, places: list[Place], flow: nn.Module) -> str | Built:
    """Their name of our tensor, by the longest of our prefixes that fits."""
    place = next(place for place in places if name.startswith(place.ours))
    rest = name[len(place.ours) :]
    for ours, theirs in place.within.items():
        if rest == ours or rest.startswith(f"{ours}."):
            end = rest[len(ours) :]
            if isinstance(theirs, tuple):
                return joined(*(f"{place.theirs}{part}{end}" for part in theirs))
            rest = theirs + end
            break
    stored = place.theirs + rest
    if isinstance(flow, CausalFlow) and stored.endswith(("res_conv.weight", "final_proj.weight")):
        return Built((stored,), _pointwise)
    return stored


def _pointwise(weight: Tensor) -> Tensor:
    """A convolution of one tap [C_out, C_in, 1] as a matrix."""
    return weight.squeeze(-1)


def _count(source: TensorSource, pattern: str) -> int:
    found = [re.match(pattern, key) for key in source.keys()]  # noqa: SIM118 - no mapping
    return 1 + max((int(match.group(1)) for match in found if match), default=-1)
