"""What a model's folder holds, what it lacks, and what it would take to run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PartReport:
    """One part of a model.

    Args:
        name: of the part, in words.
        where: the files it lies in.
        n_parameters: numbers in its tensors; 0 for a part without any.
        fault: what is missing or does not fit; "" where all is well.
        needed: whether a conversation needs it; `without` says what is lost where not.
        without: what cannot be done without a part that is not needed.
    """

    name: str
    where: str
    n_parameters: int = 0
    fault: str = ""
    needed: bool = True
    without: str = ""


@dataclass(frozen=True)
class Report:
    """A whole folder.

    Args:
        model: name and release.
        parts: its parts.
        memory: bytes that the loaded weights take, by number format.
        context_bytes: what the model remembers of one position of a conversation, in bytes.
        n_positions: longest conversation, in positions.
        voice_bytes: what a voice that was used once keeps, in bytes.
        reply_bytes: what each reply takes at most while it is spoken.
        notes: what else there is to know.
    """

    model: str
    parts: tuple[PartReport, ...]
    memory: Mapping[str, int] = field(default_factory=dict)
    context_bytes: int = 0
    n_positions: int = 0
    voice_bytes: int = 0
    reply_bytes: int = 0
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether everything that a conversation needs is there and fits."""
        return not any(part.fault for part in self.parts if part.needed)
