"""What is counted, and when the clock of the first audio runs."""

from __future__ import annotations

import pytest

from vivavoce.assistant.core import notices
from vivavoce.assistant.metrics import Metrics, SessionMeter

PLACE = notices.PartPlace("resp_1", "item_1", 0)
PIECE = notices.AudioDelta(PLACE, bytes(4800))


class Clock:
    """Stands still until told otherwise."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def meter() -> tuple[SessionMeter, Metrics, Clock]:
    metrics, clock = Metrics(), Clock()
    return SessionMeter(metrics, clock), metrics, clock


def test_first_audio_is_timed_from_the_end_of_the_turn_and_once() -> None:
    watch, metrics, clock = meter()
    watch.notice(notices.InputCommitted("item_0", None), 24000)
    clock.now_s += 0.25
    watch.notice(PIECE, 24000)
    clock.now_s += 1
    watch.notice(PIECE, 24000)
    assert value(metrics, "vivavoce_first_audio_seconds_count") == 1
    assert value(metrics, "vivavoce_first_audio_seconds_sum") == pytest.approx(0.25)
    assert value(metrics, "vivavoce_audio_sent_seconds_total") == pytest.approx(0.2)


def test_a_turn_that_goes_on_has_no_first_audio_yet() -> None:
    watch, metrics, clock = meter()
    watch.notice(notices.InputCommitted("item_0", None), 24000)
    watch.notice(notices.SpeechStartedNotice("item_1", 0), 24000)
    clock.now_s += 5
    watch.notice(PIECE, 24000)
    assert value(metrics, "vivavoce_first_audio_seconds_count") == 0


def test_ends_of_responses_and_barge_ins_are_counted() -> None:
    watch, metrics, _ = meter()
    for status, reason in (
        ("completed", None),
        ("cancelled", "turn_detected"),
        ("cancelled", "client_cancelled"),
    ):
        view = notices.ResponseView("resp_1", status, reason)  # type: ignore[arg-type]
        watch.notice(notices.ResponseDone(view), 24000)
    assert value(metrics, "vivavoce_responses_total", status="cancelled") == 2
    assert value(metrics, "vivavoce_barge_ins_total") == 1


def test_how_sure_the_model_was_is_counted_for_each_action() -> None:
    watch, metrics, _ = meter()
    sure = (("light_on", 0.97), ("light_on", 0.55), ("time", 1.0))
    view = notices.ResponseView("resp_1", "completed", confidences=sure)
    watch.notice(notices.ResponseDone(view), 24000)
    name = "vivavoce_action_confidence"
    assert value(metrics, f"{name}_count", action="light_on") == 2
    assert value(metrics, f"{name}_sum", action="light_on") == pytest.approx(1.52)
    assert value(metrics, f"{name}_bucket", action="light_on", le="0.6") == 1
    assert value(metrics, f"{name}_bucket", action="time", le="0.99") == 0


def test_turns_errors_and_model_calls_are_counted() -> None:
    watch, metrics, _ = meter()
    watch.notice(notices.InputCommitted("item_0", None), 24000)
    watch.notice(notices.ProtocolError("item_delete_invalid_item_id", "no"), 24000)
    watch.heard(1.5)
    metrics.model_call("part", 0.02)
    assert value(metrics, "vivavoce_turns_total") == 1
    assert value(metrics, "vivavoce_errors_total", code="item_delete_invalid_item_id") == 1
    assert value(metrics, "vivavoce_audio_received_seconds_total") == 1.5
    assert value(metrics, "vivavoce_model_call_seconds_count", call="part") == 1
    assert b"vivavoce_model_call_seconds_bucket" in metrics.text()


def test_sound_that_nobody_had_time_for_is_counted_in_seconds():
    metrics = Metrics()
    metrics.microphone_dropped(320)
    metrics.microphone_dropped(320)
    counted = metrics.registry.get_sample_value
    assert counted("vivavoce_microphone_dropped_seconds_total") == pytest.approx(0.04)
