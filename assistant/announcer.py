"""Lets the assistant speak up by itself: a timer is done, an alarm rings.

To the model it is the late result of its timer: a call and its answer, and the model says it. The
client sees a response that nobody asked for, as any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from .core.items import CallItem, CallOutputItem
from .core.settings import ResponseOptions
from .session import Session

log = logging.getLogger(__name__)

TRY_AGAIN_S = 0.25
GIVE_UP_S = 60.0
TOOL = "timer_query"  # its answer is spoken as it stands


class Announcer:
    """Speaks up in one session, as soon as nobody else speaks.

    Args:
        session: open.
        loop: the event loop the session lives on; the running one unless given.
    """

    def __init__(self, session: Session, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._session = session
        self._loop = loop or asyncio.get_running_loop()
        self._waiting: deque[tuple[str, float]] = deque()
        self._n_spoken = 0

    def ring(self, words: str) -> None:
        """Say `words` when it is quiet; forget them when it is not for a minute."""
        self._waiting.append((words, self._loop.time() + GIVE_UP_S))
        if len(self._waiting) == 1:
            self._try()

    def _try(self) -> None:
        while self._waiting and self._loop.time() > self._waiting[0][1]:
            words, _ = self._waiting.popleft()
            log.warning("it never was quiet enough to say: %s", words)
        if not self._waiting:
            return
        if not (self._session.speaking or self._session.listening):
            self._say(self._waiting.popleft()[0])
        if self._waiting:
            self._loop.call_later(TRY_AGAIN_S, self._try)

    def _say(self, words: str) -> None:
        self._n_spoken += 1
        call_id = f"call_ring_{self._n_spoken}"
        self._session.respond(
            ResponseOptions(input_ids=()),
            (CallItem("", call_id, TOOL, "{}"), CallOutputItem("", call_id, words)),
        )
