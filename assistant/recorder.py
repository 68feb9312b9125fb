"""Writes a session down, and plays it back to a fresh conversation.

    FOLDER/session.json   settings and seed
    FOLDER/events.jsonl   one line per event: {"event": {...}, "effects": [...]}
    FOLDER/in.wav         what was heard, at the model's input rate
    FOLDER/out.wav        what was sent, at the session's output rate

A replay gives the events to a new conversation and compares the effects: no model, no sound
card and no clock take part, so any difference is one of the core.
"""

from __future__ import annotations

import contextlib
import json
import logging
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..streaming.frames import Pcm
from .core.conversation import Conversation
from .core.effects import Effect
from .core.events import Event
from .core.ids import CountedIds
from .core.settings import Settings
from .event_json import from_json, to_json
from .outlet import pcm16_of

log = logging.getLogger(__name__)

FORMAT = 1


class Recorder:
    """Writes one session into a folder of its own.

    Args:
        folder: made if it is not there, for its owner's eyes only; an earlier recording in it
            is overwritten.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._events: TextIO | None = None
        self._in: wave.Wave_write | None = None
        self._out: wave.Wave_write | None = None

    def begin(self, settings: Settings, seed: str, output_rate_hz: int) -> None:
        """The session begins."""
        header = {"format": FORMAT, "seed": seed, "settings": to_json(settings)}
        (self.folder / "session.json").write_text(json.dumps(header, indent=1), encoding="utf-8")
        self._events = (self.folder / "events.jsonl").open("w", encoding="utf-8")
        self._in = _wav(self.folder / "in.wav", settings.input_rate_hz)
        self._out = _wav(self.folder / "out.wav", output_rate_hz)

    def happened(self, event: Event, effects: Sequence[Effect]) -> None:
        """An event, and what the core made of it."""
        if self._events is not None:
            line = {"event": to_json(event), "effects": [to_json(effect) for effect in effects]}
            self._write(self._events.write, json.dumps(line, ensure_ascii=False) + "\n")

    def heard(self, pcm: Pcm) -> None:
        """Input sound [n]."""
        if self._in is not None:
            self._write(self._in.writeframesraw, pcm16_of(pcm))

    def said(self, pcm16: bytes) -> None:
        """Output sound."""
        if self._out is not None:
            self._write(self._out.writeframesraw, pcm16)

    def close(self) -> None:
        """The session is over; twice is fine."""
        files = (self._events, self._in, self._out)
        self._events = self._in = self._out = None
        for file in files:
            if file is not None:
                with contextlib.suppress(OSError):  # the disk is full: said once already
                    file.close()

    def _write(self, write: Callable[[Any], object], data: Any) -> None:
        """A full disk ends the recording, not the conversation."""
        try:
            write(data)
        except OSError as error:
            log.warning("recording to %s has ended: %s", self.folder, error)
            self.close()


@dataclass(frozen=True)
class Difference:
    """Where a replay went another way.

    Args:
        index: of the event, from 0.
        event: what happened.
        recorded, replayed: effects then and now, one line of JSON each.
    """

    index: int
    event: str
    recorded: tuple[str, ...]
    replayed: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"event {self.index}: {self.event}"]
        lines += [f"  - {line}" for line in self.recorded if line not in self.replayed]
        lines += [f"  + {line}" for line in self.replayed if line not in self.recorded]
        if len(lines) == 1:
            lines.append("  the same effects in another order")
        return "\n".join(lines)


@dataclass(frozen=True)
class Replay:
    """What a replay found; `difference` None where everything was as recorded."""

    n_events: int
    n_effects: int
    difference: Difference | None

    @property
    def identical(self) -> bool:
        return self.difference is None


class BadRecording(Exception):
    """The folder holds no recording that can be replayed; the message says why."""


def replay(folder: Path) -> Replay:
    """Give a recording's events to a fresh conversation, up to the first difference.

    Raises:
        BadRecording: the folder holds none.
    """
    settings, seed = _header(folder)
    conversation = Conversation(settings, CountedIds(seed))
    n_events = n_effects = 0
    for index, (event, recorded) in enumerate(_events(folder)):
        effects = [to_json(effect) for effect in conversation.receive(event)]
        replayed = json.loads(json.dumps(effects))
        n_events, n_effects = index + 1, n_effects + len(effects)
        if replayed != recorded:
            shown = [tuple(map(_line, side)) for side in (recorded, replayed)]
            difference = Difference(index, _line(to_json(event)), *shown)
            return Replay(n_events, n_effects, difference)
    return Replay(n_events, n_effects, None)


def _header(folder: Path) -> tuple[Settings, str]:
    try:
        header = json.loads((folder / "session.json").read_text(encoding="utf-8"))
        if header["format"] != FORMAT:
            raise BadRecording(f"{folder} was recorded in format {header['format']}, not {FORMAT}")
        settings = from_json(header["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRecording(f"{folder} holds no recorded session ({error})") from error
    if not isinstance(settings, Settings):
        raise BadRecording(f"{folder}/session.json holds no settings")
    return settings, str(header["seed"])


def _events(folder: Path) -> Iterator[tuple[Event, list[Any]]]:
    path = folder / "events.jsonl"
    try:
        with path.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                try:
                    line = json.loads(text)
                    yield from_json(line["event"]), line["effects"]
                except (ValueError, KeyError, TypeError) as error:
                    raise BadRecording(f"{path}, line {number}: {error}") from error
    except OSError as error:
        raise BadRecording(f"{path} cannot be read ({error})") from error


def _wav(path: Path, rate_hz: int) -> wave.Wave_write:
    file = wave.open(str(path), "wb")  # noqa: SIM115  # closed with the session
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(rate_hz)
    return file


def _line(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False)
    return text if len(text) <= 400 else f"{text[:400]}…"
