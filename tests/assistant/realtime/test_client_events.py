"""What clients send: every event of the table, and what is wrong with the wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from vivavoce.assistant.errors import PeerFault
from vivavoce.assistant.realtime.schema import CLIENT_EVENTS, parse_event, parse_json

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
TRUNCATE = {
    "type": "conversation.item.truncate",
    "item_id": "i",
    "content_index": 0,
    "audio_end_ms": 5,
}

RIGHT: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime"}},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.append", "audio": "AAAA", "playing": True},
    {"type": "input_audio_buffer.commit", "event_id": None},
    {"type": "input_audio_buffer.clear", "event_id": "e"},
    {"type": "conversation.item.create", "item": USER, "previous_item_id": None},
    {"type": "conversation.item.create", "item": {**USER, "id": "x", "object": "realtime.item",
     "status": "completed"}, "previous_item_id": "root"},
    {"type": "conversation.item.create", "item": {"type": "function_call_output",
     "call_id": "c", "output": "{}"}},
    {"type": "conversation.item.create", "item": {"type": "function_call", "call_id": "c",
     "name": "f", "arguments": "{}"}},
    {"type": "conversation.item.retrieve", "item_id": "i"},
    {"type": "conversation.item.delete", "item_id": "i"},
    TRUNCATE,
    {**TRUNCATE, "audio_end_ms": 1200.0},
    {"type": "response.create"},
    {"type": "response.create", "response": None},
    {"type": "response.create", "response": {"conversation": "none", "input": [],
     "metadata": {"a": "b"}, "output_modalities": ["text"], "instructions": None,
     "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "marin"}}},
     "tool_choice": "required", "tools": [{"type": "function", "name": "f"}],
     "max_output_tokens": "inf", "parallel_tool_calls": False, "prompt": None,
     "reasoning": {"effort": "low"}}},
    {"type": "response.create", "response": {"input": [USER, {"type": "item_reference",
     "id": "x"}]}},
    {"type": "response.cancel", "response_id": "r"},
    {"type": "output_audio_buffer.clear"},
]  # fmt: skip


def test_every_event_of_the_table_is_tried() -> None:
    assert {event["type"] for event in RIGHT} == set(CLIENT_EVENTS)


@pytest.mark.parametrize("event", RIGHT, ids=lambda event: str(event["type"]))
def test_right_events_are_taken(event: dict[str, Any]) -> None:
    assert isinstance(parse_event(event), CLIENT_EVENTS[event["type"]])


def created(item: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item}


def said(role: str, *content: Any) -> dict[str, Any]:
    return created({"type": "message", "role": role, "content": list(content)})


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "missing_required_parameter", "type"),
    ({"type": None}, "missing_required_parameter", "type"),
    ({"type": 5}, "invalid_type", "type"),
    ({"type": "response.make"}, "unknown_event", "type"),
    ({"type": "input_audio_buffer.commit", "event_id": 5}, "invalid_type", "event_id"),
    ({"type": "session.update"}, "missing_required_parameter", "session"),
    ({"type": "session.update", "session": 5}, "invalid_type", "session"),
    ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
    ({"type": "input_audio_buffer.append", "audio": 5}, "invalid_type", "audio"),
    (created(5), "invalid_type", "item"),
    (created({"type": "dance"}), "invalid_value", "item.type"),
    (created({"type": "mcp_call"}), "invalid_value", "item.type"),
    (created({}), "missing_required_parameter", "item.type"),
    (said("robot"), "invalid_value", "item.role"),
    (said("user"), "invalid_value", "item.content"),
    (said("user", {"type": "input_text"}), "missing_required_parameter", "item.content.0.text"),
    (said("user", {"type": "smell"}), "invalid_value", "item.content.0.type"),
    (said("assistant", {"type": "output_audio"}), "invalid_value", "item.content.0.type"),
    (said("user", {"type": "input_image", "image_url": "http://x/y.png"}), "invalid_value",
     "item.content.0.image_url"),
    ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
    ({**TRUNCATE, "audio_end_ms": -1}, "invalid_value", "audio_end_ms"),
    ({**TRUNCATE, "audio_end_ms": "5"}, "invalid_type", "audio_end_ms"),
    ({**TRUNCATE, "audio_end_ms": 5.5}, "invalid_type", "audio_end_ms"),
    ({**TRUNCATE, "content_index": 1}, "invalid_value", "content_index"),
    ({"type": "response.create", "response": []}, "invalid_type", "response"),
    ({"type": "response.create", "response": {"output_modalities": ["text", "audio"]}},
     "invalid_value", "response.output_modalities"),
    ({"type": "response.create", "response": {"metadata": {"a": 1}}}, "invalid_type",
     "response.metadata.a"),
    ({"type": "response.create", "response": {"metadata": {str(n): "" for n in range(17)}}},
     "invalid_value", "response.metadata"),
    ({"type": "response.create", "response": {"metadata": {"a": "x" * 513}}}, "invalid_value",
     "response.metadata"),
    ({"type": "response.create", "response": {"conversation": "mine"}}, "invalid_value",
     "response.conversation"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "code", "param"), WRONG)
def test_wrong_events_are_named_with_the_path_of_what_is_wrong(
    event: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(PeerFault) as caught:
        parse_event(event)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"hi"', "null", "[" * 100_000])
def test_what_is_not_a_json_object_is_invalid_json(text: str) -> None:
    with pytest.raises(PeerFault) as caught:
        parse_json(text)
    assert caught.value.code == "invalid_json"


def test_half_a_character_is_no_text_and_a_whole_pair_is() -> None:
    with pytest.raises(PeerFault) as caught:
        parse_json('{"type": "response.create", "x": "\\ud83d"}')
    assert caught.value.code == "invalid_json"
    assert parse_json('{"x": "\\ud83d\\ude00 \\\\ud83d"}') == {"x": "😀 \\ud83d"}
