"""PortAudio through PyAudio: the same engine as sounddevice, for where only this is installed.

PyAudio hands over bytes, so each block costs one more copy.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from .capture import Capture
from .device_sounddevice import INSTALL_PORTAUDIO
from .devices import (
    BLOCK_SAMPLES,
    DEVICE_HZ,
    DeviceChoice,
    DeviceClock,
    DeviceInfo,
    DeviceUnavailable,
    Xruns,
    choose,
)
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
        self._host = self._pa.PyAudio()

    def devices(self) -> list[DeviceInfo]:
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

    def open_input(self, device: DeviceChoice, capture: Capture, xruns: Xruns) -> PyAudioStream:
        chosen = choose(self.devices(), device, output=False)

        def callback(data: bytes, n: int, time: Any, status: int) -> bytes | None:
            if status & self._pa.paInputOverflow:
                xruns.count(time["current_time"])
            adc_time_s = time["input_buffer_adc_time"] or time["current_time"]
            if not capture.accept(np.frombuffer(data, np.float32), adc_time_s):
                capture.lose(n)
            return None

        capture.restart_clock()
        return PyAudioStream(self._pa, self._host, chosen, callback, output=False)

    def open_output(self, device: DeviceChoice, playout: Playout, xruns: Xruns) -> PyAudioStream:
        chosen = choose(self.devices(), device, output=True)

        def callback(data: bytes, n: int, time: Any, status: int) -> bytes | None:
            if status & self._pa.paOutputUnderflow:
                xruns.count(time["current_time"])
            block = np.empty(n, dtype=np.float32)
            dac_time_s = time["output_buffer_dac_time"] or time["current_time"] + stream.latency_s
            playout.fill(block, dac_time_s)
            return block.tobytes()

        stream = PyAudioStream(self._pa, self._host, chosen, callback, output=True, start=False)
        playout.attach(stream.time_s)
        stream.start()
        return stream

    def _default(self, query: str) -> int:
        try:
            return int(getattr(self._host, query)()["index"])
        except OSError:  # how PyAudio says that there is none
            return -1


class PyAudioStream:
    """One open mono stream."""

    def __init__(
        self,
        pa: Any,
        host: Any,
        device: DeviceInfo,
        callback: Any,
        *,
        output: bool,
        start: bool = True,
    ) -> None:
        self._pa = pa
        self._callback = callback
        self._failure: Exception | None = None
        side = "output" if output else "input"
        wanted = {side: True, f"{side}_device_index": device.index}
        try:
            self._stream = host.open(
                rate=DEVICE_HZ,
                channels=1,
                format=pa.paFloat32,
                frames_per_buffer=BLOCK_SAMPLES,
                stream_callback=self._guarded,
                start=False,
                **wanted,
            )
        except (OSError, ValueError) as error:
            raise DeviceUnavailable(
                f"the sound device {device.name!r} cannot be opened at {DEVICE_HZ} Hz ({error}); "
                "`vivavoce devices` lists the others"
            ) from error
        latency = self._stream.get_output_latency if output else self._stream.get_input_latency
        self._latency_s = float(latency())
        self._clock = DeviceClock(self._stream.get_time, OSError)
        if start:
            self.start()

    @property
    def latency_s(self) -> float:
        return self._latency_s

    def start(self) -> None:
        """Lets the callbacks come."""
        self._stream.start_stream()

    def time_s(self) -> float:
        return self._clock.now()

    def active(self) -> bool:
        return bool(self._stream.is_active())

    def failure(self) -> Exception | None:
        return self._failure

    def close(self) -> None:
        self._stream.close()

    def _guarded(self, data: bytes, n: int, time: Any, status: int) -> tuple[bytes | None, int]:
        try:
            return self._callback(data, n, time, status), self._pa.paContinue
        except Exception as error:  # the boundary of the device's thread; tended by SoundCard
            self._failure = error
            return bytes(4 * n), self._pa.paAbort
