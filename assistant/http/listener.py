"""The daemon's port: uvicorn on the `websockets` implementation, without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from ..errors import UserError
from ..realtime.service import Limits

PING_EVERY_S = 20.0
PONG_WITHIN_S = 20.0
_SHUTDOWN_S = 3


class _RefusalsAreNoErrors(logging.Filter):
    """uvicorn logs an error when a handshake was answered by 401 or 404; it was meant."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg != "ASGI callable returned without completing handshake."


_refusals_are_no_errors = _RefusalsAreNoErrors()  # one, so that adding it again adds nothing


class _Server(uvicorn.Server):
    """Signals are the daemon's affair, not the port's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """Serves an app at an address until stopped.

    Args:
        app: the ASGI application.
        host: address to bind to.
        port: TCP port; 0 takes a free one.
        limits: the longest WebSocket message.
        bound: a socket that was bound to the address already, see `bind`.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        limits: Limits | None = None,
        bound: socket.socket | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._bound = bound
        self._server = _Server(
            uvicorn.Config(
                app,
                ws="websockets-sansio",
                ws_max_size=(limits or Limits()).frame_bytes,
                ws_ping_interval=PING_EVERY_S,
                ws_ping_timeout=PONG_WITHIN_S,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=_SHUTDOWN_S,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Accept connections; gives the port.

        Raises:
            UserError: the address cannot be bound.
        """
        bound = self._bound or bind(self._host, self._port)
        logging.getLogger("uvicorn.error").addFilter(_refusals_are_no_errors)
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]), name="port")
        while not self._server.started:
            if self._task.done():
                with contextlib.suppress(OSError):  # somebody else listens since it was bound
                    await self._task
                raise UserError(f"Cannot listen at {self._host}:{self._port}. Choose another.")
            await asyncio.sleep(0.01)
        port: int = bound.getsockname()[1]
        return port

    async def wait(self) -> None:
        """Returns when the port is closed, by whatever."""
        if self._task is not None:
            await asyncio.shield(self._task)  # whoever waits may be cancelled, the port not

    async def stop(self) -> None:
        """Close every connection (code 1012) and the port."""
        self._server.should_exit = True
        await self.wait()


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to an address, which refuses connections until a listener serves it.

    Raises:
        UserError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP in so many words: asyncio turns off Nagle's delay only where it reads that.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        raise UserError(f"Cannot listen at {host}:{port}: {reason}. Choose another.") from None
    return bound
