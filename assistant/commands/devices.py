"""`vivavoce devices`: microphones and loudspeakers that the daemon could use."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ...streaming.devices import DeviceInfo, DeviceUnavailable, make_backend
from ..errors import UserError


def devices() -> None:
    """List the sound devices; their number or name goes into the configuration."""
    try:
        backend = make_backend()
        found = backend.devices()
    except DeviceUnavailable as error:
        raise UserError(f"{error}.") from None
    if not found:
        print(f"{backend.name} finds no sound devices on this machine.")
        return
    table = Table("number", "name", "system", "inputs", "outputs", "default", title=backend.name)
    for device in found:
        table.add_row(
            str(device.index),
            device.name,
            device.host,
            str(device.n_inputs),
            str(device.n_outputs),
            _default(device),
        )
    Console().print(table)


def _default(device: DeviceInfo) -> str:
    roles = [("input", device.default_input), ("output", device.default_output)]
    return ", ".join(role for role, is_default in roles if is_default)
