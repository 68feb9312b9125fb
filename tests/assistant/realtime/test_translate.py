"""From the wire's session, responses and items to the core's."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from vivavoce.assistant.core import items as core
from vivavoce.assistant.errors import PeerFault
from vivavoce.assistant.realtime.client_events import ResponseSettings
from vivavoce.assistant.realtime.faults import validated
from vivavoce.assistant.realtime.schema import parse_event
from vivavoce.assistant.realtime.session_object import Offer, SessionEditor
from vivavoce.assistant.realtime.settings import PcmFormat, SemanticVad
from vivavoce.assistant.realtime.translate import (
    incoming_item,
    response_options,
    session_settings,
    usual_turns,
)
from vivavoce.assistant.session import SessionSettings
from vivavoce.streaming.patience import Patience


def settings(**patch: Any) -> SessionSettings:
    edit = SessionEditor(Offer(model="nano", voices=("anna", "ben")), "sess_1")
    return session_settings(edit.update(patch), SessionSettings())


def turns(turn_detection: Any) -> SessionSettings:
    return settings(audio={"input": {"turn_detection": turn_detection}})


def test_the_defaults_are_voice_turns_that_are_answered() -> None:
    plain = settings()
    assert plain.core.turn_detection
    assert plain.core.create_response
    assert plain.core.interrupt_response
    assert not plain.core.transcribe
    assert plain.core.voice == "anna"
    assert plain.core.max_output_tokens is None
    assert plain.endpoint.silence_ms == 500
    assert plain.output_rate_hz == 24000


def test_null_turn_detection_is_manual() -> None:
    manual = turns(None).core
    assert (manual.turn_detection, manual.create_response, manual.interrupt_response) == (
        False,
        False,
        False,
    )


def test_every_setting_of_server_vad_is_carried_over() -> None:
    vad = turns(
        {
            "type": "server_vad",
            "threshold": 0.8,
            "prefix_padding_ms": 100,
            "silence_duration_ms": 900,
            "idle_timeout_ms": 6000,
            "create_response": False,
            "interrupt_response": False,
        }
    )
    assert vad.endpoint.on_threshold == 0.8
    assert vad.endpoint.off_threshold == pytest.approx(0.56)
    assert vad.endpoint.prefix_padding_ms == 100
    assert vad.endpoint.silence_ms == 900
    assert vad.idle_timeout_ms == 6000
    assert not vad.core.create_response
    assert not vad.core.interrupt_response


@pytest.mark.parametrize(("asked_ms", "given_ms"), [(0, 100), (150, 150), (9000, 2000)])
def test_silence_outside_what_can_be_done_is_served_by_the_nearest(
    asked_ms: int, given_ms: int
) -> None:
    assert turns({"silence_duration_ms": asked_ms}).endpoint.silence_ms == given_ms


def test_a_threshold_of_nothing_is_possible() -> None:
    assert turns({"threshold": 0}).endpoint.on_threshold > 0


def test_semantic_turns_are_patient_by_eagerness() -> None:
    wanted = [
        turns({"type": "semantic_vad", "eagerness": eagerness}).patience
        for eagerness in ("low", "medium", "auto", "high")
    ]
    assert {patience.detection for patience in wanted} == {"semantic"}
    waits = [patience.silence_ms(500) for patience in wanted]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > waits[3]


def test_a_turn_by_silence_waits_for_what_was_asked_whatever_the_daemon_would_do() -> None:
    base = SessionSettings(patience=Patience("semantic", "low"))
    edit = SessionEditor(Offer("nano", ("anna",), turns=usual_turns(base)), "sess_1")
    assert session_settings(edit.session, base).patience == base.patience
    by_silence = {"type": "server_vad", "silence_duration_ms": 700}
    asked = edit.update({"audio": {"input": {"turn_detection": by_silence}}})
    heard = session_settings(asked, base)
    assert heard.patience.silence_ms(heard.endpoint.silence_ms, complete=0.99, asked=True) == 700


def test_the_rest_of_the_session_is_carried_over() -> None:
    tool = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    full = settings(
        instructions="hi",
        tools=[tool],
        tool_choice={"type": "function", "name": "f"},
        max_output_tokens=7,
        output_modalities=["text"],
        audio={
            "input": {"transcription": {"model": "any"}},
            "output": {"voice": "ben", "format": {"type": "audio/pcma"}, "speed": 1.25},
        },
    )
    assert full.core.instructions == "hi"
    assert full.core.speaking_rate == 1.25
    assert [(t.name, t.description, t.parameters) for t in full.core.tools] == [
        ("f", "d", '{"type": "object"}')
    ]
    assert full.core.tool_choice == "f"
    assert full.core.max_output_tokens == 7
    assert full.core.modality == "text"
    assert full.core.transcribe
    assert full.core.voice == "ben"
    assert full.output_rate_hz == 8000


def test_what_the_daemon_announces_comes_from_its_own_settings() -> None:
    base = SessionSettings()
    usual = usual_turns(base)
    assert usual.by_silence.silence_duration_ms == base.endpoint.silence_ms
    assert usual.by_silence.threshold == base.endpoint.on_threshold
    assert usual.first == usual.by_silence
    meant = usual_turns(replace(base, patience=Patience("semantic", "low")))
    assert meant.first == SemanticVad(type="semantic_vad", eagerness="low")


def options(**asked: Any) -> Any:
    edit = SessionEditor(Offer(model="nano", voices=("anna",)), "sess_1")
    return response_options(validated(ResponseSettings, asked, "response"), edit.session)


def test_an_empty_response_create_asks_for_nothing_special() -> None:
    plain = options()
    assert plain.in_conversation
    assert plain.input_ids is None
    assert plain.metadata == ()


def test_a_response_carries_its_own_settings() -> None:
    wanted = options(
        conversation="none",
        output_modalities=["text"],
        instructions="x",
        metadata={"a": "b"},
        max_output_tokens=3,
        tool_choice="none",
        tools=[{"name": "f"}],
        input=[{"type": "item_reference", "id": "item_1"}],
    )
    assert not wanted.in_conversation
    assert wanted.modality == "text"
    assert wanted.metadata == (("a", "b"),)
    assert wanted.max_output_tokens == 3
    assert wanted.tool_choice == "none"
    assert [tool.name for tool in wanted.tools] == ["f"]
    assert wanted.input_ids == ("item_1",)
    assert options(input=[]).input_ids == ()


def test_a_forced_function_must_exist() -> None:
    with pytest.raises(PeerFault) as caught:
        options(tool_choice={"type": "function", "name": "g"}, tools=[{"name": "f"}])
    assert caught.value.param == "response.tool_choice"


def item(**fields: Any) -> Any:
    event = parse_event({"type": "conversation.item.create", "item": fields})
    return incoming_item(event.item, PcmFormat(), 16000, "item")  # type: ignore[union-attr]


def test_items_become_the_cores_items() -> None:
    text = {"type": "input_text", "text": "hi"}
    assert item(type="message", role="system", content=[text]).item == core.MessageItem(
        "", "system", (core.InputText("hi"),)
    )
    said = {"type": "output_text", "text": "hello"}
    assert item(id="x", type="message", role="assistant", content=[said]).item == core.MessageItem(
        "x", "assistant", (core.OutputText("hello"),)
    )
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}
    assert item(type="message", role="user", content=[text, picture]).item.content == (
        core.InputText("hi"),
        core.InputImage("data:image/png;base64,AA", "low"),
    )
    call = item(type="function_call", name="f", arguments="{}", call_id="c").item
    assert call == core.CallItem("", "c", "f", "{}")
    answer = item(type="function_call_output", call_id="c", output="ok").item
    assert answer == core.CallOutputItem("", "c", "ok")


def test_an_items_sound_is_measured_in_input_samples() -> None:
    sound = base64.b64encode(bytes(2 * 2400)).decode()
    given = item(
        type="message",
        role="user",
        content=[{"type": "input_audio", "audio": sound, "transcript": "hm"}],
    )
    assert given.item.content == (core.InputAudio(1600, "hm"),)
    assert len(given.sound) == 2400
    assert given.rate_hz == 24000


def test_an_items_bad_sound_is_named() -> None:
    with pytest.raises(PeerFault) as caught:
        item(type="message", role="user", content=[{"type": "input_audio", "audio": "?"}])
    assert caught.value.param == "item.content.0.audio"
