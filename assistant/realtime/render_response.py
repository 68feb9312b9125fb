"""The core's view of a response as the client sees it (protocol page §1.3)."""

from __future__ import annotations

import json

from ..core import notices as core
from ..core.events import UsageCount
from . import response_object as wire
from .render_items import item_out
from .settings import AudioFormat

# What the daemon did by itself in a response is told here: clients that do not know of it
# are not disturbed, as they would be by function_call items they must not run.
ACTIONS_KEY = "vivavoce.actions"
LANGUAGE_KEY = "vivavoce.language"


def response_out(
    view: core.ResponseView, conversation_id: str | None, audio_format: AudioFormat, voice: str
) -> wire.Response:
    """`view` for the wire, spoken by `voice` in `audio_format`."""
    return wire.Response(
        id=view.id,
        status=view.status,
        status_details=_status_details(view),
        output=[item_out(item) for item in view.output],
        conversation_id=conversation_id,
        output_modalities=[view.modality],
        max_output_tokens="inf" if view.max_output_tokens is None else view.max_output_tokens,
        audio=wire.ResponseAudio(output=wire.ResponseVoice(format=audio_format, voice=voice)),
        usage=None if view.usage is None else _usage(view.usage),
        metadata=_metadata(view),
    )


def _status_details(view: core.ResponseView) -> wire.StatusDetails | None:
    if view.status == "failed":
        message = view.error or "the model failed"
        error = wire.ResponseError(code="model_error", message=message)
        return wire.StatusDetails(type="failed", error=error)
    if view.status == "cancelled" or view.status == "incomplete":
        return wire.StatusDetails(type=view.status, reason=view.reason)
    return None


def _usage(count: UsageCount) -> wire.Usage:
    n_in = count.input_text_tokens + count.input_audio_tokens
    n_out = count.output_text_tokens + count.output_audio_tokens
    return wire.Usage(
        total_tokens=n_in + n_out,
        input_tokens=n_in,
        output_tokens=n_out,
        input_token_details=wire.InputTokens(
            text_tokens=count.input_text_tokens,
            audio_tokens=count.input_audio_tokens,
            image_tokens=0,
            cached_tokens=0,
            cached_tokens_details=wire.CachedTokens(text_tokens=0, audio_tokens=0, image_tokens=0),
        ),
        output_token_details=wire.OutputTokens(
            text_tokens=count.output_text_tokens, audio_tokens=count.output_audio_tokens
        ),
    )


def _metadata(view: core.ResponseView) -> dict[str, str] | None:
    """The client's own pairs untouched; ours beside them where there is something to tell."""
    pairs = dict(view.metadata)
    if view.actions:
        pairs[ACTIONS_KEY] = json.dumps(
            [_action(action) for action in view.actions], ensure_ascii=False
        )
    if view.language is not None and (view.actions or not view.metadata):
        pairs[LANGUAGE_KEY] = view.language
    return pairs or None


def _action(action: core.Action) -> dict[str, object]:
    arguments = json.loads(action.arguments) if action.arguments else {}
    told: dict[str, object] = {"name": action.name, "arguments": arguments}
    if action.confidence is not None:
        told["confidence"] = round(action.confidence, 3)
    return told
