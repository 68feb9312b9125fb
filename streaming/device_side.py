"""One direction of a sound card: its device, or silence where the device should be.

    open -> trouble -> stand-in -> (found again) -> open

While the device is away, or shut on purpose, a silent one stands in: time goes on for whoever
counts samples, a reply that plays comes to its end, a turn that was open is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from .devices import DeviceChoice, DeviceInfo, DeviceUnavailable, Stream, Xruns, choose_again

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SideReport:
    """How one direction fares; the counts are since the card was opened."""

    device: DeviceInfo | None
    """What is open now; None while it is away or shut."""
    n_xruns: int
    """Blocks that came late or were lost in the device."""
    n_gone: int
    """How often the device went away, stalled or failed."""
    n_reopened: int
    """How often its stream was opened anew, for whatever reason."""
    latency_s: float
    """Between a block's callback and its sound, as the device claims."""


class Side:
    """See the module's text. One thread at a time calls these methods.

    Args:
        name: for the log.
        choice: which device.
        output: whether it is the loudspeaker.
        open_device: starts the stream of a device.
        open_silence: starts the stand-in.
    """

    def __init__(
        self,
        name: str,
        choice: DeviceChoice,
        *,
        output: bool,
        open_device: Callable[[DeviceInfo, Xruns], Stream],
        open_silence: Callable[[Xruns], Stream],
    ) -> None:
        self.name = name
        self.xruns = Xruns()
        self.wanted = True
        """False while it is shut on purpose."""
        self.n_gone = 0
        self.n_reopened = 0
        self.clock: Callable[[], float] | None = None
        """The clock of what is open, or was last; goes on when it is closed."""
        self.opened_s = 0.0
        """When it was last opened, on the monotonic clock."""
        self._choice = choice
        self._output = output
        self._open_device = open_device
        self._open_silence = open_silence
        self._stream: Stream | None = None
        self._device: DeviceInfo | None = None
        self._before: DeviceInfo | None = None

    @property
    def device(self) -> DeviceInfo | None:
        """What is open now."""
        return self._device

    @property
    def away(self) -> bool:
        """Whether it should be open and is not."""
        return self.wanted and self._device is None

    def report(self) -> SideReport:
        """How it fares."""
        stream = self._stream
        latency_s = stream.latency_s if stream is not None else 0.0
        return SideReport(self._device, self.xruns.n, self.n_gone, self.n_reopened, latency_s)

    def trouble(self) -> str | None:
        """Why the open device gives or takes nothing more; None where all is well."""
        if self._device is None or self._stream is None:
            return None
        return self._stream.trouble()

    def among(self, devices: list[DeviceInfo]) -> DeviceInfo | None:
        """The device among those; None where it is not."""
        try:
            return choose_again(devices, self._choice, self._before, output=self._output)
        except DeviceUnavailable:
            return None

    def open(self, found: list[DeviceInfo]) -> None:
        """Opens the device among those the library knows, in the place of whatever was open.

        Raises:
            DeviceUnavailable: it is not there or does not open; then nothing is open.
        """
        device = choose_again(found, self._choice, self._before, output=self._output)
        self.close()
        self._stream = self._open_device(device, self.xruns)
        self.clock = self._stream.time_s
        self._device = self._before = device
        self.opened_s = time.monotonic()

    def open_again(self, found: list[DeviceInfo], level: int = logging.DEBUG) -> bool:
        """Opens the device, or the stand-in if that does not work; says whether it did, and
        logs at `level` why not.
        """
        was_open_once = self._before is not None
        self.xruns.calm()
        try:
            self.open(found)
        except DeviceUnavailable as error:
            log.log(level, "the %s is not there: %s", self.name, error)
            self.stand_in()
            return False
        self.n_reopened += was_open_once
        return True

    def stand_in(self) -> None:
        """Silence in its place."""
        self.close()
        self._stream = self._open_silence(self.xruns)
        self.clock = self._stream.time_s

    def close(self) -> None:
        """Nothing is open; twice is fine."""
        stream, self._stream, self._device = self._stream, None, None
        if stream is not None:
            stream.close()
