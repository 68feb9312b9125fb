"""A collection of garbage must not make sound stutter."""

from __future__ import annotations

import gc
import subprocess
import sys

from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import load_model


async def test_a_loaded_model_is_never_searched_for_garbage_again():
    try:
        model = await load_model(load_config(preset="test"))
        assert gc.get_freeze_count() > 10_000
        assert not any(one is model for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_what_hangs_on_the_loaded_is_let_go_at_the_end():
    """Or soxr complains of leaks on the screen when the daemon has ended."""
    program = """if True:
        from vivavoce.assistant.garbage import leave_the_loaded_alone
        from vivavoce.streaming.resample import Resampler
        loaded = []
        loaded.append(loaded)
        leave_the_loaded_alone()
        loaded.append(Resampler(48_000, 16_000))
        del loaded
    """
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert (ran.returncode, ran.stderr) == (0, "")
