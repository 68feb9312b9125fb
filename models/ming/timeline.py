"""Which samples of a voice's sound speak which of its codes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """Pieces of sound in order: where each ends, in codes and in samples."""

    code_ends: tuple[int, ...] = ()
    sample_ends: tuple[int, ...] = ()
    n_frames: float = 0.0

    @property
    def n_codes(self) -> int:
        """Codes whose sound was made, prompts not counted."""
        return self.code_ends[-1] if self.code_ends else 0

    @property
    def n_samples(self) -> int:
        """Samples made, those held back for a cross-fade included."""
        return self.sample_ends[-1] if self.sample_ends else 0

    def plus(self, n_codes: int, n_frames: float, frame: int) -> Timeline:
        """With a further piece of n_frames (a fraction is carried over) of `frame` samples."""
        if n_codes <= 0:
            return self
        total = self.n_frames + n_frames
        return Timeline(
            (*self.code_ends, self.n_codes + n_codes),
            (*self.sample_ends, int(total + 1e-6) * frame),
            total,
        )

    def code_at(self, sample: int) -> int:
        """The code spoken by a sample, both counted from 0; the last one behind the end."""
        piece = bisect_right(self.sample_ends, sample)
        if piece == len(self.sample_ends):
            return max(0, self.n_codes - 1)
        first, end = ([0, *ends][piece : piece + 2] for ends in (self.code_ends, self.sample_ends))
        share = (sample - end[0]) / (end[1] - end[0])
        return min(first[1] - 1, first[0] + int(share * (first[1] - first[0])))
