"""One microphone and one loudspeaker, opened once and kept open.

    microphone -> Capture -> on_frame(Frame)            in the capture's DSP thread
    Playout -> loudspeaker; on_notice(Drained|Stopped)  in the tending thread

The tending thread gives playout's notices when their sample has sounded, and opens a stream
anew when it falls into a storm of xruns, when its callback failed or when its device went away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from .capture import Capture, OnFrame
from .devices import DEVICE_HZ, Backend, DeviceChoice, DeviceUnavailable, Stream, Xruns
from .playout import Notice, Playout

log = logging.getLogger(__name__)

_TEND_EVERY_S = 0.25
_RETRY_AFTER_S = 2.0


class SoundCard:
    """Capture and playout over one backend.

    Args:
        backend: from `make_backend`, or a `FileBackend`.
        on_frame: is called with each captured frame.
        on_notice: is called when a generation has been heard to its end, or was stopped.
        on_end: is called when the microphone is a file and it is over.
        microphone: which one; see `choose`.
        loudspeaker: which one.
        rate_hz: of the captured frames.
        frame_ms: their length.

    Raises:
        DeviceUnavailable: a device cannot be had; nothing is left open.
    """

    def __init__(
        self,
        backend: Backend,
        on_frame: OnFrame,
        on_notice: Callable[[Notice], None] | None = None,
        on_end: Callable[[], None] | None = None,
        *,
        microphone: DeviceChoice = None,
        loudspeaker: DeviceChoice = None,
        rate_hz: int = 16_000,
        frame_ms: int = 20,
    ) -> None:
        self.capture = Capture(
            on_frame, on_end, device_hz=DEVICE_HZ, rate_hz=rate_hz, frame_ms=frame_ms
        )
        self.playout = Playout(DEVICE_HZ, time.monotonic)
        self._on_notice = on_notice
        self._closing = threading.Event()
        self._output = _Side(
            "loudspeaker", lambda xruns: backend.open_output(loudspeaker, self.playout, xruns)
        )
        self._input = _Side(
            "microphone", lambda xruns: backend.open_input(microphone, self.capture, xruns)
        )
        self._output.open()
        try:
            self._input.open()
        except Exception:
            self._output.close()
            raise
        self.capture.start()
        self._thread = threading.Thread(target=self._tend, name="sound-card", daemon=True)
        self._thread.start()

    @property
    def n_underflows(self) -> int:
        """Blocks that the loudspeaker wanted and did not get in time."""
        return self._output.xruns.n

    @property
    def n_overflows(self) -> int:
        """Blocks of the microphone that came too late to be taken."""
        return self._input.xruns.n

    @property
    def n_reopened(self) -> int:
        """How often a stream had to be opened anew."""
        return self._output.n_reopened + self._input.n_reopened

    @property
    def latency_s(self) -> float:
        """From microphone to loudspeaker, as the devices claim."""
        return self._output.latency_s() + self._input.latency_s()

    def close(self) -> None:
        """Ends both streams and the threads; closing twice is fine."""
        self._closing.set()
        self._input.close()
        self._output.close()
        self.capture.close()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def __enter__(self) -> SoundCard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _tend(self) -> None:
        while not self._closing.is_set():
            held = self.playout.next_notice(_TEND_EVERY_S)
            if held is not None:
                wait_s = held[0] - self.playout.now_s()
                self._closing.wait(min(max(wait_s, 0.0), _TEND_EVERY_S))
                self._give_notices()
            self._output.tend()
            self._input.tend()

    def _give_notices(self) -> None:
        for notice in self.playout.notices():
            try:
                if self._on_notice is not None:
                    self._on_notice(notice)
            except Exception:  # the boundary of the tending thread: a consumer's mistake
                log.exception("the consumer of playout notices failed on %s", notice)


class _Side:
    """One direction: its stream, its troubles, and opening it anew."""

    def __init__(self, name: str, open_stream: Callable[[Xruns], Stream]) -> None:
        self.xruns = Xruns()
        self.n_reopened = 0
        self._name = name
        self._open_stream = open_stream
        self._stream: Stream | None = None
        self._retry_at_s = 0.0
        self._closed = False
        self._lock = threading.Lock()  # between closing and tending; no device thread takes it

    def open(self) -> None:
        self._stream = self._open_stream(self.xruns)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._drop()

    def latency_s(self) -> float:
        stream = self._stream
        return stream.latency_s if stream is not None else 0.0

    def tend(self) -> None:
        """Opens the stream anew if it needs that; tries again later where it does not work."""
        with self._lock:
            trouble = None if self._closed else self._trouble()
            if trouble is None or time.monotonic() < self._retry_at_s:
                return
            if self._stream is not None:
                log.warning("the %s is opened anew: %s", self._name, trouble)
            self._drop()
            self.xruns.calm()
            self._retry_at_s = time.monotonic() + _RETRY_AFTER_S
            try:
                self.open()
            except DeviceUnavailable as error:
                log.debug("the %s is still away: %s", self._name, error)
                return
            self.n_reopened += 1
            log.info("the %s is open again", self._name)

    def _trouble(self) -> str | None:
        if self._stream is None:
            return "it went away"
        if (failure := self._stream.failure()) is not None:
            return f"its callback failed ({type(failure).__name__}: {failure})"
        if not self._stream.active():
            return "its device stopped"
        return "too many blocks came late" if self.xruns.storm() else None

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
