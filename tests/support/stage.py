"""A sound card whose microphone hears what a test says, when it says it, and maybe its own echo."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

import numpy as np

from vivavoce.streaming.capture import Capture
from vivavoce.streaming.device_file import FileBackend, FileStream
from vivavoce.streaming.devices import BLOCK_SAMPLES, DEVICE_HZ, DeviceInfo, Xruns
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.playout import Playout
from vivavoce.streaming.resample import resample

SLACK = 6  # blocks
MOST_WAITING = DEVICE_HZ // 5
"""Samples; the room goes no faster than they are taken in."""
WALLS = ((0, 1.0), (211, 0.35), (389, -0.25), (677, 0.18), (1013, -0.12), (1399, 0.08))
"""How much later, in samples, and how much softer each reflection comes."""


class PatientClock:
    """Stands still when the machine does: then neither people nor devices go on without it."""

    LONGEST_STEP_S = 0.05

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = self._asked_s = time.monotonic()

    def now(self) -> float:
        with self._lock:
            asked_s = time.monotonic()
            self._now += min(asked_s - self._asked_s, self.LONGEST_STEP_S)
            self._asked_s = asked_s
            return self._now

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class StageBackend(FileBackend):
    """See the module's text.

    Args:
        output_path: WAV with what was played.
        pace: multiple of real time.
        echo: how much of the loudspeaker the microphone hears, 80 ms later and through walls.
    """

    name = "stage"

    def __init__(self, output_path: Path, pace: float = 1.0, echo: float = 0.0) -> None:
        super().__init__(None, output_path, pace=pace, clock=PatientClock())
        self.n_opened = 0
        """How often the microphone was opened."""
        self.n_open = 0
        """How many of its streams are open now."""
        self._said: deque[Pcm] = deque()
        self._lock = threading.Lock()
        self._played: list[Pcm] = []
        self._echoed = 0
        self._echo_gain = echo

    @property
    def n_played(self) -> int:
        """Blocks of 10 ms that the loudspeaker has taken."""
        return len(self._played)

    def loudest(self, first: int, last: int) -> float:
        """Of what the loudspeaker played in these blocks."""
        return max((float(np.abs(block).max()) for block in self._played[first:last]), default=0.0)

    @property
    def silent(self) -> bool:
        """All that was to be said was said."""
        return not self._said

    def say(self, *pieces: Pcm, rate_hz: int = 16_000) -> float:
        """Sound for the microphone, after what was said before; gives its length in seconds of
        the room."""
        pcm = resample(np.concatenate(pieces), rate_hz, DEVICE_HZ)
        n_blocks = -(-len(pcm) // BLOCK_SAMPLES)
        padded = np.pad(pcm, (0, n_blocks * BLOCK_SAMPLES - len(pcm)))
        with self._lock:
            self._said.extend(padded.reshape(n_blocks, BLOCK_SAMPLES))
        return n_blocks * BLOCK_SAMPLES / DEVICE_HZ

    def open_input(self, device: DeviceInfo, capture: Capture, xruns: Xruns) -> FileStream:
        self.n_opened += 1
        self.n_open += 1
        capture.restart_clock()
        return FileStream(
            "stage-microphone", self.pace, self.clock, lambda s: self._hear(s, capture)
        )

    def open_output(self, device: DeviceInfo, playout: Playout, xruns: Xruns) -> FileStream:
        fill = playout.fill

        def fill_and_keep(out: Pcm, dac_time_s: float) -> bool:
            sounds = fill(out, dac_time_s)
            self._played.append(out.copy())
            return sounds

        playout.fill = fill_and_keep  # type: ignore[method-assign]
        return super().open_output(device, playout, xruns)

    def _hear(self, stream: FileStream, capture: Capture) -> None:
        try:
            while not stream.closing.is_set():
                taken_s = stream.block_time_s()
                stream.advance(BLOCK_SAMPLES)
                while capture.waiting_samples > MOST_WAITING and not stream.closing.is_set():
                    time.sleep(0.005)
                capture.accept(self._next(), taken_s)
        finally:
            self.n_open -= 1

    def _next(self) -> Pcm:
        with self._lock:
            said = self._said.popleft() if self._said else np.zeros(BLOCK_SAMPLES, np.float32)
        if not self._echo_gain:
            return said
        mixed: Pcm = (said + self._echo()).astype(np.float32)
        return mixed

    def _echo(self) -> Pcm:
        """The next block of it. The two devices' threads jitter; the echo stays SLACK behind."""
        played, self._echoed = self._played, self._echoed + 1
        if not 0 < len(played) - self._echoed < 2 * SLACK:
            self._echoed = max(len(played) - SLACK, 0)
        recent = played[max(self._echoed - 4, 0) : self._echoed]
        if len(recent) < 4:
            return np.zeros(BLOCK_SAMPLES, np.float32)
        joined, begin = np.concatenate(recent), 3 * BLOCK_SAMPLES
        echo = np.zeros(BLOCK_SAMPLES, np.float32)
        for late, gain in WALLS:
            echo += gain * joined[begin - late : begin - late + BLOCK_SAMPLES]
        return echo * np.float32(self._echo_gain)
