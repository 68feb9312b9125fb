"""The person's side: recordings spoken into an open microphone, silence between them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from ...streaming.frames import Pcm

FRAME_MS = 20
Send = Callable[[Pcm], Awaitable[None]]


@dataclass
class _Speech:
    """A recording being spoken; `at` is the next sample of it, `start` its place in the track."""

    pcm: Pcm
    spoken: asyncio.Future[float]
    at: int = 0
    start: int = 0


class LiveMicrophone:
    """Sends a frame every 20 ms, as a real microphone does: speech if there is some, or silence.

    Sample k of the track is heard at `origin_s + k / rate_hz`, and a frame is sent when its last
    sample was heard.
    """

    def __init__(self, send: Send, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.origin_s = time.perf_counter()
        self.track: list[tuple[int, Pcm]] = []
        self._send = send
        self._frame = rate_hz * FRAME_MS // 1000
        self._waiting: deque[_Speech] = deque()
        self._n_sent = 0

    async def run(self) -> None:
        """Keep the microphone open until cancelled."""
        self.origin_s = time.perf_counter() - self._n_sent / self.rate_hz
        while True:
            due_s = self.origin_s + (self._n_sent + self._frame) / self.rate_hz
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            frame = self._next_frame()
            self._n_sent += len(frame)
            await self._send(frame)

    async def speak(self, pcm: Pcm) -> float:
        """Speak a recording [n]; comes back when its last frame is sent.

        Returns:
            The time (time.perf_counter) at which its first sample was heard.
        """
        if not len(pcm):
            return time.perf_counter()
        speech = _Speech(pcm, asyncio.get_running_loop().create_future())
        self._waiting.append(speech)
        return await speech.spoken

    def _next_frame(self) -> Pcm:
        """The next frame; a recording begins at a frame's first sample."""
        frame = np.zeros(self._frame, np.float32)
        if not self._waiting:
            return frame
        speech = self._waiting[0]
        if speech.at == 0:
            speech.start = self._n_sent
            self.track.append((speech.start, speech.pcm))
        piece = speech.pcm[speech.at : speech.at + self._frame]
        frame[: len(piece)] = piece
        speech.at += len(piece)
        if speech.at >= len(speech.pcm):
            self._waiting.popleft()
            if not speech.spoken.done():
                speech.spoken.set_result(self.origin_s + speech.start / self.rate_hz)
        return frame


class FastMicrophone:
    """Sends what there is as fast as it is taken; no silence but what is asked for."""

    def __init__(self, send: Send, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._send = send
        self._piece = rate_hz // 5

    async def speak(self, pcm: Pcm) -> float:
        """Send a recording [n]; gives the time at which that began."""
        origin_s = time.perf_counter()
        for at in range(0, len(pcm), self._piece):
            await self._send(pcm[at : at + self._piece])
        return origin_s

    async def silence(self, duration_ms: float) -> None:
        """Send silence."""
        await self.speak(np.zeros(round(self.rate_hz * duration_ms / 1000), np.float32))
