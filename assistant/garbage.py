"""Python's garbage collector, kept from making sound stutter."""

from __future__ import annotations

import atexit
import gc


def leave_the_loaded_alone() -> None:
    """What is loaded by now is never searched for garbage again.

    With torch and a model loaded a full collection takes 0.2 s and more, during which no other
    Python code runs: not the devices' callbacks, whose buffers last 20 ms. At the process's end it
    is let go with the rest, or libraries complain of what hangs on it.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)
