"""Who may talk to the daemon: Host, Origin and key are judged before anything else runs.

A web page can make a browser send requests to localhost. Two rules keep it out: a request must
name a host that is ours (a page that points its own name at 127.0.0.1 does not), and an Origin,
which only browsers send, must be the daemon's own page or an allowed one.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ..metrics import Metrics
from .replies import error_reply

KEY_SUBPROTOCOL = "openai-insecure-api-key."
OPEN_PATHS = frozenset({"/health", "/healthz", "/ready", "/readyz"})


def is_loopback(host: str) -> bool:
    """Whether an address to bind to is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Rules:
    """What is asked of a request.

    Args:
        host: the address the daemon is bound to.
        api_key: clients must send it; empty: no key.
        allowed_hosts: further names a request may give in Host; "*" allows every one.
        allowed_origins: web pages that may connect, such as "https://home.example".
    """

    host: str = "127.0.0.1"
    api_key: str = ""
    allowed_hosts: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()

    def knows_host(self, header: str) -> bool:
        """A name can be pointed at us by anybody, an IP address cannot."""
        name = _host_name(header)
        if name in {"localhost", self.host, *self.allowed_hosts} or "*" in self.allowed_hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def trusts_origin(self, origin: str | None, host_header: str) -> bool:
        """No Origin is no browser; with a key a page must know it, so it may come from afar."""
        if origin is None or origin in self.allowed_origins:
            return True
        if self.api_key and not is_loopback(self.host):
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc == host_header

    def accepts_key(self, key: str | None) -> bool:
        """Compared in constant time."""
        return not self.api_key or hmac.compare_digest((key or "").encode(), self.api_key.encode())


def key_of(headers: Headers, subprotocols: Sequence[str] = ()) -> str | None:
    """The key a client sent: as a bearer token or, from a browser, as a subprotocol."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    for name in subprotocols:
        if name.startswith(KEY_SUBPROTOCOL):
            return name[len(KEY_SUBPROTOCOL) :]
    return None


class Gate:
    """ASGI middleware that lets in only what `rules` allow, HTTP and WebSocket alike."""

    def __init__(self, app: ASGIApp, rules: Rules, metrics: Metrics) -> None:
        self.app = app
        self.rules = rules
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send)
            return
        reason, reply = refusal
        self.metrics.refused.labels(reason).inc()
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(reply)
        else:
            await reply(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[str, JSONResponse] | None:
        """Why the request is turned away, and the answer; None lets it in."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self.rules.knows_host(host):
            reply = error_reply(
                403,
                f"this daemon is not called {host!r}; see server.allowed_hosts",
                "host_not_allowed",
            )
            return "host", reply
        origin = headers.get("origin")
        if not self.rules.trusts_origin(origin, host):
            message = f"pages from {origin!r} may not connect; see server.allowed_origins"
            return "origin", error_reply(403, message, "origin_not_allowed")
        if scope["path"] in OPEN_PATHS:
            return None
        if not self.rules.accepts_key(key_of(headers, scope.get("subprotocols", ()))):
            return "key", error_reply(401, "the API key is missing or wrong", "invalid_api_key")
        return None


def _host_name(header: str) -> str:
    """The name in a Host header, without port and brackets."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
