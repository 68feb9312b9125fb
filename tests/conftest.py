"""What makes every test the same each time, wherever and whenever it runs."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn.server
from hypothesis import HealthCheck, settings

# Before anything imports torch: the models here are tiny, and a second thread waits for its core
# whenever somebody else has it; that makes some tests ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A machine may stand still for a moment, so no example has a time limit; and examples are the same
# in every run, so that who changes nothing breaks nothing.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _the_same_chance_each_time() -> None:
    """Where a test does not choose a seed itself."""
    random.seed(0)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)


class _QuickToClose:
    """What uvicorn knows as asyncio: no sleep lasts longer than a hundredth of a second."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        return asyncio.sleep(min(seconds, 0.01))


@pytest.fixture(autouse=True, scope="session")
def _ports_close_quickly() -> Iterator[None]:
    """A port looks ten times a second whether it is to close; hundreds are opened and closed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(uvicorn.server, "asyncio", _QuickToClose())
        yield


@pytest.fixture(scope="session")
def tiny_ming(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a tiny checkpoint, by release and number format: written once, to be read only.

    Who changes one copies it, or writes one of its own.
    """
    import torch

    from tests.support.tiny_ming import write_tiny_ming

    @functools.cache
    def written(version: str, dtype: torch.dtype) -> Path:
        return write_tiny_ming(tmp_path_factory.mktemp("ming") / version, version, dtype=dtype)

    return lambda version="v1.5", dtype=torch.bfloat16: written(version, dtype)
