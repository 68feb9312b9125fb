"""/v1/realtime: the handshake, and how many may converse at once."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..http.replies import error_reply
from ..metrics import Metrics, SessionMeter
from .connection import INTERNAL_ERROR, POLICY, TRY_LATER, Connection
from .conversation import Conversation
from .render import lone_error
from .service import Limits, Service
from .session_object import Offer
from .translate import usual_turns

log = logging.getLogger(__name__)

SUBPROTOCOL = "realtime"


class RealtimeEndpoint:
    """Accepts clients and gives each a conversation of its own.

    Args:
        service: the model and the way to talk to it.
        limits: what a client, and all of them, may take.
        metrics: the daemon's instruments.
    """

    def __init__(self, service: Service, limits: Limits, metrics: Metrics) -> None:
        self._service = service
        self._limits = limits
        self._metrics = metrics
        self._n_open = 0

    async def handle(self, socket: WebSocket) -> None:
        """One client, from its handshake to its end."""
        refusal = self._refusal(socket)
        if refusal is not None:
            self._metrics.refused.labels("model").inc()
            await socket.send_denial_response(refusal)
            return
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        with contextlib.suppress(WebSocketDisconnect):  # it left before it had a session
            await self._converse(socket)

    def _refusal(self, socket: WebSocket) -> Response | None:
        """Why there is no such session here; None when there is."""
        query = socket.query_params
        if "call_id" in query:
            return error_reply(404, "calls over WebRTC and SIP are not served", "call_not_found")
        if query.get("intent", "conversation") == "transcription":
            return error_reply(404, "transcription sessions are not served", "intent_not_found")
        model = query.get("model", self._service.model)
        if model != self._service.model:
            message = f"there is no model {model!r}; this daemon serves {self._service.model!r}"
            return error_reply(404, message, "model_not_found", "model")
        return None

    async def _converse(self, socket: WebSocket) -> None:
        if "realtime=v1" in socket.headers.get("openai-beta", ""):
            message = "the beta protocol is not served: leave out the header OpenAI-Beta"
            await _dismiss(socket, "beta_api_shape_disabled", message, POLICY)
            return
        reasons = self._service.not_ready()
        if reasons:
            self._metrics.refused.labels("not_ready").inc()
            await _dismiss(socket, "not_ready", "; ".join(reasons), TRY_LATER)
            return
        if self._n_open >= self._limits.sessions:
            self._metrics.refused.labels("sessions").inc()
            message = f"all {self._limits.sessions} sessions are taken; try again later"
            await _dismiss(socket, "session_limit_reached", message, TRY_LATER)
            return
        self._n_open += 1
        try:
            with self._metrics.session("realtime"):
                await self._session(socket)
        finally:
            self._n_open -= 1

    async def _session(self, socket: WebSocket) -> None:
        connection = Connection(socket, self._limits, self._metrics)
        try:
            service = _as_fast_as_made(self._service) if _hurries(socket) else self._service
            conversation = Conversation(
                service, self._offer(), SessionMeter(self._metrics), connection.send
            )
            await _opened(conversation)
        except Exception:  # the client learns that there is no session, the log why
            log.exception("a session could not be opened")
            message = "the session could not be opened"
            await _dismiss(socket, "internal_error", message, INTERNAL_ERROR)
            return
        try:
            await connection.run(conversation)
        finally:
            await conversation.close()

    def _offer(self) -> Offer:
        service = self._service
        return Offer(
            model=service.model,
            voices=service.voices,
            voice=service.base.core.voice,
            turns=usual_turns(service.base),
            instructions=service.base.core.instructions,
            lifetime_s=self._limits.session_s,
            languages=service.languages,
            language=service.base.core.language,
            speed=service.base.core.speaking_rate if service.changes_rate else None,
        )


async def _opened(conversation: Conversation) -> None:
    """Open it; one that cannot be opened holds on to nothing."""
    try:
        await conversation.open()
    except BaseException:
        await conversation.close()
        raise


def _hurries(socket: WebSocket) -> bool:
    """Whether nobody listens in real time: the client says so with `pace=0` in the address."""
    return socket.query_params.get("pace") == "0"


def _as_fast_as_made(service: Service) -> Service:
    """The same service, sending sound as it is made instead of a little ahead of its playing."""
    return replace(service, base=replace(service.base, send_lead_ms=None))


async def _dismiss(socket: WebSocket, code: str, message: str, close_code: int) -> None:
    """One error event, then the close: a client without a session."""
    ours = close_code == INTERNAL_ERROR
    await socket.send_text(lone_error(code, message, ours=ours).model_dump_json())
    await socket.close(close_code, message[:120])
