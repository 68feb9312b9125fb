"""The daemon in a process of its own, and the CPU time it takes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vivavoce.assistant.errors import UserError

READY_S = 120.0
STOP_S = 10.0


@dataclass(frozen=True)
class DaemonProcess:
    """A running daemon."""

    url: str
    pid: int

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far (utime and stime of proc(5))."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def daemon_process(model: str, speculation: bool) -> AsyncIterator[DaemonProcess]:
    """`vivavoce serve` on a free port, until the block is left.

    Raises:
        UserError: it did not start; the message has its last words.
    """
    settings = {
        "VIVAVOCE_TURN__SPECULATION": str(speculation).lower(),
        "VIVAVOCE_LOG__LEVEL": "warning",
    }
    command = [sys.executable, "-m", "vivavoce.assistant.cli", "serve"]
    command += ["--model", model, "--no-audio", "--port", "0"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, **settings},
        )
        try:
            yield DaemonProcess(await _address(process, log), process.pid)
        finally:
            await _stop(process)


async def _address(process: asyncio.subprocess.Process, log: IO[str]) -> str:
    """Wait for the line `ready ws://...`."""
    assert process.stdout is not None
    line = b""
    with contextlib.suppress(asyncio.TimeoutError):
        line = await asyncio.wait_for(process.stdout.readline(), READY_S)
    word, _, url = line.decode().strip().partition(" ")
    if word != "ready":
        log.seek(0)
        last = (log.read().strip().splitlines() or [f"silent for {READY_S:.0f} s"])[-1]
        raise UserError(f"The daemon did not start: {last}")
    return url


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
