"""What is done about echo in the room, for /metrics, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..streaming.echo import Rung
from ..streaming.front_end import FrontEnd


class EchoMetrics(Collector):
    """What one front end has to tell."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    def collect(self) -> Iterator[Metric]:
        """The families of metrics, with what they are now."""
        canceller = GaugeMetricFamily(
            "vivavoce_echo_canceller",
            "What is done about the loudspeaker's echo: 1 for what is done now",
            labels=["kind"],
        )
        for kind in get_args(Rung):
            canceller.add_metric([kind], float(self._front_end.kind == kind))
        yield canceller
        if self._front_end.erle_db is not None:
            yield GaugeMetricFamily(
                "vivavoce_echo_reduced_db",
                "How much softer the canceller makes the echo",
                value=self._front_end.erle_db,
            )
