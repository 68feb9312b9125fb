"""Sizes of nano, read from `config.json` beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..features import MelConfig


@dataclass(frozen=True)
class EncoderConfig:
    """Streaming audio encoder: 100 Hz mel → 25 Hz frames, in chunks of 320 ms."""

    dim: int = 192
    n_heads: int = 4
    n_blocks: int = 8
    conv_kernel: int = 9
    ffn_dim: int = 768
    chunk_frames: int = 8
    left_chunks: int = 12
    phone_block: int = 5
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
    vocabulary: int = 2048
    audio_pool: int = 2


@dataclass(frozen=True)
class NanoConfig:
    """Everything but the talker and the audio decoder, which bring their own.

    Args:
        min_intent_probability: a confidence below it has nano say that it did not understand.
        min_transcript_confidence: the same for how clearly it was heard, by the language that was
            read: the mean probability of the tokens over the perplexity of the phones. Languages
            differ: English has more accents, so its phones are never as sure.
        confirm_probability: a confidence below it has nano ask before it does something; 0: never.
        languages: it understands and speaks; the first one where nothing tells.
    """

    mel: MelConfig = field(default_factory=MelConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    thinker: ThinkerConfig = field(default_factory=ThinkerConfig)
    min_intent_probability: float = 0.3
    min_transcript_confidence: Mapping[str, float] = field(default_factory=dict)
    confirm_probability: float = 0.0
    languages: tuple[str, ...] = ("en",)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NanoConfig:
        """From the content of config.json; one number holds for every language."""
        languages = tuple(data.get("languages", ("en",)))
        clear = data["min_transcript_confidence"]
        return cls(
            MelConfig(**data["mel"]),
            EncoderConfig(**data["encoder"]),
            ThinkerConfig(**data["thinker"]),
            data["min_intent_probability"],
            clear if isinstance(clear, Mapping) else dict.fromkeys(languages, clear),
            data.get("confirm_probability", 0.0),
            languages,
        )
