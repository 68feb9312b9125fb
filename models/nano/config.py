"""Sizes of nano, read from and written to `config.json` beside its weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..features import MelConfig


@dataclass(frozen=True)
class EncoderConfig:
    """Streaming audio encoder: 100 Hz mel → 25 Hz frames, in chunks of 320 ms."""

    dim: int = 192
    n_heads: int = 4
    n_blocks: int = 6
    conv_kernel: int = 9
    ffn_dim: int = 768
    chunk_frames: int = 8
    left_chunks: int = 12
    phone_block: int = 4
    n_phones: int = 192
    dropout: float = 0.0


@dataclass(frozen=True)
class ThinkerConfig:
    """MoE language model; `audio_pool` encoder frames make one position."""

    dim: int = 192
    n_heads: int = 4
    n_layers: int = 4
    n_experts: int = 8
    expert_dim: int = 128
    top_k: int = 2
    shared_dim: int = 192
    vocabulary: int = 1536
    audio_pool: int = 2


@dataclass(frozen=True)
class NanoConfig:
    """Everything but the talker and the audio decoder, which bring their own."""

    mel: MelConfig = field(default_factory=MelConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    thinker: ThinkerConfig = field(default_factory=ThinkerConfig)

    @classmethod
    def read(cls, path: Path) -> NanoConfig:
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            MelConfig(**data["mel"]),
            EncoderConfig(**data["encoder"]),
            ThinkerConfig(**data["thinker"]),
        )

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
