"""The sound of items, for retrieval and for rebuilding a dialogue; the oldest gives way."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from ..streaming.frames import Pcm
from .outlet import pcm16_of

MOST_BYTES = 64 * 1024 * 1024


class SoundStore:
    """Sound by item id: the user's as float32, the assistant's as 16-bit bytes.

    Args:
        most_bytes: of all sound together; beyond it the oldest items lose theirs.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._heard: OrderedDict[str, Pcm] = OrderedDict()
        self._said: OrderedDict[str, bytearray] = OrderedDict()
        self._n_bytes = 0

    def keep_heard(self, item_id: str, pcm: Pcm) -> None:
        """The user's sound [n] of an item."""
        self._heard[item_id] = pcm
        self._n_bytes += pcm.nbytes
        self._let_go()

    def add_said(self, item_id: str, pcm16: bytes) -> None:
        """More of the assistant's sound of an item."""
        self._said.setdefault(item_id, bytearray()).extend(pcm16)
        self._n_bytes += len(pcm16)
        self._let_go()

    def heard(self, item_id: str) -> Pcm | None:
        """The user's sound of an item, None where there is none any more."""
        return self._heard.get(item_id)

    def pcm16(self, item_id: str, n_samples: int) -> bytes | None:
        """At most n_samples of an item's sound, whoever made it."""
        said = self._said.get(item_id)
        if said is not None:
            return bytes(said[: 2 * n_samples])
        heard = self._heard.get(item_id)
        return None if heard is None else pcm16_of(heard[:n_samples])

    def forget(self, item_id: str) -> None:
        """The item was deleted."""
        self._n_bytes -= self._heard.pop(item_id, np.zeros(0, np.float32)).nbytes
        self._n_bytes -= len(self._said.pop(item_id, b""))

    def _let_go(self) -> None:
        while self._n_bytes > self._most_bytes and len(self._heard) + len(self._said) > 1:
            oldest = self._heard if len(self._heard) >= len(self._said) else self._said
            self.forget(next(iter(oldest)))
