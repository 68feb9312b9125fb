"""One WebSocket to a Realtime server: events out, events in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from ..errors import UserError

Event = dict[str, Any]
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class ClientError(UserError):
    """The conversation cannot go on; the message is one sentence for the user."""


class Connection:
    """An open connection; use `Connection.open`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, url: str, api_key: str = "", timeout_s: float = 10.0) -> Connection:
        """Connect.

        Args:
            url: ws:// or wss:// with path and, where needed, ?model=NAME.
            api_key: sent as bearer token unless empty.
            timeout_s: longest wait for the handshake, seconds.
        Raises:
            ClientError: nobody there, refused, or not a WebSocket address.
        """
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        local = urlsplit(url).hostname in LOOPBACK
        try:
            socket = await connect(
                url,
                additional_headers=headers,
                open_timeout=timeout_s,
                compression=None,
                max_size=None,
                proxy=None if local else True,
            )
        except InvalidStatus as error:
            raise ClientError(_refusal(url, error.response.status_code)) from None
        except InvalidURI:
            raise ClientError(f"{url} is not a WebSocket address (ws://HOST:PORT/...).") from None
        except (OSError, TimeoutError, InvalidHandshake) as error:
            reason = str(error) or type(error).__name__
            raise ClientError(
                f"No daemon answers at {url} ({reason}); `vivavoce serve` starts one."
            ) from None
        return cls(socket)

    async def send(self, event: Event) -> None:
        """Send one event; raises ClientError when the connection is gone."""
        try:
            await self._socket.send(json.dumps(event))
        except ConnectionClosed as error:
            raise ClientError(_ending(error)) from None

    async def events(self) -> AsyncIterator[Event]:
        """Every event of the server until either side closes; ClientError if it broke off."""
        try:
            async for text in self._socket:
                event = json.loads(text)
                if isinstance(event, dict):
                    yield event
        except ConnectionClosed as error:
            raise ClientError(_ending(error)) from None

    async def close(self) -> None:
        """Say goodbye; harmless when already closed."""
        await self._socket.close()


def _refusal(url: str, status: int) -> str:
    if status in (401, 403):
        return f"The daemon at {url} refused the key ({status}); give the right one with --api-key."
    if status == 404:
        return f"There is no such path or model at {url} (404)."
    if status == 503:
        return f"The daemon at {url} is full or not ready yet (503)."
    return f"The daemon at {url} refused the connection (HTTP {status})."


def _ending(error: ConnectionClosed) -> str:
    close = error.rcvd or error.sent
    detail = f": {close.code} {close.reason}".rstrip() if close else ""
    return f"The connection to the daemon ended{detail}."
