"""What a sound device is to the daemon, whichever library or file stands behind it.

    kind          library                          for
    sounddevice   PortAudio through sounddevice    the real thing
    pyaudio       PortAudio through PyAudio        where PyAudio is what is installed
    file          WAV files, paced or not          tests, `talk --input`, the demo
    null          silence in, nothing out          a daemon without sound

Devices run at 48 kHz in blocks of 10 ms: there their time stamps are good to about 1 ms.
"""

from __future__ import annotations

import importlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast, get_args

if TYPE_CHECKING:  # a process that only lists devices needs neither
    from .capture import Capture
    from .playout import Playout

DEVICE_HZ = 48_000
BLOCK_SAMPLES = 480

BackendName = Literal["auto", "sounddevice", "pyaudio", "null"]
DeviceChoice = int | str | None
"""A device's index, a part of its name, or None for the system's default."""


class DeviceUnavailable(Exception):
    """No sound can be had; the message says what to install or to choose."""


@dataclass(frozen=True)
class DeviceInfo:
    """One sound device as its library names it."""

    index: int
    name: str
    host: str
    n_inputs: int
    n_outputs: int
    default_input: bool = False
    default_output: bool = False


class Xruns:
    """Counts blocks that came late or were lost, and calls more than `limit` in `window_s` a
    storm: some drivers fall into one and only leave it when the stream is opened anew.
    """

    def __init__(self, limit: int = 20, window_s: float = 1.0) -> None:
        self.n = 0
        self.n_storms = 0
        """Storms left behind by opening the stream anew."""
        self.limit = limit
        self.window_s = window_s
        self._lately: deque[float] = deque(maxlen=limit + 1)

    def count(self, now_s: float) -> None:
        """One more at `now_s`; safe in a device's thread."""
        self.n += 1
        self._lately.append(now_s)

    def storm(self) -> bool:
        """Whether the last `limit` + 1 all came within `window_s`."""
        times = list(self._lately)
        return len(times) > self.limit and times[-1] - times[0] <= self.window_s

    def calm(self) -> None:
        """The stream was opened anew: the storm is over, the count stays."""
        if self.storm():
            self.n_storms += 1
        self._lately.clear()


class DeviceClock:
    """A device's clock that goes on by itself while the device cannot be asked.

    Args:
        read: gives the device's seconds.
        errors: what it raises when its stream is closed or gone.
    """

    def __init__(self, read: Callable[[], float], errors: type[Exception]) -> None:
        self._read = read
        self._errors = errors
        self._ahead_s = 0.0
        """Of the machine's monotonic clock, when the device was last asked."""
        self._stopped = False
        self._lock = threading.Lock()  # no device's thread takes it

    def now(self) -> float:
        """Seconds, the same that stamp the device's blocks."""
        with self._lock:
            if not self._stopped:
                try:
                    now_s = float(self._read())
                except self._errors:
                    pass
                else:
                    self._ahead_s = now_s - time.monotonic()
                    return now_s
            return time.monotonic() + self._ahead_s

    def stop(self) -> None:
        """The device is about to be closed: it is not asked any more, not even at this moment."""
        with self._lock:
            self._stopped = True


class Pulse:
    """Whether a device's blocks still come: its thread beats, another one listens.

    Args:
        longest_s: silence that is taken for the end. Sound servers may hold blocks back for
            two seconds and hand them out at once.
    """

    def __init__(self, longest_s: float = 3.0) -> None:
        self.longest_s = longest_s
        self.failure: Exception | None = None
        """What the callback raised, if it did."""
        self._n_beats = 0
        self._n_seen = -1
        self._seen_s = 0.0

    def beat(self) -> None:
        """One more block; in the device's thread."""
        self._n_beats += 1

    def trouble(self, active: bool, now_s: float) -> str | None:
        """What is wrong, in words, if something is; `active` is what the library says."""
        if self.failure is not None:
            return f"its callback failed ({type(self.failure).__name__}: {self.failure})"
        if not active:
            return "its device stopped"
        if self._n_beats != self._n_seen:
            self._n_seen, self._seen_s = self._n_beats, now_s
        if now_s - self._seen_s > self.longest_s:
            return f"no sound came or went for {self.longest_s:.0f} s"
        return None


class Stream(Protocol):
    """An open input or output."""

    @property
    def latency_s(self) -> float:
        """Between a block's callback and its sound, as the device claims."""
        ...

    def time_s(self) -> float:
        """The device's clock, the same that stamps its blocks."""
        ...

    def trouble(self) -> str | None:
        """Why no more blocks come, in words: unplugged, failed, stalled; None while they do."""
        ...

    def close(self) -> None:
        """Ends it; closing twice is fine."""
        ...


class Backend(Protocol):
    """A library of devices."""

    @property
    def name(self) -> str:
        """As in the table above."""
        ...

    def devices(self) -> list[DeviceInfo]:
        """What was there when the library was loaded, or at the last `rescan`; raises
        DeviceUnavailable when the library itself cannot work.
        """
        ...

    def look(self) -> list[DeviceInfo]:
        """What is there now. Takes a moment, disturbs no open stream; raises as `devices`."""
        ...

    def rescan(self) -> None:
        """Makes `devices` true again; every stream must have been closed. Raises as `devices`."""
        ...

    def open_input(self, device: DeviceInfo, capture: Capture, xruns: Xruns) -> Stream:
        """Starts a microphone that feeds `capture`."""
        ...

    def open_output(self, device: DeviceInfo, playout: Playout, xruns: Xruns) -> Stream:
        """Starts a loudspeaker that plays `playout`, and attaches its clock to it."""
        ...


_MODULES = {
    "sounddevice": (".device_sounddevice", "SounddeviceBackend"),
    "pyaudio": (".device_pyaudio", "PyAudioBackend"),
    "null": (".device_file", "NullBackend"),
}


def make_backend(name: BackendName = "auto") -> Backend:
    """A backend by name; "auto" is sounddevice, or pyaudio where only that one loads.

    Raises:
        DeviceUnavailable: its library is missing.
    """
    if name != "auto":
        if name not in _MODULES:
            choices = ", ".join(get_args(BackendName))
            raise ValueError(f"unknown sound backend {name!r}; use one of {choices}")
        module, made = _MODULES[name]
        return cast(Backend, getattr(importlib.import_module(module, __package__), made)())
    try:
        return make_backend("sounddevice")
    except DeviceUnavailable as reason:
        try:
            return make_backend("pyaudio")
        except DeviceUnavailable:
            raise reason from None


def choose(devices: list[DeviceInfo], choice: DeviceChoice, *, output: bool) -> DeviceInfo:
    """The device meant by an index, a part of a name (case does not matter), or by nothing.

    Raises:
        DeviceUnavailable: none or several fit; the message lists what there is.
    """
    kind = "loudspeaker" if output else "microphone"
    fit = [d for d in devices if (d.n_outputs if output else d.n_inputs) > 0]
    if not fit:
        raise DeviceUnavailable(
            f"no {kind} was found on this machine; connect one, or run without sound (--no-audio)"
        )
    if choice is None:
        return next((d for d in fit if (d.default_output if output else d.default_input)), fit[0])
    if isinstance(choice, int) or choice.isdecimal():
        named = [d for d in fit if d.index == int(choice)]
    else:
        exact = [d for d in fit if d.name == choice]
        named = exact or [d for d in fit if choice.lower() in d.name.lower()]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(f"{d.index}: {d.name}" for d in (named or fit))
    why = "several devices fit" if named else "no device fits"
    raise DeviceUnavailable(f"{why} the {kind} {choice!r}; choose one of {listed}")


def choose_again(
    devices: list[DeviceInfo], choice: DeviceChoice, before: DeviceInfo | None, *, output: bool
) -> DeviceInfo:
    """The device that was open before, under whatever index it has now.

    Where none was chosen it is the system's default of now, which may be another one; but not
    just any device, such as a recording of what the loudspeaker plays.

    Raises:
        DeviceUnavailable: it is not there.
    """
    if before is None:
        return choose(devices, choice, output=output)
    if choice is None:
        for device in devices:
            if device.default_output if output else device.default_input:
                return device
    for device in devices:
        there = (device.n_outputs if output else device.n_inputs) > 0
        if there and device.host == before.host and _plain(device) == _plain(before):
            return device
    if choice is None or isinstance(choice, int) or choice.isdecimal():
        raise DeviceUnavailable(f"{before.name!r} is not there")
    return choose(devices, choice, output=output)


def _plain(device: DeviceInfo) -> str:
    """Its name without the card number that ALSA adds: plugged in again, it may get another."""
    return re.sub(r" \(hw:\d+,\d+\)$", "", device.name)
