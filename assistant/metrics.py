"""What the daemon counts and times, for /metrics.

One `Metrics` belongs to one daemon and has a registry of its own, so that two daemons in one
process (tests) do not add up. Times are seconds of the wall clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .core import notices as core
from .microphone_control import MICROPHONE_HZ, Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Buckets = tuple[float, ...]
_LATENCY_BUCKETS_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_CONFIDENCE_BUCKETS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_COMPUTE_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The daemon's instruments."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def count(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"vivavoce_{name}", meaning, labels, registry=registry)

        def spread(name: str, meaning: str, buckets: Buckets, *labels: str) -> Histogram:
            return Histogram(
                f"vivavoce_{name}", meaning, labels, buckets=buckets, registry=registry
            )

        self.sessions = count("sessions", "Conversations begun, by face", "face")
        self.sessions_open = Gauge(
            "vivavoce_sessions_open", "Conversations going on", registry=registry
        )
        self.refused = count("connections_refused", "Connections refused, by reason", "reason")
        self.turns = count("turns", "User turns taken into a conversation")
        self.speech_segments = count("speech_segments", "Stretches of speech found")
        self.responses = count("responses", "Responses ended, by status", "status")
        self.barge_ins = count("barge_ins", "Responses the user interrupted")
        self.errors = count("errors", "Error events sent to clients, by code", "code")
        self.slow_clients = count("slow_clients_dropped", "Clients closed for not reading")
        self.audio_in_s = count("audio_received_seconds", "Length of the audio received")
        self.audio_out_s = count("audio_sent_seconds", "Length of the audio sent")
        self.first_audio_s = spread(
            "first_audio_seconds", "End of the turn to the first audio sent", _LATENCY_BUCKETS_S
        )
        self.action_confidence = spread(
            "action_confidence",
            "How sure the model was of each action it took, 0 to 1, by action",
            _CONFIDENCE_BUCKETS,
            "action",
        )
        self.compute_s = spread(
            "model_call_seconds", "Time in the model, by kind of call", _COMPUTE_BUCKETS_S, "call"
        )
        self.reply_compute_s = count("reply_compute_seconds", "Time in the model making replies")
        self.reply_audio_s = count("reply_audio_seconds", "Length of the replies' audio made")
        self.queue = Gauge(
            "vivavoce_queue_depth",
            "Orders and pieces of input that wait for the model",
            registry=registry,
        )
        self.real_time_factor = Gauge(
            "vivavoce_reply_real_time_factor",
            "Time in the model for a second of reply audio, since the start",
            registry=registry,
        )
        self.microphone_open = Gauge(
            "vivavoce_microphone_open",
            "1 while the conversation in the room hears; 0 while muted or waiting",
            registry=registry,
        )
        self.wakes = count("wakes", "Wake words heard, by who said it: person, own_voice", "by")
        self.dropped_s = count(
            "microphone_dropped_seconds",
            "Length of the microphone's sound that nobody had the time to hear",
        )
        self._made_s = self._sounding_s = 0.0

    def microphone_changed(self, status: Status) -> None:
        """The microphone in the room was opened, closed or muted."""
        self.microphone_open.set(status.state == "open")

    def microphone_dropped(self, n_samples: int) -> None:
        """So many samples of the microphone in the room were dropped."""
        self.dropped_s.inc(n_samples / MICROPHONE_HZ)

    def woken(self, by: str) -> None:
        """The wake word was heard; any thread may say so."""
        self.wakes.labels(by).inc()

    def model_call(self, kind: str, seconds: float) -> None:
        """The model was called; any thread may say so."""
        self.compute_s.labels(kind).observe(seconds)
        if kind == "part":
            self.reply_compute_s.inc(seconds)
            self._made_s += seconds

    def reply_made(self, seconds: float) -> None:
        """So much sound of a reply came out of the model, after the call that made it."""
        self.reply_audio_s.inc(seconds)
        self._sounding_s += seconds
        if self._sounding_s:
            self.real_time_factor.set(self._made_s / self._sounding_s)

    @contextmanager
    def session(self, face: str) -> Iterator[None]:
        """Counts one conversation, from its beginning to its end."""
        self.sessions.labels(face).inc()
        self.sessions_open.inc()
        try:
            yield
        finally:
            self.sessions_open.dec()

    def text(self) -> bytes:
        """Everything, in the Prometheus text format."""
        return generate_latest(self.registry)


@dataclass
class SessionMeter:
    """Counts what one session tells its client.

    Args:
        metrics: the daemon's instruments.
        now_s: a clock that only goes forward.
    """

    metrics: Metrics
    now_s: Callable[[], float] = time.perf_counter
    _turn_ended_s: float | None = field(default=None, init=False)

    def notice(self, notice: core.Notice, output_rate_hz: int) -> None:
        """One more notice has been told; audio in it is at output_rate_hz."""
        if isinstance(notice, core.AudioDelta):
            self._audio(len(notice.pcm) // 2 / output_rate_hz)
        elif isinstance(notice, core.InputCommitted):
            self.metrics.turns.inc()
            self._turn_ended_s = self.now_s()
        elif isinstance(notice, core.SpeechStartedNotice):
            self.metrics.speech_segments.inc()
            self._turn_ended_s = None
        elif isinstance(notice, core.ResponseDone):
            self._response(notice.response)
        elif isinstance(notice, core.ProtocolError):
            self.error(notice.code)

    def heard(self, seconds: float) -> None:
        """So much sound came in."""
        self.metrics.audio_in_s.inc(seconds)

    def error(self, code: str) -> None:
        """An error event went out."""
        self.metrics.errors.labels(code).inc()

    def _audio(self, seconds: float) -> None:
        self.metrics.audio_out_s.inc(seconds)
        if self._turn_ended_s is not None:
            self.metrics.first_audio_s.observe(self.now_s() - self._turn_ended_s)
            self._turn_ended_s = None

    def _response(self, response: core.ResponseView) -> None:
        self.metrics.responses.labels(response.status).inc()
        for action, confidence in response.confidences:
            self.metrics.action_confidence.labels(action).observe(confidence)
        if response.reason == "turn_detected":
            self.metrics.barge_ins.inc()
