"""Where the speech in a recording ends, by its energy: the moment a listener would count from."""

from __future__ import annotations

import numpy as np

from ...streaming.frames import Pcm
from ...streaming.levels import dbfs

FRAME_MS = 10
SILENT_DBFS = -70.0  # a recording that is never louder holds no speech
QUIET_DB = 30.0  # so far below the loud parts is no speech, even where there is no noise
NOISE_SHARE = 0.3  # speech rises above the noise by this share of the span between the two


def speech_end_ms(pcm: Pcm, rate_hz: int) -> int | None:
    """Where the last speech in `pcm` [n] ends; None when it is silent throughout.

    A frame is speech when it rises clearly above the quietest tenth of the recording and is not
    far below the loudest.
    """
    size = rate_hz * FRAME_MS // 1000
    levels = [dbfs(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    if not levels:
        return None
    floor, loud = (float(level) for level in np.percentile(levels, (10, 95)))
    if loud < SILENT_DBFS:
        return None
    threshold = max(floor + NOISE_SHARE * (loud - floor), loud - QUIET_DB)
    last = max(index for index, level in enumerate(levels) if level >= min(threshold, loud))
    return min((last + 1) * FRAME_MS, round(1000 * len(pcm) / rate_hz))
