"""One WebSocket: reading, handling and sending side by side until one of them ends it.

    socket --read--> Inbox --handle--> Conversation --> Outbox --pump--> socket

Reading goes on while a message is handled, so that pings are answered; sending never holds up
the conversation, and a client that does not read is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..metrics import Metrics
from .conversation import Conversation
from .queues import Inbox, Outbox
from .service import Limits
from .wire import ServerEvent

log = logging.getLogger(__name__)

NORMAL, GOING_AWAY, POLICY, INTERNAL_ERROR, TRY_LATER = 1000, 1001, 1008, 1011, 1013
_LAST_WORDS_S = 2.0


@dataclass(frozen=True)
class Farewell:
    """How we close: WebSocket code and reason, and the error event (code, message) before it."""

    code: int
    reason: str
    error: tuple[str, str] | None = None


SLOW_CLIENT = Farewell(TRY_LATER, "the client does not read its events")
OUR_FAULT = Farewell(INTERNAL_ERROR, "internal error")


class Connection:
    """Carries one accepted WebSocket.

    Args:
        socket: accepted already.
        limits: how long, how idle, how much.
        metrics: counts the clients that do not read.
    """

    def __init__(self, socket: WebSocket, limits: Limits, metrics: Metrics) -> None:
        self._socket = socket
        self._limits = limits
        self._metrics = metrics
        self._inbox = Inbox(limits.incoming)
        self._outbox = Outbox(limits.outgoing)

    def send(self, event: ServerEvent) -> None:
        """Queue an event for the client."""
        self._outbox.put(event.model_dump_json())

    async def run(self, conversation: Conversation) -> None:
        """Converse until the client leaves or has to; closes the socket, not the conversation."""
        pump = asyncio.create_task(self._pump(), name="realtime send")
        tasks = [
            pump,
            asyncio.create_task(self._read(conversation), name="realtime read"),
            asyncio.create_task(self._handle(conversation), name="realtime handle"),
            asyncio.create_task(self._slow_client(), name="realtime overflow"),
            asyncio.create_task(self._expiry(), name="realtime expiry"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await _cancel(task for task in tasks if task is not pump)
            await self._part(_farewell(done), conversation)
        finally:
            await _cancel(tasks)

    # --- the five that run side by side; the first to return decides how it ends ---

    async def _read(self, conversation: Conversation) -> Farewell | None:
        while True:
            try:
                message = await asyncio.wait_for(self._socket.receive(), self._limits.idle_s)
            except asyncio.TimeoutError:  # its own class on Python 3.10
                reason = f"no message for {self._limits.idle_s:.0f} s"
                return Farewell(GOING_AWAY, reason, ("session_expired", reason))
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if text is None:
                conversation.complain("invalid_type", "send JSON text frames, not binary frames")
            else:
                await self._inbox.put(text)

    async def _handle(self, conversation: Conversation) -> Farewell | None:
        while True:
            await conversation.handle(await self._inbox.get())
            await asyncio.sleep(0)  # a flood from one client leaves room for the others

    async def _pump(self) -> Farewell | None:
        with contextlib.suppress(WebSocketDisconnect):
            await self._outbox.pump(self._socket.send_text)
        return None

    async def _slow_client(self) -> Farewell | None:
        await self._outbox.lost.wait()
        self._metrics.slow_clients.inc()
        return SLOW_CLIENT

    async def _expiry(self) -> Farewell | None:
        await asyncio.sleep(self._limits.session_s)
        reason = f"the session has reached its limit of {_duration(self._limits.session_s)}"
        return Farewell(GOING_AWAY, reason, ("session_expired", reason))

    # --- the end ---

    async def _part(self, farewell: Farewell | None, conversation: Conversation) -> None:
        """Say why, send what waits, close; a client that does not read cannot hold us up."""
        if farewell is None:
            return
        if farewell.error is not None:
            conversation.complain(*farewell.error)
        with contextlib.suppress(asyncio.TimeoutError, WebSocketDisconnect):
            if farewell is not SLOW_CLIENT:
                await asyncio.wait_for(self._outbox.drain(), _LAST_WORDS_S)
            close = self._socket.close(farewell.code, farewell.reason)
            await asyncio.wait_for(close, _LAST_WORDS_S)


def _farewell(done: Iterable[asyncio.Task[Farewell | None]]) -> Farewell | None:
    """How the first task that ended wants to part; a task that broke is our fault."""
    for task in done:
        error = task.exception()
        if error is not None:
            log.error("a realtime connection broke", exc_info=error)
            return OUR_FAULT
    return next((task.result() for task in done), None)


async def _cancel(tasks: Iterable[asyncio.Task[Farewell | None]]) -> None:
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
