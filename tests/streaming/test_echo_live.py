"""The canceller on a (virtual) sound card whose microphone hears its loudspeaker."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.streaming.test_audio_live import RATE_HZ, SETTLE_S, measure, pytestmark, speak
from tests.streaming.test_echo import reply
from tests.support import virtual_audio
from vivavoce.streaming.devices import make_backend
from vivavoce.streaming.echo import make_canceller
from vivavoce.streaming.frames import Frame, Pcm
from vivavoce.streaming.levels import dbfs
from vivavoce.streaming.resample import resample
from vivavoce.streaming.soundcard import SoundCard

__all__ = ["pytestmark"]


@pytest.fixture
def echoing_card() -> Iterator[None]:
    card = virtual_audio.VirtualCard(echo_ms=30, echo_percent=70)
    try:
        with virtual_audio.seen_by_portaudio(card):
            yield
    finally:
        card.close()


class Listening:
    """Passes the canceller's work on and keeps what the microphone heard before it."""

    def __init__(self) -> None:
        self.inner = make_canceller("apm")
        self.near: list[Pcm] = []
        self.kind = self.inner.kind
        self.reply_gain = 1.0

    @property
    def erle_db(self) -> float | None:
        return self.inner.erle_db

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        self.near.append(near)
        return self.inner.cancel(near, far)


@pytest.mark.slow
def test_its_own_voice_is_hardly_left_in_the_microphone(echoing_card):
    pytest.importorskip("livekit.rtc")
    canceller, frames = Listening(), []

    def on_frame(frame: Frame) -> None:
        frames.append(frame)

    turn = itertools.count(1)
    sound = resample(reply(7.0), 16_000, RATE_HZ)
    with SoundCard(make_backend(), on_frame, canceller=canceller) as card:
        time.sleep(SETTLE_S)

        def trial() -> dict[str, float]:
            speak(card, sound, next(turn))
            time.sleep(3.0)
            first, first_near = len(frames), len(canceller.near)
            time.sleep(4.0)
            last, last_near = len(frames), len(canceller.near)
            heard = dbfs(np.concatenate(canceller.near[first_near:last_near]))
            left = dbfs(np.concatenate([frame.pcm for frame in frames[first:last]]))
            assert heard > -45, "the microphone does not hear the loudspeaker at all"
            assert all(frame.playing for frame in frames[first:last])
            return {
                "left of the echo, dB": round(left - heard, 1),
                "left, dBFS": round(left, 1),
                "drift, ppm": round(abs(card.front_end.alignment.drift_ppm), 1),
            }

        measure((card,), trial, {"left of the echo, dB": -15.0, "left, dBFS": -42.0})
