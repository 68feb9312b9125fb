"""/v1/microphone: whether this machine's microphone hears, for lamps, buttons and programs.

    GET  /v1/microphone           the status
    POST /v1/microphone           {"muted": true|false} or {"talk": true|false}; the status after
    GET  /v1/microphone/events    server-sent events: the status now and after every change

The status is microphone_control.Status, field by field.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..microphone_control import MicrophoneControl, MicrophoneRefused, Status
from .replies import error_reply

SAY_AGAIN_S = 15.0  # proxies cut streams that are silent for long, and a dead client shows
MOST_WATCHERS = 32
MOST_BYTES = 1024
_COMMANDS = ("muted", "talk")


class MicrophonePages:
    """The three routes.

    Args:
        microphone: gives the microphone; None where the daemon has none, or none yet.
    """

    def __init__(self, microphone: Callable[[], MicrophoneControl | None]) -> None:
        self._microphone = microphone

    def routes(self) -> list[Route]:
        return [
            Route("/v1/microphone", self.show),
            Route("/v1/microphone", self.change, methods=["POST"]),
            Route("/v1/microphone/events", self.follow),
        ]

    async def show(self, request: Request) -> Response:
        microphone = self._microphone()
        return _absent() if microphone is None else JSONResponse(asdict(microphone.status))

    async def change(self, request: Request) -> Response:
        """Comes back when it is done: after a mute, the stream is closed."""
        microphone = self._microphone()
        if microphone is None:
            return _absent()
        try:
            command, wanted = _command(await _body(request))
        except ValueError as error:
            return error_reply(400, str(error), "invalid_value")
        try:
            await (microphone.set_muted if command == "muted" else microphone.talk)(wanted)
        except MicrophoneRefused as error:
            return error_reply(409, str(error), "microphone_refused", command)
        return JSONResponse(asdict(microphone.status))

    async def follow(self, request: Request) -> Response:
        microphone = self._microphone()
        if microphone is None:
            return _absent()
        if microphone.n_watchers >= MOST_WATCHERS:
            return error_reply(429, f"{MOST_WATCHERS} others follow already", "too_many_watchers")
        return StreamingResponse(
            _events(microphone),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )


async def _events(microphone: MicrophoneControl) -> AsyncIterator[str]:
    async for status in microphone.changes(SAY_AGAIN_S):
        yield event_of(status)


def event_of(status: Status) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(asdict(status))}\n\n"


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise ValueError(f"the body is longer than {MOST_BYTES} bytes")
    return body


def _command(body: bytes) -> tuple[str, bool]:
    """What is asked for; ValueError says how to ask."""
    how = 'send {"muted": true}, {"muted": false}, {"talk": true} or {"talk": false}'
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(f"this is no JSON; {how}") from None
    if not isinstance(asked, dict) or len(asked) != 1:
        raise ValueError(how)
    ((command, wanted),) = asked.items()
    if command not in _COMMANDS or not isinstance(wanted, bool):
        raise ValueError(how)
    return command, wanted


def _absent() -> Response:
    message = "this daemon has no microphone of its own; see `vivavoce devices` and audio.enabled"
    return error_reply(404, message, "no_microphone")
