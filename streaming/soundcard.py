"""One microphone and one loudspeaker, opened once and kept open.

    microphone -> Capture -> FrontEnd -> on_frame(Frame)  in the capture's DSP thread
    Playout -> loudspeaker; on_notice(Drained|Stopped)    in the notices' thread

A third thread tends the devices. A stream in a storm of xruns is opened anew. A device that went
away is replaced by silence and looked for until it is back. PortAudio sees a device that was
plugged in later only after every stream was closed: the other direction is interrupted for that
moment, once, when the device that is missed has been seen by another process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from .capture import Capture, OnFrame
from .device_file import NullBackend
from .device_side import Side, SideReport
from .devices import (
    DEVICE_HZ,
    Backend,
    DeviceChoice,
    DeviceInfo,
    DeviceUnavailable,
    Stream,
    Xruns,
)
from .echo import RATE_HZ, EchoCanceller
from .front_end import FrontEnd
from .playout import Notice, Playout
from .reference import Reference

log = logging.getLogger(__name__)

_TEND_EVERY_S = 0.25
_LOOK_AFTER_S = 1.0  # a device went away: the first look for it
_LOOK_AT_LEAST_EVERY_S = 10.0
_SCAN_AGAIN_S = 60.0  # for the same devices: the first time may have been a moment too early
_LASTING_S = 10.0  # open for so long, a device counts as well again
_STORM_PAUSE_S = 10.0  # where opening anew does not end a storm, doing it all the time is worse
_LONGEST_STORM_PAUSE_S = 300.0


@dataclass(frozen=True)
class CardReport:
    """How the card fares, for metrics and `doctor`."""

    microphone: SideReport
    loudspeaker: SideReport
    n_lost: int
    """Samples of the microphone, at 48 kHz, that found no room in the daemon."""
    n_starved: int
    """How often a reply's sound ran out before its end."""


class SoundCard:
    """Capture and playout over one backend.

    Args:
        backend: from `make_backend`, or a `FileBackend`.
        on_frame: is called with each captured frame.
        on_notice: is called when a generation has been heard to its end, or was stopped.
        on_end: is called when the microphone is a file and it is over.
        microphone: which one; see `choose`.
        loudspeaker: which one.
        canceller: takes the loudspeaker's sound out of the microphone's; None leaves it in.
        rate_hz: of the captured frames; other than at 16 kHz they come as they were captured,
            past the front end.
        frame_ms: their length.
        muted: begin with the microphone's stream closed, see `unmute`.
        patient: begin with silence where a device is not there yet, and wait for it; not on a
            machine without any.
        on_change: is called, in whatever thread, when a device was opened, closed or lost.

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
        canceller: EchoCanceller | None = None,
        rate_hz: int = RATE_HZ,
        frame_ms: int = 20,
        muted: bool = False,
        patient: bool = False,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        reference = Reference(DEVICE_HZ)
        self.playout = playout = Playout(DEVICE_HZ, time.monotonic, reference)
        self.front_end = FrontEnd(on_frame, reference, canceller, playout.duck)
        self.capture = capture = Capture(
            self.front_end if rate_hz == RATE_HZ else on_frame,
            on_end,
            device_hz=DEVICE_HZ,
            rate_hz=rate_hz,
            frame_ms=frame_ms,
        )
        self._backend = backend
        self._on_notice = on_notice
        self._on_change = on_change
        silence = NullBackend(self._now_s)
        nothing = silence.devices()[0]
        self._output = Side(
            "loudspeaker",
            loudspeaker,
            output=True,
            open_device=lambda device, xruns: self._loudspeaker(backend, device, xruns),
            open_silence=lambda xruns: self._loudspeaker(silence, nothing, xruns),
        )
        self._input = Side(
            "microphone",
            microphone,
            output=False,
            open_device=lambda device, xruns: backend.open_input(device, capture, xruns),
            open_silence=lambda xruns: silence.open_input(nothing, capture, xruns),
        )
        self._sides = (self._output, self._input)
        self._input.wanted = not muted
        self._closing = threading.Event()
        self._lock = threading.Lock()  # over both sides; no device's thread takes it
        self._look_at_s = 0.0
        self._look_pause_s = _LOOK_AFTER_S
        self._scanned: tuple[list[DeviceInfo], float] = ([], 0.0)
        """What was there when the library last looked anew, and when it was."""
        self._told: tuple[DeviceInfo | None, ...] = ()
        self._open_first(patient)
        capture.start()
        self._threads = [
            threading.Thread(target=self._give_notices, name="sound-notices", daemon=True),
            threading.Thread(target=self._tend, name="sound-devices", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    # --- how it fares --------------------------------------------------------------------

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
        return self._output.report().latency_s + self._input.report().latency_s

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the microphone's clock runs than the loudspeaker's; None while one of
        them is away or shut, and until both were watched for a while.
        """
        both = all(side.device is not None for side in self._sides)
        alignment = self.front_end.alignment
        return alignment.drift_ppm if both and alignment.drift_known else None

    @property
    def microphone_open(self) -> bool:
        """Whether a microphone can be heard at this moment: open, not muted, not away."""
        return self._input.device is not None

    def report(self) -> CardReport:
        """All of it."""
        return CardReport(
            self._input.report(),
            self._output.report(),
            self.capture.n_lost,
            self.playout.n_starved,
        )

    # --- opening and closing -------------------------------------------------------------

    def mute(self) -> None:
        """Closes the microphone's stream; silence is captured until `unmute`."""
        with self._lock:
            if self._closing.is_set() or not self._input.wanted:
                return
            self._input.wanted = False
            self._input.stand_in()
        self._tell()

    def unmute(self) -> None:
        """Opens the microphone again; one that is away is waited for."""
        with self._lock:
            if self._closing.is_set() or self._input.wanted:
                return
            self._input.wanted = True
            if not self._input.open_again(self._known_devices(), logging.WARNING):
                self._miss(self._input)
        self._tell()

    def close(self) -> None:
        """Ends both streams and the threads; closing twice is fine."""
        with self._lock:
            self._closing.set()
            for side in self._sides:
                side.close()
        self.capture.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=2.0)

    def __enter__(self) -> SoundCard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _loudspeaker(self, backend: Backend, device: DeviceInfo, xruns: Xruns) -> Stream:
        """Opens one, or the stand-in, which nobody hears."""
        self.playout.audible = backend is self._backend
        return backend.open_output(device, self.playout, xruns)

    def _open_first(self, patient: bool) -> None:
        found = self._backend.devices()
        patient = patient and bool(found)
        try:
            for side in self._sides:
                try:
                    if side.wanted:
                        side.open(found)
                    else:
                        side.stand_in()
                except DeviceUnavailable as error:
                    if not patient:
                        raise
                    log.warning("the %s is not there: %s", side.name, error)
                    side.stand_in()
        except Exception:
            for side in self._sides:
                side.close()
            raise
        self._told = tuple(side.device for side in self._sides)

    # --- notices -------------------------------------------------------------------------

    def _give_notices(self) -> None:
        while not self._closing.is_set():
            held = self.playout.next_notice(_TEND_EVERY_S)
            if held is None:
                continue
            wait_s = held[0] - self.playout.now_s()
            self._closing.wait(min(max(wait_s, 0.0), _TEND_EVERY_S))
            for notice in self.playout.notices():
                try:
                    if self._on_notice is not None:
                        self._on_notice(notice)
                except Exception:  # the boundary of this thread: a consumer's mistake
                    log.exception("the consumer of playout notices failed on %s", notice)

    # --- devices that come and go --------------------------------------------------------

    def _tend(self) -> None:
        while not self._closing.wait(_TEND_EVERY_S):
            try:
                self._tend_once()
            except Exception:  # the boundary of this thread: a driver's own way to fail
                log.exception("the sound devices could not be tended; it is tried again")
                self._closing.wait(_LOOK_AFTER_S)

    def _tend_once(self) -> None:
        with self._lock:
            for side in self._sides:
                if not self._closing.is_set():
                    self._check(side)
        self._tell()
        if any(side.away for side in self._sides) and time.monotonic() >= self._look_at_s:
            self._search()
            self._tell()

    def _check(self, side: Side) -> None:
        trouble = side.trouble()
        if trouble is not None:
            log.warning("the %s is gone, silence stands in for it: %s", side.name, trouble)
            side.stand_in()
            self._miss(side)
        elif side.device is not None and side.xruns.storm() and self._may_leave_storm(side):
            log.warning("the %s is opened anew: too many blocks came late", side.name)
            side.open_again(self._known_devices())

    def _may_leave_storm(self, side: Side) -> bool:
        """The first time at once, then after 10 s, 20 s, 40 s ..."""
        n_before = side.xruns.n_storms
        pause_s = min(_STORM_PAUSE_S * 2 ** min(n_before - 1, 9), _LONGEST_STORM_PAUSE_S)
        return not n_before or time.monotonic() - side.opened_s >= pause_s

    def _miss(self, side: Side) -> None:
        """From now on the device is looked for; soon, unless it goes time and again."""
        side.n_gone += 1
        if time.monotonic() - side.opened_s > _LASTING_S:
            self._look_pause_s = _LOOK_AFTER_S
        self._look_at_s = time.monotonic() + self._look_pause_s

    def _search(self) -> None:
        """Looks, and opens what is back."""
        try:
            found = self._backend.look()  # takes a moment, so without the lock
        except DeviceUnavailable as error:
            log.debug("no sound devices are found: %s", error)
            found = []
        with self._lock:
            if self._closing.is_set():
                return
            back = [side for side in self._sides if side.away and side.among(found)]
            if back:
                self._bring_back(back, found)
            self._look_pause_s = min(self._look_pause_s * 1.5, _LOOK_AT_LEAST_EVERY_S)
            self._look_at_s = time.monotonic() + self._look_pause_s

    def _bring_back(self, back: list[Side], found: list[DeviceInfo]) -> None:
        """Opens what is back; closes the rest for a moment if the library has to look anew."""
        if not all(self._knows(side, found) for side in back) and not self._scanned_for(found):
            for side in self._sides:
                side.close()
            try:
                self._backend.rescan()
                self._scanned = (found, time.monotonic())
            except DeviceUnavailable as error:
                log.warning("%s", error)
        for side in self._sides:
            if side.away and side.open_again(self._known_devices()):
                device = side.device
                log.info("the %s is open again: %s", side.name, device and device.name)
            elif not side.wanted:
                side.stand_in()

    def _knows(self, side: Side, found: list[DeviceInfo]) -> bool:
        """Whether the library knows the device that another process has found."""
        here, there = side.among(self._known_devices()), side.among(found)
        if here is None or there is None:
            return False
        return (here.name, here.host) == (there.name, there.host)

    def _scanned_for(self, found: list[DeviceInfo]) -> bool:
        """Whether the library has just looked for those: a device that it does not name as the
        other process does, or that does not open, is no reason to interrupt the other direction
        time and again.
        """
        before, at_s = self._scanned
        return before == found and time.monotonic() - at_s < _SCAN_AGAIN_S

    def _now_s(self) -> float:
        """The devices' clock, on which a stand-in goes on; 0 before any was open."""
        clocks = (side.clock for side in self._sides)
        return next((clock() for clock in clocks if clock is not None), 0.0)

    def _known_devices(self) -> list[DeviceInfo]:
        try:
            return self._backend.devices()
        except DeviceUnavailable as error:
            log.debug("no sound devices are known: %s", error)
            return []

    def _tell(self) -> None:
        """Says once that other devices are open than before."""
        now = tuple(side.device for side in self._sides)
        if now == self._told:
            return
        self._told = now
        try:
            if self._on_change is not None:
                self._on_change()
        except Exception:  # the boundary of this thread: a consumer's mistake
            log.exception("the consumer of device changes failed")
