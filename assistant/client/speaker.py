"""The loudspeaker's side: what of the replies has really been played, and when."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from ...streaming.frames import Pcm


class Speaker(Protocol):
    """Plays reply audio and knows how much of it was heard."""

    def play(self, item_id: str, pcm: Pcm) -> None:
        """Play [n] after what is already waiting."""

    def finish(self, item_id: str) -> None:
        """Nothing more of this item comes."""

    def stop(self) -> tuple[str, int] | None:
        """Be silent now; the item being played and the milliseconds of it heard, if any."""

    @property
    def left_s(self) -> float:
        """Seconds until everything is played."""


class SilentSpeaker:
    """Plays nothing: faster than real time nobody listens."""

    left_s = 0.0

    def play(self, item_id: str, pcm: Pcm) -> None:
        pass

    def finish(self, item_id: str) -> None:
        pass

    def stop(self) -> tuple[str, int] | None:
        return None


class ImaginedSpeaker:
    """Keeps the time a real loudspeaker would need, and what it would have played when.

    Sample k of the track sounds at `origin_s + k / rate_hz`.
    """

    def __init__(self, rate_hz: int, origin_s: float | None = None) -> None:
        self.rate_hz = rate_hz
        self.origin_s = time.perf_counter() if origin_s is None else origin_s
        self.track: list[tuple[int, str, Pcm]] = []

    def play(self, item_id: str, pcm: Pcm) -> None:
        start = max(self._now(), self._end())
        self.track.append((start, item_id, pcm))

    def finish(self, item_id: str) -> None:
        pass

    def stop(self) -> tuple[str, int] | None:
        now = self._now()
        if self._end() <= now:
            return None
        item_id = self.track[-1][1]
        kept = [(start, item, pcm[: max(0, now - start)]) for start, item, pcm in self.track]
        self.track = [segment for segment in kept if len(segment[2])]
        heard = sum(len(pcm) for _, item, pcm in self.track if item == item_id)
        return item_id, heard * 1000 // self.rate_hz

    @property
    def left_s(self) -> float:
        return max(0, self._end() - self._now()) / self.rate_hz

    def heard_ms(self, item_id: str) -> int:
        """Milliseconds of an item played until now."""
        now = self._now()
        heard = sum(
            min(len(pcm), max(0, now - start)) for start, item, pcm in self.track if item == item_id
        )
        return heard * 1000 // self.rate_hz

    def _now(self) -> int:
        return int((time.perf_counter() - self.origin_s) * self.rate_hz)

    def _end(self) -> int:
        if not self.track:
            return 0
        start, _, pcm = self.track[-1]
        return start + len(pcm)


def mixed(track: list[tuple[int, Pcm]], n_samples: int) -> Pcm:
    """Sounds laid at their places on a track [n_samples]; what lies beyond is cut."""
    out = np.zeros(n_samples, np.float32)
    for start, pcm in track:
        piece = pcm[: max(0, n_samples - start)]
        out[start : start + len(piece)] += piece
    return out
