"""What the daemon gives to the realtime endpoint, and what it allows a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..core.notices import Notice
from ..microphone_control import MicrophoneControl
from ..session import Session, SessionSettings

OpenSession = Callable[[Callable[[Notice], None], SessionSettings], Session]
"""Makes a session from its `emit` and its settings; the endpoint opens and closes it."""

MIB = 1024 * 1024


@dataclass(frozen=True)
class Service:
    """The model and the way to talk to it.

    Args:
        open_session: makes a session.
        model: the name clients ask for.
        voices: the model's voices; the first is the default.
        base: what sessions begin with where the wire does not say otherwise.
        languages: the model's names of languages and dialects.
        modalities: what the model takes: text, audio, image.
        calls_functions: whether the model calls functions of its own accord.
        changes_rate: whether it can speak faster and slower.
        not_ready: reasons why nobody can be served yet; empty when all is up.
        microphone: the switch of this machine's microphone; None without.
        sound: how this machine's microphone and loudspeaker fare, for /health; empty without.
        created_s: Unix time that /v1/models shows.
        most_text: characters that a client may put into one conversation.
    """

    open_session: OpenSession
    model: str
    voices: Sequence[str]
    base: SessionSettings = SessionSettings()
    languages: Sequence[str] = ()
    modalities: Sequence[str] = ("text", "audio")
    calls_functions: bool = True
    changes_rate: bool = True
    not_ready: Callable[[], Sequence[str]] = field(default=list)
    microphone: Callable[[], MicrophoneControl | None] = lambda: None
    sound: Callable[[], Mapping[str, object]] = field(default=dict)
    created_s: int = 0
    most_text: int = 64 * MIB


@dataclass(frozen=True)
class Limits:
    """What one client, and all of them, may take.

    Args:
        sessions: conversations at the same time.
        session_s: length of one, in seconds.
        idle_s: seconds without any message from the client.
        incoming: characters read ahead of what was handled.
        outgoing: characters waiting for a client that does not read.
        frame_bytes: longest message; 15 MiB of sound are 20 MiB of base64.
    """

    sessions: int = 8
    session_s: float = 3600.0
    idle_s: float = 1800.0
    incoming: int = 32 * MIB
    outgoing: int = 16 * MIB
    frame_bytes: int = 24 * MIB
