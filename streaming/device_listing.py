"""What devices there are now, asked in a process of its own.

PortAudio lists devices once, when it is initialised, and to initialise it anew every open stream
must be closed. So that nothing is closed for a device that is still away, another process looks.
It also takes the blow where PortAudio aborts over a broken ALSA configuration.

    python -m vivavoce.streaming.device_listing sounddevice    one JSON list on stdout
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import cast

from .devices import Backend, BackendName, DeviceInfo, DeviceUnavailable, make_backend

LOOK_TIMEOUT_S = 15.0
_UNAVAILABLE = 3


def try_backend(name: BackendName = "auto") -> Backend:
    """A backend by name, once another process has survived loading it.

    Raises:
        DeviceUnavailable: its library is missing, or brings down the process that loads it.
    """
    if name != "null":
        look_apart(name)
    return make_backend(name)


def look_apart(backend: str) -> list[DeviceInfo]:
    """The devices as a newly started process sees them.

    Raises:
        DeviceUnavailable: the library cannot work, or does not answer.
    """
    try:
        listed = subprocess.run(
            [sys.executable, "-m", __name__, backend],
            stdin=subprocess.DEVNULL,
            cwd=sys.prefix,  # `-m` imports from where it runs first: a json.py there would be run
            capture_output=True,  # PortAudio and ALSA are talkative on stderr
            text=True,
            timeout=LOOK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeviceUnavailable(
            f"the sound devices did not answer within {LOOK_TIMEOUT_S:.0f} s; "
            "is the sound server (PipeWire, PulseAudio) alive?"
        ) from None
    if listed.returncode == _UNAVAILABLE:
        raise DeviceUnavailable(listed.stdout.strip())
    try:
        return [DeviceInfo(**device) for device in json.loads(listed.stdout)]
    except (ValueError, TypeError):
        raise DeviceUnavailable(
            f"PortAudio broke down over the sound devices (exit code {listed.returncode}); "
            "ALSA needs a device named `default`: start the sound server (PipeWire, PulseAudio), "
            "mend ~/.asoundrc, or run without sound (--no-audio)"
        ) from None


def main() -> int:
    """List the devices of the backend named on the command line."""
    try:
        found = make_backend(cast(BackendName, sys.argv[1])).devices()
    except DeviceUnavailable as error:
        print(error)
        return _UNAVAILABLE
    print(json.dumps([asdict(device) for device in found]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
