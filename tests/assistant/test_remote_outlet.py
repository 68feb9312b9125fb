"""What a client was sent, and what it can have heard, are never more than what left."""

from __future__ import annotations

import numpy as np

from vivavoce.assistant.core.effects import PlayAudio
from vivavoce.assistant.core.notices import AudioDelta
from vivavoce.assistant.outlet import RemoteOutlet

RATE_HZ, WIRE_HZ = 16000, 24000


async def test_sound_in_the_resampler_counts_neither_as_sent_nor_as_heard():
    told: list[AudioDelta] = []
    now_s = [10.0]
    outlet = RemoteOutlet(told.append, lambda generation: None, RATE_HZ, None, lambda: now_s[0])
    outlet.open(1, WIRE_HZ)
    tone = (8000 * np.sin(np.arange(RATE_HZ // 2) / 5)).astype("<i2").tobytes()
    outlet.play(PlayAudio(1, "resp_1", "item_1", 0, 0, tone))
    now_s[0] += 5.0
    left = sum(len(delta.pcm) // 2 for delta in told) * RATE_HZ // WIRE_HZ
    progress = outlet.progress(1)
    assert 0 < left < RATE_HZ // 2
    assert abs(progress.sent - left) <= 1
    assert progress.heard == progress.sent


class Wire:
    """An outlet that sends up to 500 ms ahead, whose clock is turned by hand."""

    def __init__(self) -> None:
        self.now_s = 10.0
        self.sent: list[int] = []
        self.drained: list[int] = []
        self.outlet = RemoteOutlet(
            lambda delta: None, self.drained.append, RATE_HZ, 500, self.clock, self.sent.append
        )
        self.outlet.open(1, WIRE_HZ)
        self.outlet.play(PlayAudio(1, "resp_1", "item_1", 0, 0, bytes(2 * RATE_HZ * 4 // 10)))

    def clock(self) -> float:
        return self.now_s

    def passes(self, seconds: float) -> None:
        """The loop's own timers are too slow for a clock turned by hand: they are asked."""
        self.now_s += seconds
        stream = self.outlet._streams.get(1)
        if stream is not None and stream.timer is not None:
            self.outlet._send(1, stream)


async def test_a_reply_goes_on_until_the_client_has_played_it():
    wire = Wire()
    wire.outlet.finish(1)
    assert (wire.sent, wire.drained) == ([1], []), "it has left, and sounds for 400 ms"
    wire.passes(0.3)
    assert wire.outlet.progress(1).heard == round(0.3 * RATE_HZ)
    assert not wire.drained
    wire.passes(0.2)
    assert (wire.sent, wire.drained) == ([1], [1])


async def test_a_voice_in_its_last_moment_is_waited_for():
    wire = Wire()
    wire.outlet.finish(1)
    wire.passes(0.3)
    wire.outlet.pause(1)
    wire.passes(0.5)
    assert not wire.drained, "what is being said may be for this reply"
    wire.outlet.resume(1)
    assert wire.drained == [1]
    other = Wire()
    other.outlet.finish(1)
    other.outlet.stop(1)
    other.passes(1.0)
    assert not other.drained


async def test_who_does_not_listen_in_real_time_is_not_waited_for():
    drained: list[int] = []
    outlet = RemoteOutlet(lambda delta: None, drained.append, RATE_HZ, None)
    outlet.open(1, RATE_HZ)
    outlet.play(PlayAudio(1, "resp_1", "item_1", 0, 0, bytes(RATE_HZ)))
    outlet.finish(1)
    assert drained == [1]
