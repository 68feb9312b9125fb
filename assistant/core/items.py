"""Conversation items: what was said, shown and called, oldest first.

Items hold text and lengths, never sound: the session keeps PCM beside them, by item id.
Input lengths are samples at Settings.input_rate_hz, output lengths at Settings.output_rate_hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]
Status = Literal["in_progress", "completed", "incomplete"]


@dataclass(frozen=True)
class InputText:
    """Text written by the user or the system."""

    text: str


@dataclass(frozen=True)
class InputAudio:
    """The user's speech, `n_samples` long; transcript None until the model has understood it."""

    n_samples: int
    transcript: str | None = None


@dataclass(frozen=True)
class InputImage:
    """A picture as a data URI; detail as the client gave it."""

    image_url: str
    detail: str = "auto"


@dataclass(frozen=True)
class OutputText:
    """Text the assistant wrote."""

    text: str


@dataclass(frozen=True)
class OutputAudio:
    """What the assistant spoke: as generated, and after a truncation only what was heard."""

    transcript: str
    n_samples: int


Content = InputText | InputAudio | InputImage | OutputText | OutputAudio


@dataclass(frozen=True)
class MessageItem:
    """One turn of one speaker."""

    id: str
    role: Role
    content: tuple[Content, ...]
    status: Status = "completed"


@dataclass(frozen=True)
class CallItem:
    """A function call for the client to run; `arguments` is JSON text."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: Status = "completed"


@dataclass(frozen=True)
class CallOutputItem:
    """The client's answer to a function call."""

    id: str
    call_id: str
    output: str
    status: Status = "completed"


Item = MessageItem | CallItem | CallOutputItem
