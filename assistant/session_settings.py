"""Everything that can be set about a session."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..models.dialogue import SpeechModel
from ..streaming.endpoint import EndpointSettings
from ..streaming.patience import Patience
from ..streaming.vad import VadKind
from .core.settings import Settings
from .languages import AUTO


@dataclass(frozen=True)
class SessionSettings:
    """How a session behaves.

    Args:
        core: how the conversation behaves.
        endpoint: when speech begins and ends.
        vad: which detector judges that.
        patience: how long a silence ends a turn.
        output_rate_hz: rate of AudioDelta.pcm.
        send_lead_ms: how far audio is sent ahead of real time, so that a barge-in finds most of
            it unsent; None sends it as fast as it is made.
        written_language: what is spoken in sound that is to be written down, or "auto".
        idle_timeout_ms: silence after a reply before the assistant speaks up; None never.
    """

    core: Settings = Settings()
    endpoint: EndpointSettings = EndpointSettings()
    vad: VadKind = "webrtc"
    patience: Patience = Patience()
    output_rate_hz: int = 24000
    send_lead_ms: int | None = 500
    written_language: str = AUTO
    idle_timeout_ms: int | None = None


def at_rates_of(model: SpeechModel, settings: SessionSettings) -> SessionSettings:
    """The same settings at the model's own rates, and with one length of speech that counts."""
    rates = replace(
        settings.core,
        input_rate_hz=model.input_rate_hz,
        output_rate_hz=model.output_rate_hz,
    )
    endpoint = replace(settings.endpoint, confirm_ms=settings.core.confirm_ms)
    return replace(settings, core=rates, endpoint=endpoint)
