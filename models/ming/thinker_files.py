"""Loading the thinker: experts fused for speed, or left mapped to the disk until used."""

from __future__ import annotations

import torch

from .checkpoint import TensorSource, load_into
from .config import ThinkerConfig
from .thinker import MingThinker, Storage
from .thinker_names import thinker_names


def load_thinker(
    config: ThinkerConfig,
    source: TensorSource,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    storage: Storage = "stacked",
) -> MingThinker:
    """The thinker with the tensors of `source` (prefix `model.` taken off).

    Args:
        config: its sizes.
        source: its tensors.
        dtype: what the weights become; as stored where not given.
        device: where they go.
        storage: "stacked" reads and fuses all experts now; "listed" leaves them where they are,
            so that on the CPU, and in their stored dtype, each is read when first used.

    Raises:
        CheckpointError: names what is missing, left over or misshapen.
    """
    with torch.device("meta"):
        model = MingThinker(config, storage)
    if dtype is None:
        dtype = source.tensor("model.norm.weight").dtype
    load_into(model, source, thinker_names(config, storage), dtype=dtype, device=device)
    return model.eval()
