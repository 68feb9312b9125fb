"""`vivavoce talk`: converse from the terminal, with recordings or with microphone and speaker.

Without --url the daemon runs inside this process, reached over its real WebSocket all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np
import typer

from ..client import ClientError, Connection, Conversation, Exchange
from ..errors import UserError
from ..settings import Config
from .downloads import obtain_model
from .options import ApiKey, ConfigFile, LogLevel, Model, Preset, configuration

RATE_HZ = 24000
REALTIME_PATH = "/v1/realtime"


@dataclass(frozen=True)
class Plan:
    """What the command line asked for.

    Args:
        inputs: recordings, conversation by conversation; empty: microphone.
        url: a daemon that runs already; empty: one in this process.
        model: asked for at a remote daemon; None takes its own.
        output: where the replies are written one after the other.
        as_json: print a line of JSON a turn instead of text.
        real_time: at the pace of sound, or as fast as it goes.
    """

    config: Config
    inputs: Sequence[Sequence[Path]]
    url: str
    model: str | None
    output: Path | None
    as_json: bool
    real_time: bool


def talk(
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", help="WAV file to speak; several are one conversation."),
    ] = None,
    listed: Annotated[
        Path | None,
        typer.Option("--inputs", help="Text file naming WAV files, each a fresh conversation."),
    ] = None,
    url: Annotated[
        str, typer.Option(help="ws://HOST:PORT of a running daemon; none: one in this process.")
    ] = "",
    output: Annotated[Path | None, typer.Option(help="WAV file for the spoken replies.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a turn.")] = False,
    pace: Annotated[
        int, typer.Option(min=0, max=1, help="1: at the pace of sound; 0: as fast as it goes.")
    ] = 1,
    model: Model = None,
    api_key: ApiKey = None,
    file: ConfigFile = None,
    preset: Preset = None,
    log_level: LogLevel = None,
) -> None:
    """Converse from the terminal.

    \b
    With --json each turn is one line:
      heard           what the assistant understood
      actions         tool calls: [{"name", "arguments"}]
      said            its reply in words
      language        of what it heard
      speech_end_ms   where speech ends in the recording (by its energy),
                      from the recording's first sample
      first_audio_ms  when the first reply audio arrived, from the same
                      moment by the wall clock: their difference is the
                      latency, with --pace 1 only
      audio_ms        length of the spoken reply
      interrupted     whether speech cut the reply off
    With --inputs, a recording that could not be spoken has its line too,
    with "input" (its name) and "error" beside the others; then exit code 1.
    """
    settings = configuration(
        file,
        preset,
        log_level or "warning",
        model={"name": model},
        server={"api_key": api_key, "port": 0},
        audio={"enabled": False},
    )
    plan = Plan(
        settings, _conversations(inputs or [], listed), url, model, output, as_json, bool(pace)
    )
    if not url:
        obtain_model(settings)
    asyncio.run(_run(plan))


async def _run(plan: Plan) -> None:
    async with daemon_at(plan) as url:
        if not plan.inputs:
            from .talk_live import converse

            await converse(url, plan.config)
            return
        replies, n_failed = await _hold_all(url, plan)
    if plan.output is not None:
        write_replies(plan.output, replies)
    if n_failed:
        raise Unspoken(f"{n_failed} of {len(plan.inputs)} recordings could not be spoken.")


class Unspoken(UserError):
    """Some recordings of a list could not be spoken; their lines say why."""

    exit_code = 1


async def _hold_all(url: str, plan: Plan) -> tuple[list[Exchange], int]:
    """Every conversation; of a list of them, one that fails does not end the others.

    Gives what was said in all of them, and how many failed.
    """
    replies: list[Exchange] = []
    n_failed = 0
    for recordings in plan.inputs:
        try:
            replies += await _hold(url, plan, recordings)
        except UserError as error:
            alone = len(plan.inputs) == 1
            if alone or (isinstance(error, ClientError) and not replies):  # there is no daemon
                raise
            n_failed += 1
            report = failed_line if plan.as_json else failed_text
            print(report(recordings[0], error), flush=True)
    return replies, n_failed


async def _hold(url: str, plan: Plan, recordings: Sequence[Path]) -> list[Exchange]:
    """One conversation; every turn is reported as soon as it is over."""
    sounds = [read(recording) for recording in recordings]
    connection = await Connection.open(url, plan.config.server.api_key)
    exchanges = []
    async with Conversation(connection, plan.real_time) as conversation:
        for sound in sounds:
            exchange = await conversation.say(sound)
            print(as_line(exchange) if plan.as_json else as_text(exchange), flush=True)
            exchanges.append(exchange)
    return exchanges


@contextlib.asynccontextmanager
async def daemon_at(plan: Plan) -> AsyncIterator[str]:
    """The address of the daemon to talk to; one in this process unless there is another."""
    if plan.url:
        yield realtime_url(plan.url, plan.model, plan.real_time)
        return
    from ..daemon import Daemon

    async with Daemon(plan.config) as daemon:
        yield realtime_url(daemon.url, None, plan.real_time)


def realtime_url(url: str, model: str | None, real_time: bool = True) -> str:
    """A complete address from what a user types: HOST:PORT, ws://HOST:PORT, with a path or not.

    `pace=0` asks the daemon to send sound as it is made, not as it plays.
    """
    try:
        parts = urlsplit(url if "://" in url else f"ws://{url}")
    except ValueError:  # half an IPv6 address
        raise UserError(f"{url!r} is no address of a daemon; give ws://HOST:PORT.") from None
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path if parts.path.strip("/") else REALTIME_PATH
    query = dict(parse_qsl(parts.query))
    if model:
        query.setdefault("model", model)
    if not real_time:
        query.setdefault("pace", "0")
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


def read(recording: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A recording as mono sound [n] at RATE_HZ; UserError if it cannot be read."""
    from ...streaming.wavfile import WavError, read_wav

    try:
        return read_wav(recording, RATE_HZ)[0]
    except WavError as error:
        raise UserError(f"{error}.") from None


def write_replies(path: Path, exchanges: Sequence[Exchange]) -> None:
    """All replies, one after the other."""
    from ...streaming.wavfile import write_wav

    pieces = [exchange.audio for exchange in exchanges]
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    try:
        write_wav(path, sound, RATE_HZ)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}.") from None


def as_line(exchange: Exchange) -> str:
    """A turn for a script."""
    return json.dumps(exchange.as_json(), ensure_ascii=False)


def failed_line(recording: Path, error: UserError) -> str:
    """A recording that could not be spoken, for a script: the same keys, and why."""
    nothing = Exchange((), 0.0, None, RATE_HZ).as_json()
    return json.dumps({**nothing, "input": str(recording), "error": str(error)}, ensure_ascii=False)


def failed_text(recording: Path, error: UserError) -> str:
    """A recording that could not be spoken, for a reader."""
    return f"you    ({recording.name} could not be spoken: {error})"


def as_text(exchange: Exchange) -> str:
    """A turn for a reader."""
    lines = [f"you    {exchange.heard or '(nothing heard)'}"]
    for action in exchange.actions:
        arguments = ", ".join(f"{key}={value}" for key, value in action.arguments.items())
        lines.append(f"  does {action.name}({arguments})")
    cut = " (interrupted)" if exchange.interrupted else ""
    lines.append(f"voice  {exchange.said or '(no reply)'}{cut}")
    if exchange.first_audio_ms is not None and exchange.speech_end_ms is not None:
        wait_ms = exchange.first_audio_ms - exchange.speech_end_ms
        lines.append(f"       first sound {wait_ms} ms after the end of speech")
    return "\n".join(lines)


def _conversations(inputs: Sequence[Path], listed: Path | None) -> list[list[Path]]:
    if inputs and listed:
        raise UserError("Give --input or --inputs, not both.")
    if listed is None:
        return [list(inputs)] if inputs else []
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"Cannot read {listed}: {error.strerror}.") from None
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise UserError(f"{listed} names no recordings.")
    return [[_beside(listed, Path(name))] for name in names]


def _beside(listed: Path, name: Path) -> Path:
    """Names in a list may be relative to the working folder or to the list itself."""
    for path in (name, listed.parent / name):
        if path.is_file():
            return path
    raise UserError(f"{listed} names {name}, which is not there.")
