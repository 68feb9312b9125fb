"""The protocol in one place: every client event and every server event by its wire name."""

from __future__ import annotations

from .client_events import CLIENT_EVENTS, AnyClientEvent, parse_event, parse_json
from .server_events import SERVER_EVENTS
from .wire import ServerEvent

__all__ = [
    "CLIENT_EVENTS",
    "SERVER_EVENTS",
    "AnyClientEvent",
    "ServerEvent",
    "parse_event",
    "parse_json",
]
