"""The one ASGI application: every face of the daemon that speaks HTTP or WebSocket."""

from __future__ import annotations

import logging
from typing import NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ..metrics import CONTENT_TYPE, Metrics
from ..realtime.endpoint import RealtimeEndpoint
from ..realtime.service import Limits, Service
from .access import Gate, Rules, key_of
from .microphone import MicrophonePages
from .replies import error_reply

log = logging.getLogger(__name__)


def make_app(
    service: Service,
    rules: Rules | None = None,
    limits: Limits | None = None,
    metrics: Metrics | None = None,
) -> Starlette:
    """The application around one model.

    Args:
        service: the model and the way to talk to it.
        rules: who may talk to the daemon; loopback without a key unless given.
        limits: what a client, and all of them, may take.
        metrics: where things are counted; fresh ones unless given.
    """
    metrics, rules = metrics or Metrics(), rules or Rules()
    realtime = RealtimeEndpoint(service, limits or Limits(), metrics)
    status = StatusPages(service, metrics, rules)
    return Starlette(
        routes=[
            *status.routes(),
            *MicrophonePages(service.microphone).routes(),
            WebSocketRoute("/v1/realtime", realtime.handle, name="realtime"),
            Route("/v1/realtime", _socket_wanted),
            Route("/v1/images/{path:path}", _no_pictures, methods=["GET", "POST"]),
            WebSocketRoute("/{path:path}", _no_socket_here),
        ],
        middleware=[Middleware(Gate, rules=rules, metrics=metrics)],
        exception_handlers={HTTPException: _http_error, Exception: _our_error},
    )


class StatusPages:
    """What monitors and client libraries ask before they talk."""

    def __init__(self, service: Service, metrics: Metrics, rules: Rules) -> None:
        self._service = service
        self._metrics = metrics
        self._rules = rules

    def routes(self) -> list[Route]:
        return [
            Route("/health", self.health),
            Route("/healthz", self.health),
            Route("/ready", self.ready),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
            Route("/v1/models", self.models),
            Route("/v1/models/{name:path}", self.model),
        ]

    async def health(self, request: Request) -> Response:
        """The event loop runs; and how the local sound fares, where there is some, for who has
        the key: it tells whether somebody speaks in that room.
        """
        known = self._rules.accepts_key(key_of(request.headers))
        sound = dict(self._service.sound()) if known else {}
        return JSONResponse({"status": "ok"} | ({"sound": sound} if sound else {}))

    async def ready(self, request: Request) -> Response:
        """503 with the reasons until a session can be served."""
        reasons = list(self._service.not_ready())
        if reasons:
            return JSONResponse({"status": "not ready", "reasons": reasons}, status_code=503)
        return JSONResponse({"status": "ready", "model": self._service.model})

    async def metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._card()]})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name != self._service.model:
            return error_reply(404, f"there is no model {name!r}", "model_not_found", "model")
        return JSONResponse(self._card())

    def _card(self) -> dict[str, object]:
        return {
            "id": self._service.model,
            "object": "model",
            "created": self._service.created_s,
            "owned_by": "vivavoce",
            "languages": list(self._service.languages),
            "voices": list(self._service.voices),
        }


async def _socket_wanted(request: Request) -> Response:
    reply = error_reply(426, "connect to /v1/realtime with a WebSocket", "upgrade_required")
    reply.headers["Upgrade"] = "websocket"
    return reply


async def _no_pictures(request: Request) -> Response:
    """Not 501: client libraries would try again."""
    return error_reply(404, "pictures are not made here", "unsupported")


async def _no_socket_here(socket: WebSocket) -> None:
    reply = error_reply(404, f"there is no WebSocket at {socket.url.path}", "not_found")
    await socket.send_denial_response(reply)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        _never(error)
    if error.status_code == 404:
        return error_reply(404, f"there is nothing at {request.url.path}", "not_found")
    return error_reply(error.status_code, error.detail, None)


async def _our_error(request: Request, error: Exception) -> Response:
    """The trace goes to the log, by Starlette; the client learns that it was us."""
    return error_reply(500, "the daemon failed on this request", "internal_error")


def _never(error: Exception) -> NoReturn:
    raise error
