"""The daemon's log goes to stderr; stdout is for what a caller asked to read."""

from __future__ import annotations

import logging
import sys

QUIET = ("asyncio", "websockets", "uvicorn.access")


def set_up_logging(level: str) -> None:
    """Log from `level` (debug, info, warning, error) on; chatty libraries only their warnings."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.INFO if level == "debug" else logging.WARNING)
