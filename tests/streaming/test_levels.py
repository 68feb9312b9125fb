from __future__ import annotations

import numpy as np
import pytest

from tests.streaming.sounds import noise, silence, tone
from vivavoce.streaming.levels import SILENCE_DBFS, LevelMeter, dbfs


def test_known_levels():
    assert dbfs(np.ones(100, np.float32)) == 0
    assert dbfs(tone(1.0, 440, peak=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert dbfs(noise(1.0, -26)) == pytest.approx(-26, abs=0.01)
    assert dbfs(silence(1.0)) == dbfs(silence(0)) == SILENCE_DBFS


def test_the_needle_jumps_up_and_falls_slowly():
    meter = LevelMeter(16_000, fall_db_per_s=40)
    assert meter.feed(np.ones(160, np.float32)) == 0
    for _ in range(50):
        meter.feed(silence(0.01))
    assert meter.level_dbfs == pytest.approx(-20)
    for _ in range(500):
        meter.feed(silence(0.01))
    assert meter.level_dbfs == SILENCE_DBFS
