"""A collection of garbage must not make sound stutter."""

from __future__ import annotations

import gc

from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import load_model


async def test_a_loaded_model_is_never_searched_for_garbage_again():
    try:
        model = await load_model(load_config(preset="test"))
        assert gc.get_freeze_count() > 10_000
        assert not any(one is model for one in gc.get_objects())
    finally:
        gc.unfreeze()
