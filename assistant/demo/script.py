"""What the person says, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from ... import demo as data
from ...streaming.frames import Pcm
from ...streaming.wavfile import read_wav
from ..toml import parse_toml

DECLINING = "sorry"  # how every reply that declines begins


@dataclass(frozen=True)
class Line:
    """One turn of the person.

    Args:
        name: of the recording.
        text: what is said in it.
        action: the tool call it must lead to, by name; None for none.
        arguments: of the action.
        result: the tool's words must be in the spoken reply.
        declined: it must be declined, without any action.
        cut_off_after_ms: the next line is spoken this long after the reply's first sound;
            None waits for its end.
        promise: what the demo shows with this turn; "" for nothing in particular.
    """

    name: str
    text: str
    action: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: bool = False
    declined: bool = False
    cut_off_after_ms: int | None = None
    promise: str = ""

    def recording(self, rate_hz: int) -> Pcm:
        """The recording [n] at `rate_hz`."""
        source = resources.files(data).joinpath("voices").joinpath(f"{self.name}.wav")
        with resources.as_file(source) as path:
            return read_wav(path, rate_hz)[0]


def load_script() -> list[Line]:
    """The shipped script."""
    text = resources.files(data).joinpath("script.toml").read_text(encoding="utf-8")
    return [_line(turn) for turn in parse_toml(text)["turn"]]


def _line(turn: dict[str, Any]) -> Line:
    action = turn.pop("action", {})
    return Line(action=action.get("name"), arguments=action.get("arguments", {}), **turn)
