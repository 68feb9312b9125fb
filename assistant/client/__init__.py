"""A plain Realtime client: what `talk`, the demo and the benchmarks converse with.

It knows the wire only, so it works with any server of that protocol.
"""

from .connection import ClientError, Connection
from .conversation import Conversation
from .turn import Action, Exchange, Turn

__all__ = ["Action", "ClientError", "Connection", "Conversation", "Exchange", "Turn"]
