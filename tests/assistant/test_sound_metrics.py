"""What /metrics tells of the devices."""

from __future__ import annotations

from tests.streaming.fake_devices import eventually
from vivavoce.assistant.metrics import Metrics
from vivavoce.assistant.sound_metrics import SoundCardMetrics
from vivavoce.streaming.device_file import NullBackend
from vivavoce.streaming.soundcard import SoundCard
from vivavoce.streaming.timeline import ClockLine


def test_the_devices_counts_are_read_when_somebody_asks():
    metrics = Metrics()

    def value(name: str, direction: str | None = None) -> float | None:
        labels = {"direction": direction} if direction else {}
        return metrics.registry.get_sample_value(f"vivavoce_audio_{name}", labels)

    with SoundCard(NullBackend(), lambda frame: None) as card:
        metrics.registry.register(SoundCardMetrics(card))
        assert value("device_open", "input") == value("device_open", "output") == 1
        assert value("xruns_total", "output") == 0
        card._output.xruns.count(0.0)
        card._output.n_gone = 2
        card._input.n_reopened = 3
        card.capture.lose(480)
        card.playout.n_starved = 4
        card.mute()
        assert value("xruns_total", "output") == 1 and value("xruns_total", "input") == 0
        assert value("devices_gone_total", "output") == 2
        assert value("streams_reopened_total", "input") == 3
        assert value("lost_samples_total") == 480
        assert value("starved_total") == 4
        assert value("device_open", "input") == 0 and value("device_open", "output") == 1
        assert value("latency_seconds", "output") == 0
        assert b"vivavoce_audio_devices_gone_total" in metrics.text()


def test_the_clocks_drift_is_told_when_it_is_known_and_not_while_muted(monkeypatch):
    metrics = Metrics()

    def drift() -> float | None:
        return metrics.registry.get_sample_value("vivavoce_clock_drift_ppm")

    with SoundCard(NullBackend(), lambda frame: None) as card:
        metrics.registry.register(SoundCardMetrics(card))
        assert drift() is None, "nobody has watched the clocks yet"
        monkeypatch.setattr(ClockLine, "TELLING_S", 0.25)
        assert eventually(lambda: drift() is not None)
        card.mute()
        assert drift() is None, "the stand-in's clock is nobody's"
