"""`vivavoce serve`: the daemon."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .downloads import Hub, obtain_model
from .options import (
    ApiKey,
    ConfigFile,
    Device,
    Dtype,
    LogLevel,
    Model,
    Preset,
    Quantize,
    configuration,
)

if TYPE_CHECKING:
    from ..daemon import Daemon


def serve(
    model: Model = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one.")] = None,
    no_audio: Annotated[
        bool, typer.Option("--no-audio", help="No microphone and speaker, the WebSocket only.")
    ] = False,
    api_key: ApiKey = None,
    device: Device = None,
    dtype: Dtype = None,
    quantize: Quantize = None,
    hub: Hub = None,
    file: ConfigFile = None,
    preset: Preset = None,
    log_level: LogLevel = None,
) -> None:
    """Run the daemon: microphone and speaker of this machine, WebSocket and HTTP on one port.

    Prints `ready ws://HOST:PORT/v1/realtime` on stdout when it accepts.
    A model on the hub is downloaded first if it is not on this machine.
    Logs go to stderr. Ends on Ctrl-C or SIGTERM.
    """
    config = configuration(
        file,
        preset,
        log_level,
        model={
            "name": model,
            "device": device,
            "dtype": dtype,
            "quantize": quantize,
            "hub": hub,
        },
        server={"host": host, "port": port, "api_key": api_key},
        audio={"enabled": False if no_audio else None},
    )
    from ..daemon import Daemon

    daemon = Daemon(config)
    daemon.bind()
    obtain_model(config)
    asyncio.run(_serve(daemon))
    if daemon.model_left_behind:  # its thread would bring down an interpreter that ends in order
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


async def _serve(daemon: Daemon) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with daemon:
        print(f"ready {daemon.url}", flush=True)
        await daemon.run_until(stop)
