"""How a model is loaded: where it computes, in which number format, with which habits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import torch

Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantize = Literal["none", "int8", "int4"]


@dataclass(frozen=True)
class Blocks:
    """Sizes of block-wise hearing (ming/hearing.py), in seconds; rounded to whole positions.

    Args:
        block_s: length of a block, the step in which positions become final.
        before_s: what a window holds of the turn before its block.
        after_s: what it holds after it; a block is encoded so much later.
    """

    block_s: float = 1.92
    before_s: float = 3.84
    after_s: float = 0.48

    def __post_init__(self) -> None:
        if self.block_s <= 0 or self.before_s < 0 or self.after_s < 0:
            raise ValueError("a block must be longer than nothing, its surroundings not shorter")


@dataclass(frozen=True)
class MingOptions:
    """What can be chosen about the Ming models alone; the defaults are the releases' own way.

    Args:
        blocks: encode speech block by block while it comes, an approximation; None is exact.
        talker_reads: whether the talker is given the thinker's states of the human's turn; the
            makers' whole-reply pipeline does so, their streaming does not.
        thinking: have it reason before each answer; the reasoning is not spoken.
        system_role: instructions under a role of their own instead of before the first words.
            Which of the two the models were trained on is not published.
    """

    blocks: Blocks | None = None
    talker_reads: bool = False
    thinking: bool = False
    system_role: bool = False


@dataclass(frozen=True)
class LoadOptions:
    """What a model is loaded with.

    Args:
        device: where it computes; "auto" takes a GPU where there is one.
        dtype: number format of weights and activations; "auto" takes what the files hold.
        quantize: weight-only quantisation of the language models' matrices.
        hub: address of the model hub or of a mirror; empty takes HF_ENDPOINT, else the hub.
        threads: of PyTorch on the CPU, for the whole process; 0 takes all cores, None leaves it
            as it is.
        ming: of the Ming models; others know nothing of it.
    """

    device: Device = "auto"
    dtype: Dtype = "auto"
    quantize: Quantize = "none"
    hub: str = ""
    threads: int | None = None
    ming: MingOptions = MingOptions()

    def set_threads(self) -> None:
        """Have PyTorch compute with so many threads, whatever the environment says."""
        if self.threads is not None:
            torch.set_num_threads(self.threads or os.cpu_count() or 1)

    def torch_device(self) -> torch.device:
        """The device to compute on. Raises ValueError where there is no GPU to be had."""
        there = torch.cuda.is_available()
        if self.device == "cuda" and not there:
            raise ValueError(
                "there is no GPU that PyTorch can use; set model.device to auto or cpu"
            )
        return torch.device("cuda" if there and self.device != "cpu" else "cpu")

    def torch_dtype(self, stored: torch.dtype) -> torch.dtype:
        """The number format to compute in, for weights that lie in the files as `stored`."""
        return stored if self.dtype == "auto" else getattr(torch, self.dtype)
