"""PortAudio through PyAudio: the same engine as sounddevice, for where only this is installed.

PyAudio hands over bytes, so each block costs one more copy.
"""

from __future__ import annotations

import importlib
import os
import time as clocks
from typing import TYPE_CHECKING, Any

import numpy as np

from .device_listing import look_apart
from .device_sounddevice import INSTALL_PORTAUDIO
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
    from .capture import Capture
    from .playout import Playout


class PyAudioBackend:
    """Devices as PyAudio lists them.

    Raises:
        DeviceUnavailable: PyAudio or PortAudio is missing.
    """

    name = "pyaudio"

    def __init__(self) -> None:
        try:
            self._pa: Any = importlib.import_module("pyaudio")
        except ImportError as error:
            raise DeviceUnavailable(
                "the sound backend pyaudio needs the package PyAudio (pip install pyaudio, "
                f"a compiler and portaudio19-dev), or choose sounddevice; {INSTALL_PORTAUDIO}"
            ) from error
        self._host = _initialised(self._pa)

    def devices(self) -> list[DeviceInfo]:
        try:
            return self._devices()
        except OSError as error:
            raise DeviceUnavailable(f"the sound devices cannot be listed: {error}") from error

    def _devices(self) -> list[DeviceInfo]:
        defaults = (
            self._default("get_default_input_device_info"),
            self._default("get_default_output_device_info"),
        )
        found = [
            self._host.get_device_info_by_index(index)
            for index in range(self._host.get_device_count())
        ]
        return [
            DeviceInfo(
                index=device["index"],
                name=device["name"],
                host=self._host.get_host_api_info_by_index(device["hostApi"])["name"],
                n_inputs=device["maxInputChannels"],
                n_outputs=device["maxOutputChannels"],
                default_input=device["index"] == defaults[0],
                default_output=device["index"] == defaults[1],
            )
            for device in found
        ]

    def look(self) -> list[DeviceInfo]:
        return look_apart(self.name)

    def rescan(self) -> None:
        try:
            self._host.terminate()
            self._host = _initialised(self._pa)
        except OSError as error:
            raise DeviceUnavailable(f"the sound devices cannot be listed: {error}") from error

    def open_input(self, device: DeviceInfo, capture: Capture, xruns: Xruns) -> PyAudioStream:
        def callback(data: bytes, n: int, time: Any, status: int) -> bytes | None:
            if status & self._pa.paInputOverflow:
                xruns.count(time["current_time"])
            adc_time_s = time["input_buffer_adc_time"] or time["current_time"]
            pcm = np.frombuffer(data, np.float32)
            if stream.n_channels > 1:
                pcm = pcm.reshape(n, stream.n_channels).mean(axis=1)
            if not capture.accept(pcm, adc_time_s):
                capture.lose(n)
            return None

        stream = PyAudioStream(self._pa, self._host, device, callback, output=False)
        capture.restart_clock()
        stream.start()
        return stream

    def open_output(self, device: DeviceInfo, playout: Playout, xruns: Xruns) -> PyAudioStream:
        def callback(data: bytes, n: int, time: Any, status: int) -> bytes | None:
            if status & self._pa.paOutputUnderflow:
                xruns.count(time["current_time"])
            block = np.empty(n, dtype=np.float32)
            dac_time_s = time["output_buffer_dac_time"] or time["current_time"] + stream.latency_s
            playout.fill(block, dac_time_s)
            return np.repeat(block, stream.n_channels).tobytes()

        stream = PyAudioStream(self._pa, self._host, device, callback, output=True)
        playout.attach(stream.time_s)
        stream.start()
        return stream

    def _default(self, query: str) -> int:
        try:
            return int(getattr(self._host, query)()["index"])
        except OSError:  # how PyAudio says that there is none
            return -1


def _initialised(pa: Any) -> Any:
    """Devices are looked for; what ALSA and JACK say of those that are not there goes nowhere, as
    with sounddevice.
    """
    try:
        shown = os.dup(2)
    except OSError:  # there is no stderr
        return pa.PyAudio()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        return pa.PyAudio()
    finally:
        os.dup2(shown, 2)
        os.close(shown)


class PyAudioStream:
    """One open stream, mono where the device can, else its first two channels."""

    def __init__(
        self, pa: Any, host: Any, device: DeviceInfo, callback: Any, *, output: bool
    ) -> None:
        self._pa = pa
        self._callback = callback
        self._pulse = Pulse()
        self.n_channels = 1
        self._stream = self._open(host, device, output)
        latency = self._stream.get_output_latency if output else self._stream.get_input_latency
        self._latency_s = float(latency())
        self._clock = DeviceClock(self._stream.get_time, OSError)

    @property
    def latency_s(self) -> float:
        return self._latency_s

    def start(self) -> None:
        """Lets the callbacks come."""
        try:
            self._stream.start_stream()
        except OSError as error:
            self._stream.close()
            raise DeviceUnavailable(f"the sound device does not start: {error}") from error

    def time_s(self) -> float:
        return self._clock.now()

    def trouble(self) -> str | None:
        try:
            active = bool(self._stream.is_active())
        except OSError:
            active = False
        return self._pulse.trouble(active, clocks.monotonic())

    def close(self) -> None:
        self._clock.stop()
        self._stream.close()

    def _open(self, host: Any, device: DeviceInfo, output: bool) -> Any:
        side = "output" if output else "input"
        n_most = device.n_outputs if output else device.n_inputs
        reason: Exception | None = None
        for self.n_channels in [1] if n_most == 1 else [1, 2]:
            try:
                return host.open(
                    rate=DEVICE_HZ,
                    channels=self.n_channels,
                    format=self._pa.paFloat32,
                    frames_per_buffer=BLOCK_SAMPLES,
                    stream_callback=self._guarded,
                    start=False,
                    **{side: True, f"{side}_device_index": device.index},
                )
            except (OSError, ValueError) as error:
                reason = reason or error
        raise DeviceUnavailable(
            f"the sound device {device.name!r} cannot be opened at {DEVICE_HZ} Hz ({reason}); "
            "`vivavoce devices` lists the others"
        )

    def _guarded(self, data: bytes, n: int, time: Any, status: int) -> tuple[bytes | None, int]:
        self._pulse.beat()
        try:
            return self._callback(data, n, time, status), self._pa.paContinue
        except Exception as error:  # the boundary of the device's thread; tended by SoundCard
            self._pulse.failure = error
            return bytes(4 * n * self.n_channels), self._pa.paAbort
