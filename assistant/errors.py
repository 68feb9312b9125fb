"""Our errors, told apart by whose fault they are.

The user's: one sentence with what to do, then the process ends with `exit_code`. The peer's: a
protocol error, the connection lives. Ours: the turn fails, the service lives, the log has the
trace.
"""

from __future__ import annotations


class VivaVoceError(Exception):
    """Any error that we raise on purpose."""


class UserError(VivaVoceError):
    """The person at the keyboard has to change something; the text says what."""

    exit_code = 2


class PeerFault(VivaVoceError):
    """The other side of a connection did something wrong; the session goes on.

    Args:
        code: the protocol's name of the mistake.
        message: one sentence fit for the client's developer.
        param: path of the offending field, such as `session.audio.input.format.rate`.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
