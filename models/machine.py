"""What this machine has to offer to a model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from .layers import native
from .load_options import Device

_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class FreeMemory:
    """Bytes that are free where weights would be loaded; where is a GPU's name, or ""."""

    n_bytes: int
    where: str = ""


def free_memory(device: Device = "auto") -> FreeMemory | None:
    """What is free now; None where the system does not say."""
    if device != "cpu" and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return FreeMemory(int(free), torch.cuda.get_device_name())
    if _MEMINFO.is_file():
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return FreeMemory(int(line.split()[1]) * 1024)
    try:
        return FreeMemory(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):  # names that this system does not know
        return None


def compiled_for_the_cpu() -> bool:
    """Whether the C++ functions that make full-size models quick on a CPU are there; compiles
    them if need be.
    """
    return native.library() is not None
