"""`vivavoce devices`: microphones and loudspeakers that the daemon could use."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import Enum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...streaming.device_listing import try_backend
from ...streaming.devices import DeviceInfo, DeviceUnavailable
from ..errors import UserError


class BackendOption(str, Enum):
    """Libraries that reach devices."""

    auto = "auto"
    sounddevice = "sounddevice"
    pyaudio = "pyaudio"


def devices(
    backend: Annotated[
        BackendOption, typer.Option(help="Library to ask; as audio.backend.")
    ] = BackendOption.auto,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """List the sound devices.

    A number, or a part of a name that fits only one, goes into audio.input_device and
    audio.output_device. Numbers change when devices come and go; names stay.
    """
    try:
        library = try_backend(backend.value)
        found = library.devices()
    except DeviceUnavailable as error:
        raise UserError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    if as_json:
        listed = [asdict(device) for device in found]
        print(json.dumps({"backend": library.name, "devices": listed}, indent=2))
    elif not found:
        print(
            f"{library.name} finds no sound devices on this machine: connect one, start the sound "
            "server (PipeWire, PulseAudio), or run without sound (--no-audio)."
        )
    else:
        Console().print(_table(library.name, found))


def _table(library: str, found: list[DeviceInfo]) -> Table:
    table = Table(title=f"sound devices through {library}")
    for heading in ("number", "name", "host", "inputs", "outputs", "default for"):
        right = heading in ("number", "inputs", "outputs")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for device in found:
        table.add_row(
            str(device.index),
            escape(device.name),
            device.host,
            _channels(device.n_inputs),
            _channels(device.n_outputs),
            _default(device),
        )
    return table


def _channels(n: int) -> str:
    return str(n) if n else "-"


def _default(device: DeviceInfo) -> str:
    roles = [("microphone", device.default_input), ("loudspeaker", device.default_output)]
    return ", ".join(role for role, is_default in roles if is_default)
