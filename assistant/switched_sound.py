"""Both devices of this machine, the microphone with its switch, as the configuration says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..streaming.frames import Frame
from ..streaming.playout import Notice
from ..streaming.soundcard import SoundCard
from .microphone import Microphone
from .microphone_control import MicrophoneControl, Status
from .settings import AudioSettings, MicrophoneSettings
from .sound import open_sound_card
from .wake_ear import By, make_wake_ear, own_voice


async def open_switched_sound(
    audio: AudioSettings,
    microphone: MicrophoneSettings,
    on_notice: Callable[[Notice], None] | None = None,
    on_change: Callable[[Status], None] = lambda status: None,
    on_wake: Callable[[By], None] = lambda by: None,
    on_dropped: Callable[[int], None] = lambda n_samples: None,
) -> tuple[SoundCard, MicrophoneControl]:
    """Open the loudspeaker; the microphone is the control's to open, once it begins.

    Args:
        audio: which devices.
        microphone: when it hears.
        on_notice: gets playout's notices, in a thread of its own.
        on_change: is told every change of the microphone's status.
        on_wake: is told who said the wake word, in the capture's thread.
        on_dropped: is told how many samples nobody had the time to hear.
    Raises:
        DeviceUnavailable: no sound; the message says what to install or choose.
        UserError: what the configuration wants needs a package that is not here.
    """
    loop = asyncio.get_running_loop()
    ear = make_wake_ear(microphone, on_wake)
    states = Microphone(
        microphone.activation,
        listen_s=microphone.listen_s,
        follow_up_s=microphone.follow_up_s,
        muted=microphone.muted,
    )
    control = MicrophoneControl(states, ear, on_change, on_dropped)

    def device_changed() -> None:
        loop.call_soon_threadsafe(control.device_changed)

    def heard(frame: Frame) -> None:
        control.heard(frame.pcm, frame.playing)

    card = await asyncio.to_thread(  # devices may take seconds
        open_sound_card,
        audio,
        heard,
        on_notice,
        muted=True,
        on_change=device_changed,
    )
    if ear is not None and card.playout.reference is not None:
        ear.own_voice = own_voice(microphone, card.playout.reference)
    control.chimes_for_button = microphone.chime == "always"
    if microphone.chime != "never":
        control.chime = lambda: _ring(card)
    return card, control


def _ring(card: SoundCard) -> None:
    """Not where the microphone is deaf to what is said meanwhile: the command may come at once."""
    if card.front_end.kind in ("apm", "none"):
        card.playout.chime.ring()
