"""The daemon's port: free, or answered by a daemon of ours."""

from __future__ import annotations

import json
import urllib.request

from ..errors import UserError
from ..http.access import is_loopback
from ..http.listener import bind
from ..settings import Config, ServerSettings
from .findings import Finding

_TIMEOUT_S = 2.0


def port(config: Config) -> Finding:
    """Whether the daemon could listen where it is told to."""
    check, server = "port", config.server
    where = f"{server.host}:{server.port}"
    if not is_loopback(server.host) and not server.api_key:
        advice = "set server.api_key (VIVAVOCE_SERVER__API_KEY), or listen on 127.0.0.1"
        return Finding(check, "problem", f"{where} without a key would be open to anyone", advice)
    if server.port == 0:
        return Finding(check, "ok", "a free one is taken (port 0)", values={"free": True})
    try:
        bind(server.host, server.port).close()
    except UserError as error:
        model = _our_daemon(server)
        if model is not None:
            text = f"{where}: the daemon runs and answers, with {model}"
            return Finding(check, "ok", text, values={"free": False, "daemon": model})
        advice = "stop what listens there, or take another: server.port, or `serve --port`"
        return Finding(check, "problem", str(error).rstrip("."), advice, {"free": False})
    return Finding(check, "ok", f"{where} is free", values={"free": True})


def _our_daemon(server: ServerSettings) -> str | None:
    """The model of a daemon of ours that answers there; None where something else does."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{server.port}/v1/models"
    request = urllib.request.Request(address)
    if server.api_key:
        request.add_header("Authorization", f"Bearer {server.api_key}")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            card = json.load(reply)["data"][0]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return str(card["id"]) if card.get("owned_by") == "vivavoce" else None
