"""The response object, as response.created and response.done show it (protocol page §1.3)."""

from __future__ import annotations

from typing import Literal

from .items import ItemOut
from .settings import AudioFormat, Modality
from .wire import WireObject

ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]
Reason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


class ResponseError(WireObject):
    type: Literal["server_error"] = "server_error"
    code: str
    message: str


class StatusDetails(WireObject):
    """Why a response ended otherwise than well."""

    type: Literal["cancelled", "incomplete", "failed"]
    reason: Reason | None = None
    error: ResponseError | None = None


class CachedTokens(WireObject):
    text_tokens: int
    audio_tokens: int
    image_tokens: int


class InputTokens(WireObject):
    text_tokens: int
    audio_tokens: int
    image_tokens: int
    cached_tokens: int
    cached_tokens_details: CachedTokens


class OutputTokens(WireObject):
    text_tokens: int
    audio_tokens: int


class Usage(WireObject):
    """Tokens read and written; total = input + output, each the sum of its details."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: InputTokens
    output_token_details: OutputTokens


class ResponseVoice(WireObject):
    format: AudioFormat
    voice: str


class ResponseAudio(WireObject):
    output: ResponseVoice


class Response(WireObject):
    object: Literal["realtime.response"] = "realtime.response"
    id: str
    status: ResponseStatus
    status_details: StatusDetails | None
    output: list[ItemOut]
    conversation_id: str | None
    output_modalities: list[Modality]
    max_output_tokens: int | Literal["inf"]
    audio: ResponseAudio
    usage: Usage | None
    metadata: dict[str, str] | None
