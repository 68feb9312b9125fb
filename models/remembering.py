"""What the dialogues of all models share: all that they remember is one value, `_memory`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .dialogue import Usage


class Spoken(Protocol):
    """A reply, of which n_samples were given out."""

    @property
    def n_samples(self) -> int: ...


class Remembered(Protocol):
    """A dialogue's memory; it counts the positions read."""

    @property
    def n_text_in(self) -> int: ...

    @property
    def n_audio_in(self) -> int: ...


M = TypeVar("M", bound=Remembered)
R = TypeVar("R", bound=Spoken)


@dataclass
class Counts:
    """Tokens of the reply being made."""

    text: int = 0
    speech: int = 0


class Remembering(Generic[M]):
    """A dialogue whose memory is replaced and never changed: a snapshot is the memory itself."""

    _memory: M

    def mark(self) -> M:
        """See Dialogue."""
        return self._memory

    def rewind(self, mark: M) -> None:
        """See Dialogue."""
        self._memory = mark

    def _usage(self, before: M, counts: Counts) -> Usage:
        """Tokens of a reply that began with the memory `before`."""
        return Usage(
            input_text_tokens=before.n_text_in,
            input_audio_tokens=self._memory.n_audio_in,
            output_text_tokens=counts.text,
            output_audio_tokens=counts.speech,
        )


def to_cut(reply: R | None, samples_heard: int) -> R:
    """The reply that is to be cut after so many samples.

    Raises:
        ValueError: there is none, or it is shorter.
    """
    if reply is None:
        raise ValueError("there is no reply to truncate")
    if not 0 <= samples_heard <= reply.n_samples:
        raise ValueError(f"{samples_heard} samples are beyond the {reply.n_samples} generated")
    return reply
