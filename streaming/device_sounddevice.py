"""PortAudio through sounddevice.

PortAudio calls from its own thread. The callbacks here copy one block and leave: no lock, no
log, no other Python work; what they raise is kept for the thread that tends the streams.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

from .device_listing import look_apart
from .devices import (
    BLOCK_SAMPLES,
    DEVICE_HZ,
    DeviceClock,
    DeviceInfo,
    DeviceUnavailable,
    Pulse,
    Xruns,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from .capture import Capture
    from .playout import Playout

INSTALL_PORTAUDIO = (
    "sound needs the PortAudio library; apt install libportaudio2 (Debian, Ubuntu), "
    "dnf install portaudio (Fedora) or brew install portaudio (macOS); "
    "or run without sound (--no-audio)"
)


class SounddeviceBackend:
    """Devices as sounddevice lists them.

    Raises:
        DeviceUnavailable: sounddevice or PortAudio is missing.
    """

    name = "sounddevice"

    def __init__(self) -> None:
        try:
            self._sd: Any = importlib.import_module("sounddevice")
        except ImportError as error:
            raise DeviceUnavailable(
                "sound needs the package sounddevice: pip install sounddevice"
            ) from error
        except OSError as error:  # how sounddevice says that PortAudio is not there
            raise DeviceUnavailable(INSTALL_PORTAUDIO) from error

    def devices(self) -> list[DeviceInfo]:
        try:
            found, hosts = self._sd.query_devices(), self._sd.query_hostapis()
        except self._sd.PortAudioError as error:
            raise DeviceUnavailable(f"the sound devices cannot be listed: {error}") from error
        default_input, default_output = self._defaults(hosts)
        return [
            DeviceInfo(
                index=index,
                name=device["name"],
                host=hosts[device["hostapi"]]["name"],
                n_inputs=device["max_input_channels"],
                n_outputs=device["max_output_channels"],
                default_input=index == default_input,
                default_output=index == default_output,
            )
            for index, device in enumerate(found)
        ]

    def _defaults(self, hosts: Any) -> tuple[int, int]:
        """Indices of the default microphone and loudspeaker; -1 where there is none."""
        chosen_input, chosen_output = self._sd.default.device
        first = hosts[0] if hosts else {}
        if chosen_input < 0:
            chosen_input = first.get("default_input_device", -1)
        if chosen_output < 0:
            chosen_output = first.get("default_output_device", -1)
        return chosen_input, chosen_output

    def look(self) -> list[DeviceInfo]:
        return look_apart(self.name)

    def rescan(self) -> None:
        """PortAudio looks for devices only when it is initialised, and sounddevice has no public
        way to do that again.
        """
        try:
            while self._sd._initialized:
                self._sd._terminate()
            self._sd._initialize()
        except self._sd.PortAudioError as error:
            raise DeviceUnavailable(f"the sound devices cannot be listed: {error}") from error

    def open_input(self, device: DeviceInfo, capture: Capture, xruns: Xruns) -> SounddeviceStream:
        def callback(block: npt.NDArray[Any], n: int, time: Any, status: Any) -> None:
            if status.input_overflow:
                xruns.count(time.currentTime)
            pcm = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
            if not capture.accept(pcm, time.inputBufferAdcTime or time.currentTime):
                capture.lose(n)

        stream = SounddeviceStream(self._sd, "InputStream", device, callback, _latency(xruns))
        capture.restart_clock()
        stream.start()
        return stream

    def open_output(self, device: DeviceInfo, playout: Playout, xruns: Xruns) -> SounddeviceStream:
        def callback(block: npt.NDArray[Any], n: int, time: Any, status: Any) -> None:
            if status.output_underflow:
                xruns.count(time.currentTime)
            dac_time_s = time.outputBufferDacTime or time.currentTime + stream.latency_s
            playout.fill(block[:, 0], dac_time_s)
            block[:, 1:] = block[:, :1]

        stream = SounddeviceStream(self._sd, "OutputStream", device, callback, _latency(xruns))
        playout.attach(stream.time_s)
        stream.start()
        return stream


class SounddeviceStream:
    """One open stream, mono where the device can, else its first two channels."""

    def __init__(
        self, sd: Any, kind: str, device: DeviceInfo, callback: Any, latency: float | str
    ) -> None:
        self._sd = sd
        self._wanted_latency = latency
        self._callback = callback
        self._pulse = Pulse()
        n_channels = device.n_outputs if kind == "OutputStream" else device.n_inputs
        attempts = [1] if n_channels == 1 else [1, 2]
        self._stream = self._open(kind, device, attempts)
        self._latency_s = float(self._stream.latency)
        self._clock = DeviceClock(lambda: self._stream.time, sd.PortAudioError)

    @property
    def latency_s(self) -> float:
        return self._latency_s

    def start(self) -> None:
        """Lets the callbacks come."""
        try:
            self._stream.start()
        except self._sd.PortAudioError as error:
            self._stream.close()
            raise DeviceUnavailable(f"the sound device does not start: {error}") from error

    def time_s(self) -> float:
        return self._clock.now()

    def trouble(self) -> str | None:
        try:
            active = bool(self._stream.active)
        except self._sd.PortAudioError:
            active = False
        return self._pulse.trouble(active, time.monotonic())

    def close(self) -> None:
        self._clock.stop()
        self._stream.close()

    def _open(self, kind: str, device: DeviceInfo, attempts: list[int]) -> Any:
        reason: Exception | None = None
        for n_channels in attempts:
            try:
                return getattr(self._sd, kind)(
                    samplerate=DEVICE_HZ,
                    blocksize=BLOCK_SAMPLES,
                    device=device.index,
                    channels=n_channels,
                    dtype="float32",
                    latency=self._wanted_latency,
                    callback=self._guarded,
                )
            except self._sd.PortAudioError as error:
                reason = reason or error
        raise DeviceUnavailable(
            f"the sound device {device.name!r} cannot be opened at {DEVICE_HZ} Hz ({reason}); "
            "`vivavoce devices` lists the others"
        )

    def _guarded(self, block: npt.NDArray[Any], n: int, time: Any, status: Any) -> None:
        self._pulse.beat()
        try:
            self._callback(block, n, time, status)
        except Exception as error:  # the boundary of the device's thread; tended by SoundCard
            self._pulse.failure = error
            raise self._sd.CallbackAbort from error


def _latency(xruns: Xruns) -> float | str:
    """As low as the device offers; once that ended in a storm, 60 ms."""
    return 0.06 if xruns.n_storms else "low"
