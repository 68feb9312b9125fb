"""What makes every test the same each time, wherever and whenever it runs."""

from __future__ import annotations

import os
import random
import sys

import pytest
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
