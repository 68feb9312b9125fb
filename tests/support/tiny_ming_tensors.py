"""Names and shapes of the tensors in a released Ming checkpoint, at the smallest sizes that work.

The names are those the makers' classes give their tensors; tests compare them with the names in
the recorded vectors. Values are random but for some that give tiny models manners, see `Manners`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

DIM, N_LAYERS, N_EXPERTS, EXPERT_DIM = 64, 2, 4, 16
N_HEADS, N_KV_HEADS, HEAD_DIM = 2, 1, 128  # 3-axis positions need heads of 128
WHISPER_DIM, WHISPER_CTX, N_MELS = 32, 1500, 128
SANM_DIM, SANM_INPUT, SANM_BLOCKS = 32, 560, 3
VISION_DIM, VISION_OUT = 32, 24
TALKER_DIM, TALKER_LAYERS, TALKER_KV = 32, 2, 16
SPEAKER_DIM, MEL = 192, 80
LAYER_GAIN, CURIOSITY = 0.2, 0.7
N_CODES = 64
FLOW_DIM, FLOW_HEADS, FLOW_TIME = 32, 2, 64


def linear(name: str, rows: int, columns: int, bias: bool = True) -> Shapes:
    shapes: Shapes = {f"{name}.weight": (rows, columns)}
    return shapes | ({f"{name}.bias": (rows,)} if bias else {})


def conv(name: str, rows: int, columns: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (rows, columns, kernel), f"{name}.bias": (rows,)}


def norm(name: str, dim: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (dim,)} | ({f"{name}.bias": (dim,)} if bias else {})


def merged(*parts: Mapping[str, tuple[int, ...]]) -> Shapes:
    return {name: shape for part in parts for name, shape in part.items()}


# --- thinker, ears, eyes --------------------------------------------------------------------


def swiglu(name: str, dim: int, hidden: int, bias: bool = False) -> Shapes:
    return merged(
        linear(f"{name}.gate_proj", hidden, dim, bias),
        linear(f"{name}.up_proj", hidden, dim, bias),
        linear(f"{name}.down_proj", dim, hidden, bias),
    )


def thinker(vocabulary: int) -> Shapes:
    shapes = linear("model.model.word_embeddings", vocabulary, DIM, bias=False)
    for i in range(N_LAYERS):
        at = f"model.model.layers.{i}"
        shapes |= norm(f"{at}.input_layernorm", DIM, bias=False)
        shapes |= norm(f"{at}.post_attention_layernorm", DIM, bias=False)
        rows = (N_HEADS + 2 * N_KV_HEADS) * HEAD_DIM
        shapes |= linear(f"{at}.attention.query_key_value", rows, DIM, bias=False)
        shapes |= linear(f"{at}.attention.dense", DIM, N_HEADS * HEAD_DIM, bias=False)
        for gate in ("gate", "image_gate", "audio_gate"):
            shapes |= linear(f"{at}.mlp.{gate}", N_EXPERTS, DIM, bias=False)
        for expert in range(N_EXPERTS):
            shapes |= swiglu(f"{at}.mlp.experts.{expert}", DIM, EXPERT_DIM)
        shapes |= swiglu(f"{at}.mlp.shared_experts", DIM, 2 * EXPERT_DIM)
    shapes |= norm("model.model.norm", DIM, bias=False)
    return shapes | linear("model.lm_head", vocabulary, DIM, bias=False)


def whisper(prefix: str, projector: str) -> Shapes:
    """The Whisper-size encoder under `prefix`, and its projector."""
    dim = WHISPER_DIM
    shapes: Shapes = {f"{prefix}.positional_embedding": (WHISPER_CTX, dim)}
    shapes |= conv(f"{prefix}.conv1", dim, N_MELS, 3) | conv(f"{prefix}.conv2", dim, dim, 3)
    for i in range(2):
        at = f"{prefix}.blocks.{i}"
        for part in ("query", "value", "out"):
            shapes |= linear(f"{at}.attn.{part}", dim, dim)
        shapes |= linear(f"{at}.attn.key", dim, dim, bias=False)
        shapes |= norm(f"{at}.attn_ln", dim) | norm(f"{at}.mlp_ln", dim)
        shapes |= linear(f"{at}.mlp.0", 4 * dim, dim) | linear(f"{at}.mlp.2", dim, 4 * dim)
    return shapes | norm(f"{prefix}.ln_post", dim) | audio_projector(projector, dim, 3)


def sanm(prefix: str, projector: str) -> Shapes:
    """The SANM encoder under `prefix`, and its projector."""
    dim, hidden = SANM_DIM, 48
    places = ["encoders0.0", *(f"encoders.{i}" for i in range(SANM_BLOCKS - 1))]
    shapes: Shapes = {}
    for i, place in enumerate(places):
        at, dim_in = f"{prefix}.{place}", dim if i else SANM_INPUT
        shapes |= linear(f"{at}.self_attn.linear_q_k_v", 3 * dim, dim_in)
        shapes |= linear(f"{at}.self_attn.linear_out", dim, dim)
        shapes |= {f"{at}.self_attn.fsmn_block.weight": (dim, 1, 11)}
        shapes |= linear(f"{at}.feed_forward.w_1", hidden, dim)
        shapes |= linear(f"{at}.feed_forward.w_2", dim, hidden)
        shapes |= norm(f"{at}.norm1", dim_in) | norm(f"{at}.norm2", dim)
    return shapes | norm(f"{prefix}.after_norm", dim) | audio_projector(projector, dim, 1)


def audio_projector(name: str, dim_in: int, kernel: int) -> Shapes:
    return conv(f"{name}.0", DIM, dim_in, kernel) | linear(f"{name}.3", DIM, DIM)


def vision() -> Shapes:
    """A tower of the Qwen2.5-VL design and its projector."""
    dim, merged_dim = VISION_DIM, 4 * VISION_DIM
    shapes: Shapes = {"vision.patch_embed.proj.weight": (dim, 3, 2, 14, 14)}
    for i in range(2):
        at = f"vision.blocks.{i}"
        shapes |= norm(f"{at}.norm1", dim, bias=False) | norm(f"{at}.norm2", dim, bias=False)
        shapes |= linear(f"{at}.attn.qkv", 3 * dim, dim) | linear(f"{at}.attn.proj", dim, dim)
        shapes |= swiglu(f"{at}.mlp", dim, 48, bias=True)
    shapes |= norm("vision.merger.ln_q", dim, bias=False)
    shapes |= linear("vision.merger.mlp.0", merged_dim, merged_dim)
    shapes |= linear("vision.merger.mlp.2", VISION_OUT, merged_dim)
    return shapes | linear("linear_proj.0", DIM, VISION_OUT) | linear("linear_proj.2", DIM, DIM)


# --- talker ---------------------------------------------------------------------------------


def talker(vocabulary: int, tied: bool) -> Shapes:
    """A Qwen2 model, the way in for the thinker's states and for the speaker vector."""
    dim = TALKER_DIM
    shapes = linear("model.model.embed_tokens", vocabulary, dim, bias=False)
    for i in range(TALKER_LAYERS):
        at = f"model.model.layers.{i}"
        shapes |= linear(f"{at}.self_attn.q_proj", dim, dim)
        shapes |= linear(f"{at}.self_attn.k_proj", TALKER_KV, dim)
        shapes |= linear(f"{at}.self_attn.v_proj", TALKER_KV, dim)
        shapes |= linear(f"{at}.self_attn.o_proj", dim, dim, bias=False)
        shapes |= swiglu(f"{at}.mlp", dim, 48)
        shapes |= norm(f"{at}.input_layernorm", dim, bias=False)
        shapes |= norm(f"{at}.post_attention_layernorm", dim, bias=False)
    shapes |= norm("model.model.norm", dim, bias=False)
    shapes |= {} if tied else linear("model.lm_head", vocabulary, dim, bias=False)
    shapes |= linear("thinker_to_talker_proj", dim, DIM)
    return shapes | conv("vp_head", dim, SPEAKER_DIM, 1)


# --- audio decoder --------------------------------------------------------------------------


def conformer(name: str, n_blocks: int) -> Shapes:
    dim, shapes = FLOW_DIM, Shapes()
    for i in range(n_blocks):
        at = f"{name}.{i}"
        for part in ("linear_q", "linear_k", "linear_v", "linear_out"):
            shapes |= linear(f"{at}.self_attn.{part}", dim, dim)
        shapes |= linear(f"{at}.self_attn.linear_pos", dim, dim, bias=False)
        for part in ("pos_bias_u", "pos_bias_v"):
            shapes |= {f"{at}.self_attn.{part}": (FLOW_HEADS, dim // FLOW_HEADS)}
        shapes |= linear(f"{at}.feed_forward.w_1", 48, dim)
        shapes |= linear(f"{at}.feed_forward.w_2", dim, 48)
        shapes |= norm(f"{at}.norm_mha", dim) | norm(f"{at}.norm_ff", dim)
    return shapes


def unet_stage(name: str, dim_in: int, normed: int) -> Shapes:
    """A resnet, whose norms have the number `normed`, and one transformer layer."""
    dim, shapes = FLOW_DIM, linear(f"{name}.0.mlp.1", FLOW_DIM, FLOW_TIME)
    for block, width in (("block1", dim_in), ("block2", dim)):
        shapes |= conv(f"{name}.0.{block}.block.0", dim, width, 3)
        shapes |= norm(f"{name}.0.{block}.block.{normed}", dim)
    shapes |= conv(f"{name}.0.res_conv", dim, dim_in, 1)
    for part in ("to_q", "to_k", "to_v"):
        shapes |= linear(f"{name}.1.0.attn1.{part}", dim, dim, bias=False)
    shapes |= linear(f"{name}.1.0.attn1.to_out.0", dim, dim)
    shapes |= norm(f"{name}.1.0.norm1", dim) | norm(f"{name}.1.0.norm3", dim)
    shapes |= linear(f"{name}.1.0.ff.net.0.proj", 4 * dim, dim)
    return shapes | linear(f"{name}.1.0.ff.net.2", dim, 4 * dim)


def flow_common(normed: int) -> Shapes:
    at = "decoder.estimator"
    return merged(
        linear("input_embedding", N_CODES, FLOW_DIM, bias=False),
        linear("spk_embed_affine_layer", MEL, SPEAKER_DIM),
        linear("encoder_proj", MEL, FLOW_DIM),
        linear("encoder.embed.out.0", FLOW_DIM, FLOW_DIM),
        norm("encoder.embed.out.1", FLOW_DIM),
        norm("encoder.after_norm", FLOW_DIM),
        conformer("encoder.encoders", 1),
        linear(f"{at}.time_mlp.linear_1", FLOW_TIME, 4 * MEL),
        linear(f"{at}.time_mlp.linear_2", FLOW_TIME, FLOW_TIME),
        conv(f"{at}.final_block.block.0", FLOW_DIM, FLOW_DIM, 3),
        norm(f"{at}.final_block.block.{normed}", FLOW_DIM),
        conv(f"{at}.final_proj", MEL, FLOW_DIM, 1),
        unet_stage(f"{at}.down_blocks.0", 4 * MEL, normed),
        unet_stage(f"{at}.mid_blocks.0", FLOW_DIM, normed),
        unet_stage(f"{at}.up_blocks.0", 2 * FLOW_DIM, normed),
    )


def flow_stream() -> Shapes:
    """v1.5: look-ahead, an up layer of stride 1, causal convolutions, LayerNorm at number 2."""
    dim, at = FLOW_DIM, "decoder.estimator"
    return merged(
        flow_common(normed=2),
        conv("encoder.pre_lookahead_layer.conv1", dim, dim, 4),
        conv("encoder.pre_lookahead_layer.conv2", dim, dim, 3),
        conv("encoder.up_layer.conv", dim, dim, 3),
        linear("encoder.up_embed.out.0", dim, dim),
        norm("encoder.up_embed.out.1", dim),
        conformer("encoder.up_encoders", 1),
        conv(f"{at}.down_blocks.0.2", dim, dim, 3),
        conv(f"{at}.up_blocks.0.2", dim, dim, 3),
    )


def flow_whole() -> Shapes:
    """v1 and Preview: a length regulator, a U-Net of two levels, GroupNorm at number 1."""
    dim, at = FLOW_DIM, "decoder.estimator"
    shapes = merged(
        flow_common(normed=1),
        conv(f"{at}.down_blocks.0.2.conv", dim, dim, 3),
        conv(f"{at}.up_blocks.0.2.conv", dim, dim, 4),
        unet_stage(f"{at}.down_blocks.1", dim, 1),
        conv(f"{at}.down_blocks.1.2", dim, dim, 3),
        unet_stage(f"{at}.up_blocks.1", 2 * dim, 1),
        conv(f"{at}.up_blocks.1.2", dim, dim, 3),
        conv("length_regulator.model.12", MEL, MEL, 1),
    )
    for i in range(4):
        shapes |= conv(f"length_regulator.model.{3 * i}", MEL, MEL, 3)
        shapes |= norm(f"length_regulator.model.{3 * i + 1}", MEL)
    return shapes


@dataclass(frozen=True)
class Vocoder:
    """A HiFT vocoder: strides and kernels of its up-convolutions, and how weights are stored."""

    strides: tuple[int, ...]
    kernels: tuple[int, ...]
    source_kernels: tuple[int, ...]
    halves: tuple[str, str]  # weight norm: names of magnitude and direction


HIFT_V1 = Vocoder((8, 8), (16, 16), (7, 11), ("weight_g", "weight_v"))
HIFT_V2 = Vocoder(
    (8, 5, 3),
    (16, 11, 7),
    (7, 7, 11),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


def hift(vocoder: Vocoder) -> Shapes:
    channels, bins = 32, 18
    shapes = normed_conv(vocoder, "conv_pre", channels, MEL, 7)
    for i in range(5):
        shapes |= normed_conv(vocoder, f"f0_predictor.condnet.{2 * i}", 16, 16 if i else MEL, 3)
    shapes |= linear("f0_predictor.classifier", 1, 16) | linear("m_source.l_linear", 1, 9)
    for i, kernel in enumerate(vocoder.kernels):
        out, down = channels >> (i + 1), math.prod(vocoder.strides[i + 1 :])
        shapes |= normed_conv(vocoder, f"ups.{i}", channels >> i, out, kernel, bias=out)
        shapes |= conv(f"source_downs.{i}", out, bins, 2 * down if down > 1 else 1)
        shapes |= resblock(vocoder, f"source_resblocks.{i}", out, vocoder.source_kernels[i])
        for j, size in enumerate((3, 7, 11)):
            shapes |= resblock(vocoder, f"resblocks.{3 * i + j}", out, size)
    return shapes | normed_conv(vocoder, "conv_post", bins, channels >> len(vocoder.kernels), 7)


def normed_conv(
    vocoder: Vocoder, name: str, rows: int, columns: int, kernel: int, bias: int | None = None
) -> Shapes:
    magnitude, direction = vocoder.halves
    return {
        f"{name}.{magnitude}": (rows, 1, 1),
        f"{name}.{direction}": (rows, columns, kernel),
        f"{name}.bias": (bias or rows,),
    }


def resblock(vocoder: Vocoder, name: str, dim: int, kernel: int) -> Shapes:
    shapes: Shapes = {}
    for i in range(3):
        for half in ("1", "2"):
            shapes |= normed_conv(vocoder, f"{name}.convs{half}.{i}", dim, dim, kernel)
            shapes |= {f"{name}.activations{half}.{i}.alpha": (dim,)}
    return shapes


# --- values ---------------------------------------------------------------------------------


def filled(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Random values of a scale at which every layer passes on what it hears."""
    generator = torch.Generator().manual_seed(seed)
    return {name: _values(name, shape, generator) for name, shape in shapes.items()}


def _values(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    noise = torch.randn(shape, generator=generator)
    if name.endswith(("alpha", "weight_g", "original0")) or (
        len(shape) == 1 and name.endswith(".weight")
    ):
        return 1 + 0.1 * noise
    if len(shape) == 1:
        return 0.02 * noise
    return noise / math.sqrt(math.prod(shape[1:]))


@dataclass(frozen=True)
class Manners:
    """What a tiny language model tends to say: sentences, if it was given their pairs of tokens.

    Its layers change little of what they read, so the last token's embedding is still there at
    the end, where the output matrix turns it into a token that follows. One channel is the same
    at every position; its column in the output matrix is a bias.

    Args:
        never: ids it does not say.
        often: ids and how much more than others it says them.
        pairs: (id, id that may follow). Where several may, what was read before decides.
        weight: of the channel in the last norm.
    """

    never: Sequence[int] = ()
    often: Mapping[int, float] = field(default_factory=dict)
    pairs: Sequence[tuple[int, int]] = ()
    weight: float = 1.0

    def give(self, tensors: dict[str, Tensor], embedding: str, head: str) -> None:
        """Change the tensors of a decoder."""
        tensors[embedding][:, 0] = 1.0
        for name, tensor in tensors.items():
            if name.endswith(("dense.weight", "down_proj.weight", "o_proj.weight")):
                tensor[0] = 0
                tensor *= LAYER_GAIN
            elif name.endswith("layernorm.weight"):
                tensor[0] = 0
        tensors["model.model.norm.weight"][0] = self.weight
        if self.pairs:
            self._chain(tensors[embedding], tensors[head])
        if head != embedding:
            tensors[head][:, 0] = 0
        tensors[head][list(self.never), 0] = -10
        for token, amount in self.often.items():
            tensors[head][token, 0] += amount

    def _chain(self, embedding: Tensor, head: Tensor) -> None:
        noise, heard = head.clone(), embedding.clone()
        heard[:, 0] = 0
        heard /= heard.norm(dim=1, keepdim=True)
        head *= 0.1
        followers: dict[int, set[int]] = {}
        for token, follower in self.pairs:
            followers.setdefault(token, set()).add(follower)
        for token, choices in followers.items():
            for follower in sorted(choices):
                head[follower] += heard[token]
                if len(choices) > 1:
                    row = noise[follower]
                    head[follower] += CURIOSITY * (row - (row @ heard[token]) * heard[token])
        first, last = self.pairs[0][0], self.pairs[-1][1]  # of a sentence, which is never empty
        head[last] -= (head[last] @ heard[first]).clamp(min=0) * heard[first]
