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
