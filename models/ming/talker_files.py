"""All that speaks in codes, from a released folder: talker, its tokenizer, speech BPE.

talker/   tokenizer.json …   s3_bpe/tokenizer.json   s3_bpe/char_mapping.txt
talker.*  tensors, in talker/ or among the main ones (parts.py finds them)
"""

from __future__ import annotations

from pathlib import Path

import torch

from .checkpoint import CheckpointError, TensorSource
from .config import MingConfig
from .speaking import MAX_TOKENS, Speaker
from .speech_bpe import SpeechBpe
from .talker import load_talker
from .talker_layout import LAYOUTS, SpecialIds
from .tokenizer import TextTokenizer


def load_speaker(
    folder: Path,
    config: MingConfig,
    source: TensorSource | None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    max_tokens: int = MAX_TOKENS,
) -> Speaker:
    """The speaker of a checkpoint.

    Args:
        folder: the checkpoint's; what lies in its talker/ is read.
        config: its sizes and release.
        source: the talker's tensors (`Parts.talker`).
        dtype: what its weights become; as stored where not given.
        device: where it runs.
        max_tokens: speech tokens of one utterance.

    Raises:
        CheckpointError: a file, token or tensor is missing, or does not fit.
    """
    if source is None:
        raise CheckpointError(f"{folder} holds no talker: it can listen and write, not speak")
    folder = Path(folder) / "talker"
    tokenizer = TextTokenizer.from_folder(folder)
    bpe = SpeechBpe.load(folder / "s3_bpe/tokenizer.json", folder / "s3_bpe/char_mapping.txt")
    special = SpecialIds.named(tokenizer.id_of)
    talker = load_talker(source, config.talker, special.audio_eos, dtype=dtype, device=device)
    return Speaker(
        talker,
        bpe,
        special,
        LAYOUTS[config.version],
        tokenizer.encode,
        lambda number: tokenizer.decode([number]),
        max_tokens,
    )
