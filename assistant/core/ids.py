"""Ids that a replay makes again: a prefix from the session, then a count."""

from __future__ import annotations


class CountedIds:
    """Makes "item_<seed>0001", "resp_<seed>0002" and so on; the same calls give the same ids."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._seed}{self._count:04d}"
