"""Reading TOML, on Python 3.10 too."""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError, loads
else:  # tomli is tomllib's origin; the same function
    from tomli import TOMLDecodeError, loads

Table = dict[str, Any]

__all__ = ["TOMLDecodeError", "Table", "parse_toml"]


def parse_toml(text: str) -> Table:
    """TOML text as nested tables; raises TOMLDecodeError."""
    table: Table = loads(text)
    return table
