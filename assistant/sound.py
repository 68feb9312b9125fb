"""This machine's microphone and loudspeaker, opened as the configuration says."""

from __future__ import annotations

from collections.abc import Callable

from ..streaming.capture import OnFrame
from ..streaming.device_listing import try_backend
from ..streaming.devices import DeviceChoice
from ..streaming.echo import EchoCanceller, EchoUnavailable, make_canceller
from ..streaming.playout import Notice
from ..streaming.soundcard import SoundCard
from .errors import UserError
from .settings import AudioSettings


def open_sound_card(
    audio: AudioSettings,
    on_frame: OnFrame,
    on_notice: Callable[[Notice], None] | None = None,
    *,
    muted: bool = False,
    on_change: Callable[[], None] | None = None,
) -> SoundCard:
    """Open both devices.

    Args:
        audio: which devices, how loud, and what is done about echo.
        on_frame: gets the microphone at 16 kHz, 20 ms [320] at a time, in a thread of its own.
        on_notice: gets playout's notices, in a thread of its own.
        muted: begin with the microphone's stream closed.
        on_change: is called, in whatever thread, when a device was opened, closed or lost.
    Raises:
        DeviceUnavailable: no sound; the message says what to install or choose.
        UserError: what the configuration wants of the sound needs a package that is not here.
    """
    backend = try_backend(audio.backend)
    if not backend.devices():  # there may be some since the library was loaded
        backend.rescan()
    card = SoundCard(
        backend,
        on_frame,
        on_notice,
        microphone=device_choice(audio.input_device),
        loudspeaker=device_choice(audio.output_device),
        canceller=_canceller(audio),
        patient=True,
        muted=muted,
        on_change=on_change,
    )
    card.playout.set_gain(audio.volume_percent / 100)
    return card


def _canceller(audio: AudioSettings) -> EchoCanceller:
    try:
        return make_canceller(
            audio.echo,
            noise_suppression=audio.noise_suppression,
            gain_control=audio.gain_control,
        )
    except EchoUnavailable as error:
        raise UserError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def device_choice(name: str) -> DeviceChoice:
    """A device by number or by a part of its name; empty is the system's default."""
    if not name:
        return None
    return int(name) if name.isdecimal() else name
