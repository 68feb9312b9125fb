"""The talker: a Qwen2 language model over summed text and speech embeddings.

Letters: T new positions, D talker width, V vocabulary (text ids, then speech ids), S speech ids,
H thinker states of width Q. One conversation at a time: the batch is 1.

Source: arXiv 2506.09344 §2.3; Qwen2, arXiv 2407.10671; checkpoint prefix `talker.`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..layers.attention import Attention
from ..layers.decode_layer import DecodeLayer
from ..layers.feed_forward import SwiGlu
from ..layers.kv_cache import KvCache
from ..layers.rotary import RotaryTable, rotary_table, rotary_table_at
from .checkpoint import Built, CheckpointError, TensorSource, joined, load_into, prefixed
from .config import TalkerConfig
from .talker_layout import FIRST_THINKER_ROW, SPEAKER_ROW_AFTER_THINKER

Caches = tuple[KvCache, ...]


class TalkerLayer(nn.Module):
    """Pre-norm attention with q, k, v biases, and SwiGLU."""

    def __init__(self, config: TalkerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=config.eps)
        self.attention = Attention(
            config.dim,
            config.n_heads,
            config.n_kv_heads,
            config.theta,
            head_dim=config.head_dim,
            qkv_bias=True,
        )
        self.ffn_norm = nn.RMSNorm(config.dim, eps=config.eps)
        self.ffn = SwiGlu(config.dim, config.ffn_dim)
        self._alone: DecodeLayer | None = None

    def prepare_few_rows(self) -> None:
        """From now on one position on the CPU takes the compiled function of decode_layer.py."""
        self._alone = DecodeLayer(self.attention_norm, self.attention, self.ffn_norm, self.ffn)

    def step(self, x: Tensor, cache: KvCache, table: RotaryTable) -> tuple[Tensor, KvCache]:
        """x [1, T, D] follows the cached positions and is rotated by `table`."""
        if self._alone is not None and self._alone.usable(x, cache):
            return self._alone.step(x, cache, table)
        y, cache = self.attention.step(self.attention_norm(x), cache, table=table)
        x = x + y
        return x + self.ffn(self.ffn_norm(x)), cache


class Talker(nn.Module):
    """Embeddings in, hidden states out, and the logits of the next speech token.

    Args:
        config: sizes.
        audio_eos: id of <audio_eos>.
        whole_head: whether the output layer has all V rows; else only what can be said, the S
            speech ids and <audio_eos>, a sixth of the work at full size.
    """

    def __init__(self, config: TalkerConfig, audio_eos: int, whole_head: bool = False) -> None:
        super().__init__()
        self.config, self.audio_eos, self.whole_head = config, audio_eos, whole_head
        self.embedding = nn.Embedding(config.vocabulary, config.dim)
        self.layers = nn.ModuleList(TalkerLayer(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.dim, eps=config.eps)
        n_rows = config.vocabulary if whole_head else self.n_speech + 1
        self.head = nn.Linear(config.dim, n_rows, bias=False)
        self.from_thinker = nn.Linear(config.thinker_dim, config.dim)
        self.from_speaker = nn.Linear(config.speaker_dim, config.dim)

    @property
    def n_speech(self) -> int:
        """Number of speech tokens, S; as a choice, S itself means <audio_eos>."""
        return self.config.vocabulary - self.config.text_vocabulary

    def initial(self) -> Caches:
        """The empty memory."""
        return tuple(KvCache() for _ in self.layers)

    def speech_id(self, token: int) -> int:
        """Vocabulary id of speech token 0..S-1."""
        return self.config.text_vocabulary + token

    def embed(self, audio: Sequence[int], text: Sequence[int]) -> Tensor:
        """Ids of both lanes, T each → [1, T, D], summed."""
        device = self.embedding.weight.device
        ids = torch.tensor([list(audio), list(text)], device=device)
        return self.embedding(ids).sum(0, keepdim=True)

    def embed_header(
        self, ids: Sequence[int], speaker: Tensor, thinker: Tensor | None = None
    ) -> Tensor:
        """The header before BOS, see talker_layout.py.

        Args:
            ids: of the header, the same in both lanes [7 + H].
            speaker: voice vector [speaker_dim].
            thinker: states [H, Q] of the thinker at its prompt: the embeddings that went in
                plus the hidden states after its last norm; None for plain reading aloud.
        """
        x = self.embed(ids, ids)
        n = 0 if thinker is None else thinker.shape[0]
        if thinker is not None:
            rows = self.from_thinker(thinker.to(x))
            x[0, FIRST_THINKER_ROW : FIRST_THINKER_ROW + n] = rows
        x[0, SPEAKER_ROW_AFTER_THINKER + n] = self.from_speaker(speaker.to(x))
        return x

    def step(self, x: Tensor, positions: Sequence[int], caches: Caches) -> tuple[Tensor, Caches]:
        """x [1, T, D] at rotary `positions` [T] follows the cache → hidden [1, T, D] after norm."""
        table, new = self._rotation(list(positions), x.device), []
        for layer, cache in zip(self.layers, caches, strict=True):
            x, cache = layer.step(x, cache, table)
            new.append(cache)
        return self.norm(x), tuple(new)

    def _rotation(self, positions: list[int], device: torch.device) -> RotaryTable:
        width, theta, n = self.config.head_dim, self.config.theta, len(positions)
        if positions == list(range(positions[0], positions[0] + n)):
            return rotary_table(positions[0], n, width, theta, device)
        return rotary_table_at(torch.tensor([positions], device=device), width, theta)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden [.., D] → fp32 logits of the head's rows: [.., V], or as `speech_logits`."""
        return self.head(hidden).float()

    def speech_logits(self, hidden: Tensor) -> Tensor:
        """hidden [.., D] → fp32 logits [.., S + 1] of the speech tokens and <audio_eos>."""
        logits = self.logits(hidden)
        if not self.whole_head:
            return logits
        stop = logits[..., self.audio_eos : self.audio_eos + 1]
        return torch.cat([logits[..., self.config.text_vocabulary :], stop], dim=-1)


# --- loading ----------------------------------------------------------------------------------

EMBEDDING, HEAD = "model.model.embed_tokens.weight", "model.lm_head.weight"
NORM = "model.model.norm.weight"
UNUSED = ("*.rotary_emb.inv_freq", HEAD)


def load_talker(
    source: TensorSource,
    config: TalkerConfig,
    audio_eos: int,
    *,
    whole_head: bool = False,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Talker:
    """The talker of a checkpoint, whose tensors are named with or without `talker.`.

    A missing `lm_head` means the output layer is the embedding table. Without a dtype weights
    stay in the one they are stored in.

    Raises:
        CheckpointError: names every tensor that is missing, surplus or of another shape.
    """
    source = with_talker_names(source)
    keys = set(source.keys())
    if EMBEDDING in keys and source.shape(EMBEDDING)[0] <= config.text_vocabulary:
        raise CheckpointError(
            f"{source.origin} has no speech tokens: its table ends at row "
            f"{source.shape(EMBEDDING)[0]}, speech begins at row {config.text_vocabulary}"
        )
    with torch.device("meta"):
        talker = Talker(config, audio_eos, whole_head)
    if dtype is None and NORM in keys:
        dtype = source.tensor(NORM).dtype
    names = talker_names(config, audio_eos, whole_head, tied=HEAD not in keys)
    load_into(talker, source, names, ignore=UNUSED, dtype=dtype, device=device)
    if whole_head and HEAD not in keys:
        talker.head.weight = talker.embedding.weight
    return talker.eval()


def with_talker_names(source: TensorSource) -> TensorSource:
    """The tensors under `talker.` where there are such, else all."""
    part = prefixed(source, "talker.")
    return part if part.keys() else source


def talker_names(
    config: TalkerConfig, audio_eos: int, whole_head: bool, tied: bool
) -> dict[str, str | Built]:
    """Stored name, or how to build it, by our parameter's name."""
    names: dict[str, str | Built] = {
        "embedding.weight": EMBEDDING,
        "norm.weight": NORM,
        "from_thinker.weight": "thinker_to_talker_proj.weight",
        "from_thinker.bias": "thinker_to_talker_proj.bias",
        "from_speaker.weight": Built(("vp_head.weight",), _one_tap),
        "from_speaker.bias": "vp_head.bias",
    }
    head = EMBEDDING if tied else HEAD
    first = config.text_vocabulary
    names["head.weight"] = head if whole_head else Built((head,), _spoken_rows(first, audio_eos))
    for i in range(config.n_layers):
        ours, theirs = f"layers.{i}", f"model.model.layers.{i}"
        for kind in ("weight", "bias"):
            qkv = [f"{theirs}.self_attn.{name}_proj.{kind}" for name in "qkv"]
            names[f"{ours}.attention.qkv.{kind}"] = joined(*qkv)
        names[f"{ours}.attention.out.weight"] = f"{theirs}.self_attn.o_proj.weight"
        gate_up = [f"{theirs}.mlp.{name}_proj.weight" for name in ("gate", "up")]
        names[f"{ours}.ffn.gate_up.weight"] = joined(*gate_up)
        names[f"{ours}.ffn.down.weight"] = f"{theirs}.mlp.down_proj.weight"
        names[f"{ours}.attention_norm.weight"] = f"{theirs}.input_layernorm.weight"
        names[f"{ours}.ffn_norm.weight"] = f"{theirs}.post_attention_layernorm.weight"
    return names


def _one_tap(weight: Tensor) -> Tensor:
    """A convolution over one position is a linear layer."""
    return weight.squeeze(-1)


def _spoken_rows(first_speech: int, audio_eos: int):
    """Of the output layer [V, D], the rows that can be said [S + 1, D]."""
    return lambda rows: torch.cat([rows[first_speech:], rows[audio_eos : audio_eos + 1]])
