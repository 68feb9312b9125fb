"""Loading the thinker: experts fused for a GPU, or left mapped to the disk until used."""

from __future__ import annotations

import torch

from ..layers.quantised import Bits, fitted, quantise
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
    bits: Bits | None = None,
) -> MingThinker:
    """The thinker with the tensors of `source` (prefix `model.` taken off).

    Args:
        config: its sizes.
        source: its tensors.
        dtype: what the weights become; as stored where not given.
        device: where they go.
        storage: "stacked" reads and fuses all experts now; "listed" leaves them where they are,
            so that on the CPU, and in their stored dtype, each is read when first used.
        bits: "int8" or "int4" quantises all matrices but embedding and routers, one by one: no
            more than one of them is in memory in full at a time.

    Raises:
        CheckpointError: names what is missing, left over or misshapen.
    """
    if bits is not None:
        storage = "listed"
    with torch.device("meta"):
        model = MingThinker(config, storage)
    if dtype is None:
        dtype = source.tensor("model.norm.weight").dtype
    at_first = "cpu" if bits else device
    load_into(model, source, thinker_names(config, storage), dtype=dtype, device=at_first)
    for layer in model.layers:  # experts are chosen in fp32; converted once, not at every step
        layer.moe.routers.data = layer.moe.routers.data.float()
    if bits is not None:
        model = quantise(model, bits).to(device)
    return fitted(model, None).eval()
