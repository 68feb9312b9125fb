"""From the device's blocks to even frames at the rate the daemon hears.

    device thread            SPSC queue, 2 s            DSP thread
    accept: copy one block -> |#|#|#|#| -> resample -> re-block -> on_frame(Frame)

The device's thread copies and leaves. When the DSP thread falls two seconds behind, blocks are
lost; silence of the same length takes their place, so indices stay true.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .clock import at_rate
from .frames import Frame, Pcm, samples
from .levels import LevelMeter
from .resample import BlockResampler, Quality
from .timeline import DeviceTimeline

log = logging.getLogger(__name__)

OnFrame = Callable[[Frame], None]
MOST_FAILURES = 50  # of the consumer, in a row: a second of sound


@dataclass(frozen=True, eq=False)
class _Block:
    """One device block, after `n_lost` samples that found no room.

    `offset_s` is the device time of the stream's sample 0 by this block's stamp.
    """

    pcm: Pcm
    n_lost: int
    offset_s: float


class Capture:
    """One microphone.

    Args:
        on_frame: is called in the DSP thread with each frame, in order.
        on_end: is called in the DSP thread when the source is over (files end; devices do not)
            or `on_frame` fails time and again; not after `close`.
        device_hz: rate of what is accepted.
        rate_hz: rate of the frames.
        frame_ms: their length.
        quality: soxr's recipe; LQ holds back 6 ms.
        room_s: how far the DSP thread may fall behind before sound is lost.
    """

    def __init__(
        self,
        on_frame: OnFrame,
        on_end: Callable[[], None] | None = None,
        *,
        device_hz: int = 48_000,
        rate_hz: int = 16_000,
        frame_ms: int = 20,
        quality: Quality = "LQ",
        room_s: float = 2.0,
    ) -> None:
        self.device_hz = device_hz
        self.rate_hz = rate_hz
        self.n_lost = 0
        """Samples at the device's rate that found no room."""
        self.meter = LevelMeter(rate_hz)
        self._on_frame = on_frame
        self._on_end = on_end
        self._frame_samples = samples(frame_ms, rate_hz)
        self._resampler = BlockResampler(device_hz, rate_hz, self._frame_samples, quality)
        self._position = 0
        self._offset_s = 0.0
        self._blocks: queue.SimpleQueue[_Block | None] = queue.SimpleQueue()
        self._room_samples = int(room_s * device_hz)
        self._n_accepted = 0
        self._n_taken = 0
        self._n_lost_lately = 0
        self._timeline = DeviceTimeline(device_hz)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._n_failures = 0
        """Of the consumer, in a row."""

    # --- the device's thread -------------------------------------------------------------

    def accept(self, pcm: Pcm, adc_time_s: float) -> bool:
        """Takes a block [n] whose first sample was taken at `adc_time_s`; copies it.

        Returns:
            Whether there was room; a file waits and tries again, a device cannot.
        """
        position = self._n_accepted + self.n_lost
        offset_s = self._timeline.stamp(position, adc_time_s) - position / self.device_hz
        if self.waiting_samples + len(pcm) > self._room_samples:
            return False
        self._blocks.put(_Block(pcm.copy(), self._n_lost_lately, offset_s))
        self._n_accepted += len(pcm)
        self._n_lost_lately = 0
        return True

    def lose(self, n: int) -> None:
        """`n` samples found no room: silence will stand for them."""
        self.n_lost += n
        self._n_lost_lately += n

    def end(self) -> None:
        """The source is over."""
        self._blocks.put(None)

    # --- any thread ----------------------------------------------------------------------

    @property
    def waiting_samples(self) -> int:
        """Samples accepted that the DSP thread has not taken yet, at the device's rate."""
        return self._n_accepted - self._n_taken

    def time_of(self, index: int) -> float | None:
        """Device time at which sample `index`, at `rate_hz`, was taken; None before any was."""
        return self._timeline.time_of(at_rate(index, self.rate_hz, self.device_hz))

    def restart_clock(self) -> None:
        """The device was opened anew: its stamps begin afresh."""
        self._timeline.restart()

    # --- the DSP thread ------------------------------------------------------------------

    def start(self) -> None:
        """Starts the DSP thread."""
        self._thread = threading.Thread(target=self._run, name="capture-dsp", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the DSP thread, after what it still has to do."""
        self._closed = True
        self.end()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def step(self, timeout_s: float | None = None) -> bool:
        """Handles one block, waiting for it at most `timeout_s` (None: for ever).

        Returns:
            Whether there is more to come: False once the source is over.
        """
        try:
            block = self._blocks.get(timeout_s != 0, timeout_s or None)
        except queue.Empty:
            return True
        if block is None:
            self._emit(self._resampler.flush())
            return False
        self._n_taken += len(block.pcm)
        self._offset_s = block.offset_s
        if block.n_lost:
            self._emit(self._resampler.feed(np.zeros(block.n_lost, dtype=np.float32)))
        self._emit(self._resampler.feed(block.pcm))
        return True

    def _run(self) -> None:
        more = True
        while more and self._n_failures < MOST_FAILURES:
            try:
                more = self.step()
            except Exception:  # the boundary of the DSP thread: one frame must not make it deaf
                self._n_failures += 1
                if self._n_failures == 1:
                    log.exception("the consumer of microphone sound failed; it is tried again")
        if more:
            log.error("the consumer of microphone sound keeps failing; nothing more is captured")
        if self._on_end is not None and not self._closed:
            self._on_end()

    def _emit(self, blocks: list[Pcm]) -> None:
        for pcm in blocks:
            self.meter.feed(pcm)
            time_s = self._offset_s + self._position / self.rate_hz
            frame = Frame(self._position, self.rate_hz, pcm, time_s)
            self._position = frame.end
            self._on_frame(frame)
            self._n_failures = 0
