"""How a model computes: where, in which number format, and with which weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import torch

Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantize = Literal["none", "int8", "int4"]


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
    """

    device: Device = "auto"
    dtype: Dtype = "auto"
    quantize: Quantize = "none"
    hub: str = ""
    threads: int | None = None

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
