"""Between the microphone and whoever listens: the loudspeaker's own sound is taken out.

    Capture --Frame--> 10 ms blocks --> canceller --> on_frame(Frame)
                            ^ far end, 20 ms ahead of its echo
    Playout --> Reference --+  Alignment: read where both devices' clocks say

It runs in the capture's thread and knows no clock but the devices' stamps, so that a simulated
room can drive it as fast as it likes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from .alignment import LEAD_S, Alignment
from .capture import OnFrame
from .echo import BLOCK_SAMPLES, RATE_HZ, EchoCanceller, Rung
from .echo_delay import EchoDelay
from .echo_gate import PassThrough
from .echo_levels import FarLevel
from .frames import Frame, Pcm, Reblocker
from .reference import Reference

log = logging.getLogger(__name__)

CHECK_BLOCKS = 300  # of playing, after which a canceller must have shown that it works
WORKING_DB = 15.0
EARLIEST_S, LATEST_S = 0.003, 0.3  # echo behind its far end that cancellers find themselves


class FrontEnd:
    """Cleans one microphone of one loudspeaker.

    Args:
        on_frame: gets the frames, with the indices they came with; `playing` in them says
            whether the loudspeaker may be heard.
        reference: what is played.
        canceller: takes the echo out; None for a loudspeaker that the microphone does not hear.
        on_reply_gain: is told when the canceller wants the reply softer, or as it was.
    """

    def __init__(
        self,
        on_frame: OnFrame,
        reference: Reference,
        canceller: EchoCanceller | None = None,
        on_reply_gain: Callable[[float], None] | None = None,
    ) -> None:
        self.canceller: EchoCanceller = canceller or PassThrough()
        self.alignment = Alignment(reference)
        self._on_frame = on_frame
        self._on_reply_gain = on_reply_gain
        self._blocks = Reblocker(BLOCK_SAMPLES)
        self._next = 0
        self._far_level = FarLevel()
        self._delay = EchoDelay()
        self._n_playing = self._n_found = 0
        self._reply_gain = 1.0

    # --- any thread ----------------------------------------------------------------------

    @property
    def kind(self) -> Rung:
        """What is done about echo at this moment."""
        return self.canceller.kind

    @property
    def erle_db(self) -> float | None:
        """How much softer the canceller makes the echo, decibels; None before it is known."""
        return self.canceller.erle_db

    # --- the capture's thread --------------------------------------------------------------

    def __call__(self, frame: Frame) -> None:
        """One more frame of the microphone, at 16 kHz and of any length; what does not fill a
        block of 10 ms waits for the next.
        """
        if frame.start != self._next + len(self._blocks.waiting):
            self._blocks.flush()
            self._delay.restart()
            self._next = frame.start
        self.alignment.take_stamps(frame)
        self._emit(self._blocks.feed(frame.pcm))

    def _emit(self, blocks: list[Pcm]) -> None:
        """Cleans blocks and hands them on as one frame."""
        if not blocks:
            return
        start = self._next
        cleaned = [self._clean(start + i * BLOCK_SAMPLES, near) for i, near in enumerate(blocks)]
        pcm = np.concatenate(cleaned) if len(cleaned) > 1 else cleaned[0]
        self._next += len(pcm)
        time_s = self.alignment.time_of(start)
        self._on_frame(Frame(start, RATE_HZ, pcm, time_s, self._far_level.playing))

    def _clean(self, start: int, near: Pcm) -> Pcm:
        """Block `near` [160] from sample `start` on, without echo."""
        if self.kind == "none":
            return self.canceller.cancel(near, np.zeros_like(near))
        far = self.alignment.far(start)
        self._far_level.feed(far)
        self._mind_delay(near, far)
        out = self.canceller.cancel(near, far)
        gain = self.canceller.reply_gain
        if gain != self._reply_gain and self._on_reply_gain is not None:
            self._on_reply_gain(gain)
        self._reply_gain = gain
        return out

    def _mind_delay(self, near: Pcm, far: Pcm) -> None:
        """Where the canceller does not work, stamps may be too wrong for it: listen how late the
        echo is, and read the reference by that much elsewhere.
        """
        if self.alignment.n_found != self._n_found:
            self._n_found = self.alignment.n_found
            self._delay.restart()
        self._delay.feed(near, far)
        self._n_playing += self._far_level.playing
        if self._n_playing < CHECK_BLOCKS:
            return
        self._n_playing = 0
        late_s = self._delay.find() if (self.erle_db or 0.0) < WORKING_DB else None
        if late_s is not None and not EARLIEST_S <= late_s <= LATEST_S:
            self.alignment.heard_late(late_s)
            log.info("the echo comes %.0f ms after its stamps", (late_s - LEAD_S) * 1000)
