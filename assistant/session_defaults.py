"""What sessions begin with, as the configuration says."""

from __future__ import annotations

from collections.abc import Collection

from ..streaming.endpoint import EndpointSettings
from ..streaming.patience import Patience
from .core.settings import Settings
from .session import SessionSettings
from .settings import Config

HYSTERESIS = 0.7  # the gate closes at this share of the threshold that opens it


def session_defaults(
    config: Config,
    pure_skills: Collection[str],
    output_rate_hz: int,
    input_rate_hz: int = 16000,
) -> SessionSettings:
    """Settings of a fresh session.

    Args:
        config: the whole configuration.
        pure_skills: skills that may run for a reply that is still speculative.
        output_rate_hz: the model's.
        input_rate_hz: the model's.
    """
    core = Settings(
        barge_in=config.barge_in.mode,
        confirm_phones=config.barge_in.confirm_phones,
        confirm_ms=config.barge_in.confirm_ms,
        backchannels=config.barge_in.backchannels,
        stop_phrases=config.barge_in.stop_phrases,
        speculate=config.turn.speculation,
        instructions=config.assistant.instructions,
        voice=config.assistant.voice or None,
        speaking_rate=config.assistant.speaking_rate,
        language=config.assistant.language,
        pure_skills=frozenset(pure_skills),
        input_rate_hz=input_rate_hz,
        output_rate_hz=output_rate_hz,
    )
    return SessionSettings(
        core=core,
        endpoint=_endpoint(config),
        vad=config.turn.vad,
        patience=Patience(config.turn.detection, config.turn.eagerness, config.turn.learn_pauses),
        send_lead_ms=config.server.send_lead_ms or None,
    )


def _endpoint(config: Config) -> EndpointSettings:
    turn = config.turn
    return EndpointSettings(
        on_threshold=turn.threshold,
        off_threshold=turn.threshold * HYSTERESIS,
        prefix_padding_ms=turn.prefix_padding_ms,
        soft_end_ms=min(turn.soft_end_ms, turn.silence_ms),
        silence_ms=turn.silence_ms,
        max_speech_ms=round(turn.longest_s * 1000),
    )
