"""What one spoken turn and its reply look like from the client's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...streaming.frames import EMPTY, Pcm


@dataclass(frozen=True)
class Action:
    """A tool call the assistant made."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(eq=False)
class Turn:
    """One stretch of speech and the reply to it. Times `_s` are seconds of the client's clock.

    Args:
        item_id: of the person's item.
        started_s: when the server said that speech had begun.
        stopped_s: when the server said that the turn was over.
        heard: what the server understood, None until it says.
        reply_item_id: of the assistant's item.
        first_audio_s: when the first reply audio arrived.
        done_s: when the reply was closed, whatever way.
        status: of the response: completed, cancelled, incomplete or failed; "" until closed.
        reason: why it was cancelled or incomplete.
        cut_ms: how much of the reply had been played when speech silenced the loudspeaker.
    """

    item_id: str
    started_s: float
    stopped_s: float | None = None
    heard: str | None = None
    language: str = ""
    response_id: str | None = None
    reply_item_id: str | None = None
    said: str = ""
    actions: tuple[Action, ...] = ()
    audio: list[Pcm] = field(default_factory=list)
    first_audio_s: float | None = None
    last_audio_s: float | None = None
    done_s: float | None = None
    status: str = ""
    reason: str = ""
    error: str = ""
    cut_ms: int | None = None

    def unanswered(self, at_s: float) -> None:
        """No reply to it will come."""
        self.response_id, self.done_s, self.status = "", at_s, "unanswered"

    @property
    def settled(self) -> bool:
        """Whether both sides have had their say: reply closed and transcript there."""
        return self.done_s is not None and self.heard is not None

    @property
    def interrupted(self) -> bool:
        """Whether speech cut the reply off, while it was made or while it was played."""
        cancelled = self.status == "cancelled" and self.reason == "turn_detected"
        return cancelled or self.cut_ms is not None

    @property
    def n_samples(self) -> int:
        """Reply audio received so far, samples."""
        return sum(len(piece) for piece in self.audio)


@dataclass(frozen=True)
class Exchange:
    """All that came of one recording: usually one turn, more where it pauses, none if silent.

    Args:
        turns: in order.
        origin_s: the client's clock when the recording's first sample was heard.
        speech_end_ms: where speech truly ends in the recording, by its energy.
        rate_hz: rate of the reply audio.
    """

    turns: Sequence[Turn]
    origin_s: float
    speech_end_ms: int | None
    rate_hz: int

    @property
    def heard(self) -> str:
        return " ".join(turn.heard for turn in self.turns if turn.heard)

    @property
    def said(self) -> str:
        return " ".join(turn.said for turn in self.turns if turn.said)

    @property
    def actions(self) -> list[Action]:
        return [action for turn in self.turns for action in turn.actions]

    @property
    def language(self) -> str:
        return next((turn.language for turn in reversed(self.turns) if turn.language), "")

    @property
    def interrupted(self) -> bool:
        return any(turn.interrupted for turn in self.turns)

    @property
    def first_audio_ms(self) -> int | None:
        """From the recording's first sample to the first reply audio, milliseconds."""
        first = [turn.first_audio_s for turn in self.turns if turn.first_audio_s is not None]
        return round(1000 * (min(first) - self.origin_s)) if first else None

    @property
    def audio(self) -> Pcm:
        """The whole reply [n] at rate_hz."""
        pieces = [piece for turn in self.turns for piece in turn.audio]
        return np.concatenate(pieces) if pieces else EMPTY

    def as_json(self) -> dict[str, Any]:
        """The line `vivavoce talk --json` prints."""
        return {
            "heard": self.heard,
            "actions": [
                {"name": action.name, "arguments": dict(action.arguments)}
                for action in self.actions
            ],
            "said": self.said,
            "language": self.language,
            "speech_end_ms": self.speech_end_ms,
            "first_audio_ms": self.first_audio_ms,
            "audio_ms": round(1000 * len(self.audio) / self.rate_hz),
            "interrupted": self.interrupted,
        }
