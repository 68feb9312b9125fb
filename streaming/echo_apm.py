"""Echo cancellation, noise suppression and gain control by WebRTC's audio processing module.

It comes with the package livekit, of which nothing else is used: no room, no network. The
package is imported when the first canceller is made (a quarter of a second, 30 MB on disk).
"""

from __future__ import annotations

import atexit
import importlib
import logging
import time
from functools import cache
from typing import Any

import numpy as np

from .echo import BLOCK_SAMPLES, RATE_HZ, EchoCanceller, EchoUnavailable, Rung
from .echo_levels import FarLevel, ReturnLoss
from .frames import Pcm

_PCM16 = 32768.0
_STARTING_S = 0.5


class ApmCanceller:
    """The canceller.

    Args:
        noise_suppression: also take steady noise out.
        gain_control: also bring the voice to an even loudness.
    Raises:
        EchoUnavailable: livekit is missing or does not load here.
    """

    kind: Rung = "apm"
    reply_gain = 1.0

    def __init__(self, *, noise_suppression: bool = False, gain_control: bool = False) -> None:
        self._module = _Module(
            echo=True, noise_suppression=noise_suppression, gain_control=gain_control
        )
        self._far = FarLevel()
        self._return_loss = ReturnLoss()

    @property
    def erle_db(self) -> float | None:
        return self._return_loss.median_db

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        out = self._module.process(near, far)
        self._return_loss.feed(near, out, self._far.feed(far))
        return out


class Enhanced:
    """Another canceller, with noise suppression or gain control behind it."""

    def __init__(
        self, inner: EchoCanceller, *, noise_suppression: bool, gain_control: bool
    ) -> None:
        self._inner = inner
        self._module = _Module(
            echo=False, noise_suppression=noise_suppression, gain_control=gain_control
        )

    @property
    def kind(self) -> Rung:
        return self._inner.kind

    @property
    def reply_gain(self) -> float:
        return self._inner.reply_gain

    @property
    def erle_db(self) -> float | None:
        return self._inner.erle_db

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        return self._module.process(self._inner.cancel(near, far), None)


class _Module:
    """One processing module: 10 ms [160] in, 10 ms out."""

    def __init__(self, *, echo: bool, noise_suppression: bool, gain_control: bool) -> None:
        try:
            rtc: Any = importlib.import_module("livekit.rtc")
            self._apm = rtc.apm.AudioProcessingModule(
                echo_cancellation=echo,
                noise_suppression=noise_suppression,
                high_pass_filter=True,
                auto_gain_control=gain_control,
            )
            _end_after_its_start()
        except Exception as error:  # a package of others has its own ways not to load
            wanted = "echo cancellation" if echo else "noise suppression or gain control"
            raise EchoUnavailable(f"{wanted} needs the package livekit{_why(error)}") from error
        self._near = rtc.AudioFrame(bytearray(2 * BLOCK_SAMPLES), RATE_HZ, 1, BLOCK_SAMPLES)
        self._far = rtc.AudioFrame(bytearray(2 * BLOCK_SAMPLES), RATE_HZ, 1, BLOCK_SAMPLES)

    def process(self, near: Pcm, far: Pcm | None) -> Pcm:
        """What is left of `near` [160] once `far` was taken out of it, and whatever was set."""
        if far is not None:
            _put(self._far, far)
            self._apm.process_reverse_stream(self._far)
        _put(self._near, near)
        self._apm.process_stream(self._near)
        return np.frombuffer(self._near.data, np.int16).astype(np.float32) / _PCM16


@cache
def _end_after_its_start() -> None:
    """Once a process: it must not end while livekit's library starts, which then logs from a
    thread of its own into an interpreter that is no more, and is aborted.
    """
    logging.getLogger("livekit").setLevel(logging.WARNING)
    started_s = time.monotonic()
    atexit.register(lambda: time.sleep(max(started_s + _STARTING_S - time.monotonic(), 0)))


def _why(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return ": pip install livekit"
    reason = str(error).partition("\n")[0]
    return f", which does not load here ({reason}): pip install -U livekit"


def _put(frame: Any, pcm: Pcm) -> None:
    scaled = np.clip(np.rint(pcm * _PCM16), -_PCM16, _PCM16 - 1)
    np.frombuffer(frame.data, np.int16)[:] = scaled
