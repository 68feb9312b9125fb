"""Devices made of files: a WAV is the microphone, another takes what the loudspeaker plays.

Paced, they behave like a sound card in real time (or at any multiple of it). With pace 0 the
microphone runs as fast as the capture takes it, and the loudspeaker as fast as replies come:
its file then holds the replies without the waits between them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .capture import Capture
from .clock import Clock, Pacer, SystemClock
from .devices import BLOCK_SAMPLES, DEVICE_HZ, DeviceInfo, Xruns
from .frames import Pcm
from .playout import Playout
from .wavfile import WavWriter, read_wav

log = logging.getLogger(__name__)

_NAP_S = 0.005  # how long an unpaced device waits when there is nothing to do


class FileBackend:
    """One microphone and one loudspeaker made of files.

    Args:
        input_path: WAV that is heard; None for endless silence.
        output_path: WAV that is written, mono PCM16 at 48 kHz; None plays into the void.
        pace: multiple of real time; 0 for as fast as possible.
        clock: where the pace comes from.
        origin_s: what a device's clock shows when it is opened.
    """

    name = "file"

    def __init__(
        self,
        input_path: str | Path | None = None,
        output_path: str | Path | None = None,
        *,
        pace: float = 1.0,
        clock: Clock | None = None,
        origin_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.input_path = input_path
        self.output_path = output_path
        self.pace = pace
        self.clock = clock or SystemClock()
        self.origin_s = origin_s

    def devices(self) -> list[DeviceInfo]:
        name = f"{self.input_path or 'silence'} / {self.output_path or 'nothing'}"
        return [DeviceInfo(0, name, self.name, 1, 1, default_input=True, default_output=True)]

    def look(self) -> list[DeviceInfo]:
        return self.devices()

    def rescan(self) -> None:
        """Files do not come and go."""

    def open_input(self, device: DeviceInfo, capture: Capture, xruns: Xruns) -> FileStream:
        """Starts hearing the file; raises WavError when it cannot be read."""
        pcm = None if self.input_path is None else read_wav(self.input_path, DEVICE_HZ)[0]
        pace = self.pace if pcm is not None else self.pace or 1.0  # silence has no end to reach
        capture.restart_clock()
        return FileStream(
            "file-input",
            pace,
            self.clock,
            lambda s: _hear(s, pcm, capture),
            origin_s=self.origin_s(),
        )

    def open_output(self, device: DeviceInfo, playout: Playout, xruns: Xruns) -> FileStream:
        writer = None
        if self.output_path is not None:
            writer = WavWriter(self.output_path, DEVICE_HZ)
        stream = FileStream(
            "file-output",
            self.pace,
            self.clock,
            lambda s: _play(s, writer, playout),
            origin_s=self.origin_s(),
            start=False,
        )
        playout.attach(stream.time_s)
        stream.start()
        return stream


class NullBackend(FileBackend):
    """Silence in, nothing out, in real time.

    Args:
        origin_s: what a device's clock shows when it is opened.
    """

    name = "null"

    def __init__(self, origin_s: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(origin_s=origin_s)


class FileStream:
    """A thread in the place of a device, whose clock shows seconds of sound."""

    latency_s = 0.0

    def __init__(
        self,
        name: str,
        pace: float,
        clock: Clock,
        work: Callable[[FileStream], None],
        *,
        origin_s: float = 0.0,
        start: bool = True,
    ) -> None:
        self.position = 0
        """Samples gone through."""
        self.pace = pace
        self.closing = threading.Event()
        self._clock = clock
        self._pacer = Pacer(DEVICE_HZ, pace, clock)
        self._begin_s = clock.now()
        self._origin_s = origin_s
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        if start:
            self.start()

    def start(self) -> None:
        """Lets the thread run."""
        self._thread.start()

    def advance(self, n: int) -> None:
        """Lets `n` samples pass, in the time they take."""
        self.position += n
        self._pacer.wait(self.position)

    def block_time_s(self) -> float:
        """When the next sample passes, by this stream's clock."""
        return self._origin_s + self.position / DEVICE_HZ

    def time_s(self) -> float:
        if not self.pace:
            return self.block_time_s()
        return self._origin_s + (self._clock.now() - self._begin_s) * self.pace

    def trouble(self) -> str | None:
        return None  # a file that is over, or full, is not opened anew: that would begin it again

    def close(self) -> None:
        self.closing.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        try:
            self._work(self)
        except Exception:  # the boundary of the device's thread: a full disk, a mistake of ours
            log.exception("the device made of files failed")


def _hear(stream: FileStream, pcm: Pcm | None, capture: Capture) -> None:
    """A block is there once its last sample has passed; a short last one is filled up."""
    silence = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
    while not stream.closing.is_set() and (pcm is None or stream.position < len(pcm)):
        block = silence
        if pcm is not None:
            rest = pcm[stream.position : stream.position + BLOCK_SAMPLES]
            block = np.concatenate((rest, silence[len(rest) :]))
        taken_s = stream.block_time_s()
        stream.advance(BLOCK_SAMPLES)
        while not capture.accept(block, taken_s) and not stream.closing.wait(_NAP_S):
            pass
    if not stream.closing.is_set():
        capture.end()


def _play(stream: FileStream, writer: WavWriter | None, playout: Playout) -> None:
    """One block after another; without pace, silence is not worth a place in the file."""
    block = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
    try:
        while not stream.closing.is_set():
            sounds = playout.fill(block, stream.block_time_s())
            if writer is not None and (sounds or stream.pace):
                writer.write(block)
            stream.advance(BLOCK_SAMPLES)
            if not sounds and not stream.pace:
                stream.closing.wait(_NAP_S)
    finally:
        if writer is not None:
            writer.close()
