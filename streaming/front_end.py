"""Between the microphone and whoever listens: the loudspeaker's own sound is taken out.

    Capture --Frame--> 10 ms blocks --> canceller --> on_frame(Frame)
                            ^ far end, 20 ms ahead of its echo
    Playout --> Reference --+  read where both devices' clocks say

It runs in the capture's thread and knows no clock but the devices' stamps, so that a simulated
room can drive it as fast as it likes. Each device's clock is a line through its stamps; how the
two drift apart is measured by that, and corrected by reading the reference at the microphone's
pace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from .capture import OnFrame
from .echo import BLOCK_SAMPLES, RATE_HZ, EchoCanceller, Rung
from .echo_delay import EchoDelay
from .echo_gate import PassThrough
from .echo_levels import FarLevel
from .frames import Frame, Pcm, Reblocker
from .reference import FractionalReader, Reference
from .timeline import ClockLine

log = logging.getLogger(__name__)

LEAD_S = 0.02  # by which the far end is ahead of its echo: stamps are not true to the sample
LEAST_LEAD_S = 0.002
PATIENCE_BLOCKS = 20
MAX_JUMP_S = 0.005  # beyond this the reference is read anew elsewhere; below it glides there
MAX_SLEW = 0.0005  # of its pace
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
        self.n_jumps = 0
        """How often the reference had to be found anew: devices opened anew, sound lost."""
        self.far_position = 0.0
        """Where in the reference the next block of the microphone is looked for."""
        self._on_frame = on_frame
        self._on_reply_gain = on_reply_gain
        self._reference = reference
        self._reader = FractionalReader(reference, RATE_HZ)
        self._microphone = ClockLine(RATE_HZ)
        self._loudspeaker = ClockLine(reference.rate_hz)
        self._blocks = Reblocker(BLOCK_SAMPLES)
        self._next = 0
        self._lead_s = LEAD_S
        self._n_missing = 0
        self._delay = EchoDelay()
        self._n_playing = 0
        self._aligned = False
        self._max_jump = MAX_JUMP_S * reference.rate_hz
        self._far_level = FarLevel()
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

    @property
    def drift_ppm(self) -> float:
        """How much faster the microphone's clock runs than the loudspeaker's."""
        return self._microphone.drift_ppm - self._loudspeaker.drift_ppm

    # --- the capture's thread --------------------------------------------------------------

    def __call__(self, frame: Frame) -> None:
        """One more frame of the microphone, at 16 kHz and of any length; what does not fill a
        block of 10 ms waits for the next.
        """
        if frame.start != self._next + len(self._blocks.waiting):
            self._blocks.flush()
            self._delay.restart()
            self._next = frame.start
        for position, time_s in self._reference.take_stamps():
            self._loudspeaker.feed(position, time_s)
        if frame.time_s is not None:
            self._microphone.feed(frame.start, frame.time_s)
        self._emit(self._blocks.feed(frame.pcm))

    def _emit(self, blocks: list[Pcm]) -> None:
        """Cleans blocks and hands them on as one frame."""
        if not blocks:
            return
        start = self._next
        cleaned = [self._clean(start + i * BLOCK_SAMPLES, near) for i, near in enumerate(blocks)]
        pcm = np.concatenate(cleaned) if len(cleaned) > 1 else cleaned[0]
        self._next += len(pcm)
        time_s = self._microphone.time_of(start)
        self._on_frame(Frame(start, RATE_HZ, pcm, time_s, self._far_level.playing))

    def _clean(self, start: int, near: Pcm) -> Pcm:
        """Block `near` [160] from sample `start` on, without echo."""
        far = self._far(start)
        self._far_level.feed(far)
        self._mind_delay(near, far)
        out = self.canceller.cancel(near, far)
        gain = self.canceller.reply_gain
        if gain != self._reply_gain and self._on_reply_gain is not None:
            self._on_reply_gain(gain)
        self._reply_gain = gain
        return out

    def _far(self, start: int) -> Pcm:
        """What the loudspeaker played a little later than the microphone took block `start`;
        silence where nobody wants to know.
        """
        here, following = self._wanted(start), self._wanted(start + BLOCK_SAMPLES)
        if here is None or following is None or self.kind == "none":
            self._aligned = False
            return np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        if not self._aligned or abs(here - self.far_position) > self._max_jump:
            self.n_jumps += self._aligned
            self._aligned = True
            self._delay.restart()
            self.far_position = here
        first, step = self.far_position, BLOCK_SAMPLES * self._reader.stride
        slip = following - first - step
        slip = min(max(slip, -MAX_SLEW * step), MAX_SLEW * step)
        self.far_position = first + step + slip
        self._mind_lead(self.far_position + self._reader.half)
        return self._reader.read(first, self.far_position, BLOCK_SAMPLES)

    def _wanted(self, index: int) -> float | None:
        """Where in the reference lies what is played `lead` after microphone sample `index`."""
        time_s = self._microphone.time_of(index)
        return None if time_s is None else self._loudspeaker.position_of(time_s + self._lead_s)

    def _mind_lead(self, needed: float) -> None:
        """Where devices are quicker than the lead, what is needed is not written yet: a smaller
        lead then, unless it was a moment's trouble.
        """
        missing_s = (needed - self._reference.end) / self._reference.rate_hz
        self._n_missing = self._n_missing + 1 if 0 < missing_s < 2 * LEAD_S else 0
        if self._n_missing >= PATIENCE_BLOCKS:
            self._n_missing = 0
            less_s = max(self._lead_s - missing_s - LEAST_LEAD_S, LEAST_LEAD_S)
            self._lead_s = min(self._lead_s, less_s)

    def _mind_delay(self, near: Pcm, far: Pcm) -> None:
        """Where the canceller does not work, stamps may be too wrong for it: listen how late the
        echo is, and read the reference by that much elsewhere.
        """
        if self.kind == "none":
            return
        self._delay.feed(near, far)
        self._n_playing += self._far_level.playing
        if self._n_playing < CHECK_BLOCKS:
            return
        self._n_playing = 0
        late_s = self._delay.find() if (self.erle_db or 0.0) < WORKING_DB else None
        if late_s is not None and not EARLIEST_S <= late_s <= LATEST_S:
            self._lead_s += LEAD_S - late_s
            log.info("the echo comes %.0f ms after its stamps", (late_s - LEAD_S) * 1000)
