"""Devices that only pretend, and come and go as a test wants."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from vivavoce.streaming import soundcard
from vivavoce.streaming.capture import Capture
from vivavoce.streaming.devices import DeviceInfo, DeviceUnavailable, Xruns
from vivavoce.streaming.playout import Playout


class FakeStream:
    latency_s = 0.01

    def __init__(self) -> None:
        self.alive = True
        self.error: Exception | None = None
        self.closed = False

    def time_s(self) -> float:
        return time.monotonic()

    def trouble(self) -> str | None:
        if self.error is not None:
            return f"its callback failed ({type(self.error).__name__}: {self.error})"
        return None if self.alive else "its device stopped"

    def close(self) -> None:
        self.closed = True


class FakeBackend:
    """Opens streams that do nothing. `there` are the devices that are plugged in; the library
    knows them as of its last scan.
    """

    name = "fake"

    def __init__(self, there: list[DeviceInfo] | None = None) -> None:
        self.there = there or [DeviceInfo(0, "card", "fake", 1, 1, True, True)]
        self.known = self.there
        self.busy: list[DeviceInfo] = []
        self.n_looks = 0
        self.outputs: list[FakeStream] = []
        self.inputs: list[FakeStream] = []
        self.opened: list[DeviceInfo] = []
        self.xruns: list[Xruns] = []
        self.n_scans = 0

    def devices(self) -> list[DeviceInfo]:
        return self.known

    def look(self) -> list[DeviceInfo]:
        self.n_looks += 1
        return self.there

    def rescan(self) -> None:
        assert all(stream.closed for stream in self.inputs + self.outputs)
        self.known = self.there
        self.n_scans += 1

    def open_input(self, device: DeviceInfo, capture: Capture, xruns: Xruns) -> FakeStream:
        return self._open(self.inputs, device, xruns)

    def open_output(self, device: DeviceInfo, playout: Playout, xruns: Xruns) -> FakeStream:
        return self._open(self.outputs, device, xruns)

    def _open(self, streams: list[FakeStream], device: DeviceInfo, xruns: Xruns) -> FakeStream:
        if device not in self.there or device in self.busy:
            raise DeviceUnavailable("gone")
        self.xruns.append(xruns)
        self.opened.append(device)
        streams.append(FakeStream())
        return streams[-1]


def tend_hastily(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are tended and looked for at once."""
    monkeypatch.setattr(soundcard, "_TEND_EVERY_S", 0.01)
    monkeypatch.setattr(soundcard, "_LOOK_AFTER_S", 0.05)
    monkeypatch.setattr(soundcard, "_LOOK_AT_LEAST_EVERY_S", 0.1)


def eventually(condition: Callable[[], object]) -> bool:
    """Whether the condition comes true within twenty seconds, of a busy machine."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(condition())
