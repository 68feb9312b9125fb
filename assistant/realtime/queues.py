"""What waits between a socket and its session, bounded in characters on both sides."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Inbox:
    """Messages that were read and wait to be handled.

    The socket is read ahead of the handling so that pings are answered while a message is
    worked on; a client far ahead is made to wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._size = 0
        self._changed = asyncio.Condition()

    async def put(self, text: str) -> None:
        """Waits while the inbox is full; a single message may be larger than the limit."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: not self._waiting or self._size + len(text) <= self._limit
            )
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify_all()

    async def get(self) -> str:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._waiting))
            text = self._waiting.popleft()
            self._size -= len(text)
            self._changed.notify_all()
            return text


class Outbox:
    """Events that wait to be sent; `put` never blocks, a client that does not read overflows.

    Args:
        limit: characters that may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self.size = 0
        self.lost = asyncio.Event()
        """Set at an overflow: nothing more is taken or sent, the connection is lost."""

    def put(self, text: str) -> None:
        """Queues an event."""
        if self.lost.is_set():
            return
        if self.size + len(text) > self._limit:
            self.lost.set()
            return
        self._waiting.append(text)
        self.size += len(text)
        self._emptied.clear()
        self._filled.set()

    async def pump(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Sends one event after another, for ever."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                text = self._waiting.popleft()
                await send(text)
                self.size -= len(text)
            self._emptied.set()

    async def drain(self) -> None:
        """Returns when everything has been sent."""
        await self._emptied.wait()
