"""Every notice of the core as an event, held against the SDK's own types."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest

from tests.support.sdk_check import assert_sdk_accepts
from vivavoce.assistant.core import items, notices
from vivavoce.assistant.core.events import UsageCount
from vivavoce.assistant.realtime.render import Renderer
from vivavoce.assistant.realtime.render_items import ItemSound
from vivavoce.assistant.realtime.schema import SERVER_EVENTS
from vivavoce.assistant.realtime.session_object import Offer, SessionEditor

USER = items.MessageItem("item_u", "user", (items.InputAudio(16000),))
SEEN = items.MessageItem("item_s", "user", (items.InputImage("data:image/png;base64,AA", "low"),))
SYSTEM = items.MessageItem("item_y", "system", (items.InputText("be kind"),))
OPEN = items.MessageItem("item_a", "assistant", (), "in_progress")
SPOKEN = items.MessageItem("item_a", "assistant", (items.OutputAudio("hello", 8000),))
WRITTEN = items.MessageItem("item_w", "assistant", (items.OutputText("hello"),), "incomplete")
CALL = items.CallItem("item_c", "call_1", "light_on", '{"room": "kitchen"}')
ANSWER = items.CallOutputItem("item_o", "call_1", "done")
PLACE = notices.PartPlace("resp_1", "item_a", 0, 0)
RUNNING = notices.ResponseView("resp_1", "in_progress")
DONE = notices.ResponseView(
    "resp_1", "completed", output=(SPOKEN, CALL), usage=UsageCount(10, 20, 3, 40)
)

NOTICES: list[notices.Notice] = [
    notices.SpeechStartedNotice("item_u", 8000),
    notices.SpeechStoppedNotice("item_u", 24000),
    notices.InputCommitted("item_u", None),
    notices.InputCommitted("item_u", "item_a"),
    notices.InputCleared(),
    notices.TimeoutTriggered("item_u", 0, 96000),
    *(notices.ItemAdded(item, None) for item in (USER, SEEN, SYSTEM, OPEN, CALL, ANSWER)),
    notices.ItemDone(SPOKEN, "item_u"),
    notices.ItemDone(WRITTEN, "item_u"),
    notices.ItemRetrieved(USER),
    notices.ItemRetrieved(CALL),
    notices.ItemDeleted("item_u"),
    notices.ItemTruncated("item_a", 0, 250),
    notices.TranscriptionCompleted("item_u", 0, "hi there", "en", 16000),
    notices.TranscriptionFailed("item_u", 0, "no"),
    notices.ResponseCreated(RUNNING),
    notices.ResponseDone(DONE),
    notices.OutputItemAdded("resp_1", 0, OPEN),
    notices.OutputItemDone("resp_1", 0, SPOKEN),
    notices.OutputItemDone("resp_1", 1, CALL),
    notices.ContentPartAdded(PLACE, "audio"),
    notices.ContentPartAdded(PLACE, "text"),
    notices.ContentPartDone(PLACE, "audio", "hello"),
    notices.ContentPartDone(PLACE, "text", "hello"),
    notices.TextDelta(PLACE, "he"),
    notices.TextDone(PLACE, "hello"),
    notices.TranscriptDelta(PLACE, "he"),
    notices.TranscriptDone(PLACE, "hello"),
    notices.AudioDelta(PLACE, b"\x01\x00\x02\x00"),
    notices.AudioDone(PLACE),
    notices.ArgumentsDelta(PLACE, "call_1", "{"),
    notices.ArgumentsDone(PLACE, "call_1", "light_on", "{}"),
    notices.ProtocolError("item_delete_invalid_item_id", "no such item", "item_id", "evt_9"),
    notices.ProtocolError("response_cancel_not_active", "nothing to cancel"),
]


def renderer() -> Renderer:
    editor = SessionEditor(Offer(model="nano", voices=("anna",)), "sess_1")
    return Renderer(
        session=lambda: editor.session,
        conversation_id="conv_1",
        input_rate_hz=16000,
        sound_of=lambda item: ItemSound(b"\x05\x00") if item is USER else None,
        encode=lambda response_id, pcm: pcm,
    )


def told(notice: notices.Notice) -> dict[str, Any]:
    return json.loads(renderer().notice(notice).model_dump_json())


def test_every_notice_of_the_core_is_tried() -> None:
    assert {type(notice) for notice in NOTICES} == set(get_args(notices.Notice))


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: type(notice).__name__)
def test_each_event_suits_the_sdk_and_the_table(notice: notices.Notice) -> None:
    event = told(notice)
    assert event["type"] in SERVER_EVENTS
    assert event["event_id"].startswith("event_")
    assert_sdk_accepts(event)


def test_session_and_error_events_suit_the_sdk() -> None:
    write = renderer()
    for event in (write.session_created(), write.session_updated(), write.error("c", "m")):
        assert_sdk_accepts(json.loads(event.model_dump_json()))


def test_event_ids_are_unique() -> None:
    write = renderer()
    ids = [write.notice(notices.InputCleared()).event_id for _ in range(1000)]
    assert len(set(ids)) == 1000


def test_times_are_milliseconds_of_input_samples() -> None:
    assert told(NOTICES[0])["audio_start_ms"] == 500
    assert told(NOTICES[1])["audio_end_ms"] == 1500


def test_an_unknown_transcript_is_null_and_the_sound_comes_with_retrieved_only() -> None:
    assert told(notices.ItemAdded(USER, None))["item"]["content"] == [
        {"type": "input_audio", "transcript": None}
    ]
    assert told(notices.ItemRetrieved(USER))["item"]["content"] == [
        {
            "type": "input_audio",
            "transcript": None,
            "audio": base64.b64encode(b"\x05\x00").decode(),
        }
    ]


def test_a_running_response_shows_its_nulls_and_no_reason() -> None:
    assert told(notices.ResponseCreated(RUNNING))["response"] == {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "anna"}},
        "usage": None,
        "metadata": None,
    }


def test_usage_adds_up() -> None:
    usage = told(notices.ResponseDone(DONE))["response"]["usage"]
    assert usage["input_tokens"] == 30
    assert usage["output_tokens"] == 43
    assert usage["total_tokens"] == 73
    assert usage["output_token_details"] == {"text_tokens": 3, "audio_tokens": 40}


def response(**fields: Any) -> dict[str, Any]:
    view = notices.ResponseView("resp_1", fields.pop("status", "completed"), **fields)
    event = told(notices.ResponseDone(view))
    assert_sdk_accepts(event)
    return event["response"]


def test_each_way_to_end_has_its_details() -> None:
    cancelled = response(status="cancelled", reason="turn_detected")
    assert cancelled["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    short = response(status="incomplete", reason="max_output_tokens", max_output_tokens=5)
    assert short["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert short["max_output_tokens"] == 5
    failed = response(status="failed", error="it broke")["status_details"]
    assert failed["error"] == {
        "type": "server_error",
        "code": "model_error",
        "message": "it broke",
    }
    assert response()["status_details"] is None


def test_out_of_band_responses_belong_to_no_conversation() -> None:
    assert response(in_conversation=False)["conversation_id"] is None


def test_the_clients_metadata_comes_back_untouched() -> None:
    pairs = (("client_event_id", "x"),)
    assert response(metadata=pairs, language="en")["metadata"] == {"client_event_id": "x"}


def test_what_the_daemon_did_is_told_in_metadata() -> None:
    lit = notices.Action("light_on", '{"room": "kitchen"}', confidence=0.91234)
    actions = (lit, notices.Action("stop", ""))
    pairs = response(metadata=(("a", "b"),), actions=actions, language="en")["metadata"]
    assert pairs["a"] == "b"
    assert pairs["vivavoce.language"] == "en"
    assert json.loads(pairs["vivavoce.actions"]) == [
        {"name": "light_on", "arguments": {"room": "kitchen"}, "confidence": 0.912},
        {"name": "stop", "arguments": {}},
    ]


def test_parts_are_text_or_audio_with_their_own_key() -> None:
    audio = told(notices.ContentPartDone(PLACE, "audio", "hello"))["part"]
    assert audio == {"type": "audio", "transcript": "hello"}
    text = told(notices.ContentPartAdded(PLACE, "text"))["part"]
    assert text == {"type": "text", "text": ""}
