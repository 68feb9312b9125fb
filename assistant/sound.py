"""This machine's microphone and loudspeaker, opened as the configuration says."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ..streaming.devices import DeviceChoice, make_backend
from ..streaming.frames import Frame, Pcm
from ..streaming.playout import Notice, Playout
from ..streaming.soundcard import SoundCard
from .settings import AudioSettings

OnPcm = Callable[[Pcm], None]
ROOM_TAIL_S = 0.3  # what was handed to the loudspeaker still sounds, and the room after it


def open_sound_card(
    audio: AudioSettings, on_pcm: OnPcm, on_notice: Callable[[Notice], None] | None = None
) -> SoundCard:
    """Open both devices.

    Args:
        audio: which devices, how loud, and what is done about echo.
        on_pcm: gets the microphone at 16 kHz, 20 ms [320] at a time, in a thread of its own.
        on_notice: gets playout's notices, in a thread of its own.
    Raises:
        DeviceUnavailable: no sound; the message says what to install or choose.
    """
    gate = EchoGate() if audio.echo == "half_duplex" else None

    def on_frame(frame: Frame) -> None:
        on_pcm(frame.pcm if gate is None else gate.let_through(frame.pcm))

    card = SoundCard(
        make_backend(),
        on_frame,
        on_notice,
        microphone=_choice(audio.input_device),
        loudspeaker=_choice(audio.output_device),
    )
    card.playout.set_gain(audio.volume_percent / 100)
    if gate is not None:
        gate.watch(card.playout)
    return card


class EchoGate:
    """Makes the microphone deaf while the loudspeaker sounds and for a moment after."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._playout: Playout | None = None
        self._sounds_until_s = -1.0

    def watch(self, playout: Playout) -> None:
        """Say which loudspeaker is meant; before that everything passes."""
        self._playout = playout

    def let_through(self, pcm: Pcm) -> Pcm:
        """What of a microphone frame [n] may be heard: the frame, or silence of its length."""
        now_s = self._clock()
        if self._playout is not None and self._playout.queued_samples:
            self._sounds_until_s = now_s + ROOM_TAIL_S
        return np.zeros_like(pcm) if now_s < self._sounds_until_s else pcm


def _choice(name: str) -> DeviceChoice:
    """A device by number or by a part of its name; empty is the system's default."""
    if not name:
        return None
    return int(name) if name.isdigit() else name
