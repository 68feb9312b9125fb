"""The sound card's counts for /metrics, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..streaming.device_side import SideReport
from ..streaming.soundcard import SoundCard


class SoundCardMetrics(Collector):
    """What one card has to tell; the label `direction` is input or output."""

    def __init__(self, card: SoundCard) -> None:
        self._card = card

    def collect(self) -> Iterator[Metric]:
        """The families of metrics, with what they are now."""
        report = self._card.report()
        sides = {"input": report.microphone, "output": report.loudspeaker}
        yield _counts("xruns", "Blocks that came late or were lost in a device", sides, "n_xruns")
        yield _counts("devices_gone", "How often a device went away or stalled", sides, "n_gone")
        yield _counts("streams_reopened", "Streams opened anew", sides, "n_reopened")
        is_open = GaugeMetricFamily(
            "vivavoce_audio_device_open",
            "1 while sound comes and goes, 0 while it is away or muted",
            labels=["direction"],
        )
        latency_s = GaugeMetricFamily(
            "vivavoce_audio_latency_seconds",
            "Between a block and its sound, as the device claims",
            labels=["direction"],
        )
        for direction, side in sides.items():
            is_open.add_metric([direction], float(side.device is not None))
            latency_s.add_metric([direction], side.latency_s)
        yield is_open
        yield latency_s
        if self._card.drift_ppm is not None:
            yield GaugeMetricFamily(
                "vivavoce_clock_drift_ppm",
                "How much faster the microphone's clock runs than the loudspeaker's",
                value=self._card.drift_ppm,
            )
        yield CounterMetricFamily(
            "vivavoce_audio_lost_samples",
            "Samples of the microphone, at 48 kHz, that found no room in the daemon",
            value=report.n_lost,
        )
        yield CounterMetricFamily(
            "vivavoce_audio_starved",
            "How often a reply's sound ran out before its end",
            value=report.n_starved,
        )


def _counts(
    name: str, meaning: str, sides: dict[str, SideReport], field: str
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"vivavoce_audio_{name}", meaning, labels=["direction"])
    for direction, side in sides.items():
        family.add_metric([direction], getattr(side, field))
    return family
