"""The session object: what is announced, merged, refused and tolerated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.sdk_check import assert_sdk_accepts
from vivavoce.assistant.errors import PeerFault
from vivavoce.assistant.realtime.server_events import SessionUpdated
from vivavoce.assistant.realtime.session_object import Offer, SessionEditor, UsualTurns
from vivavoce.assistant.realtime.settings import SemanticVad, ServerVad


def editor(**changes: Any) -> SessionEditor:
    offer = Offer(model="nano", voices=("anna", "ben"), instructions="be brief", **changes)
    return SessionEditor(offer, "sess_1")


def shown(edit: SessionEditor) -> dict[str, Any]:
    return json.loads(edit.session.model_dump_json())


def update(edit: SessionEditor, patch: dict[str, Any], **more: Any) -> dict[str, Any]:
    edit.update(patch, **more)
    return shown(edit)


def audio(**kinds: Any) -> dict[str, Any]:
    return {"type": "realtime", "audio": kinds}


def test_the_first_session_announces_every_default_with_its_nulls() -> None:
    first = shown(editor())
    expires_at = first.pop("expires_at")
    assert isinstance(expires_at, int)
    assert first == {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "model": "nano",
        "output_modalities": ["audio"],
        "instructions": "be brief",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": None,
                "transcription": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "anna",
                "speed": 1.0,
            },
        },
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
    }


def test_an_update_merges_present_keys_and_leaves_the_rest() -> None:
    edit = editor()
    after = update(edit, audio(input={"transcription": {"model": "gpt-4o-mini-transcribe"}}))
    assert after["audio"]["input"]["transcription"] == {"model": "gpt-4o-mini-transcribe"}
    after = update(edit, {"instructions": "", **audio(input={"transcription": {"language": "en"}})})
    assert after["instructions"] == ""
    assert after["audio"]["input"]["transcription"] == {
        "model": "gpt-4o-mini-transcribe",
        "language": "en",
    }
    assert after["audio"]["input"]["turn_detection"]["type"] == "server_vad"


def test_arrays_replace() -> None:
    edit = editor()
    update(edit, {"tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "b"}]})
    after = update(edit, {"tools": [{"type": "function", "name": "c", "parameters": {"x": None}}]})
    assert after["tools"] == [{"type": "function", "name": "c", "parameters": {"x": None}}]


def test_turn_detection_replaces_the_old_one_and_gets_defaults() -> None:
    edit = editor()
    update(edit, audio(input={"turn_detection": {"type": "server_vad", "threshold": 0.9}}))
    after = update(edit, audio(input={"turn_detection": {"type": "server_vad"}}))
    assert after["audio"]["input"]["turn_detection"]["threshold"] == 0.5


def test_semantic_vad_is_echoed_with_explicit_response_flags() -> None:
    after = update(editor(), audio(input={"turn_detection": {"type": "semantic_vad"}}))
    assert after["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_null_turn_detection_means_manual_turns_and_other_nulls_mean_the_default() -> None:
    edit = editor()
    update(edit, audio(output={"speed": 1.5}, input={"noise_reduction": {"type": "near_field"}}))
    after = update(
        edit,
        {
            "type": "realtime",
            "tracing": None,
            "tools": None,
            "instructions": None,
            "max_output_tokens": None,
            "audio": {
                "input": {"turn_detection": None, "noise_reduction": None, "format": None},
                "output": {"speed": None, "voice": None, "format": None},
            },
        },
    )
    assert after["audio"]["input"]["turn_detection"] is None
    assert after["audio"]["input"]["noise_reduction"] is None
    assert after["audio"]["output"]["speed"] == 1.0
    assert after["instructions"] == "be brief"


def test_a_null_branch_changes_nothing() -> None:
    edit = editor()
    update(edit, audio(output={"voice": "ben"}))
    assert update(edit, {"type": "realtime", "audio": None})["audio"]["output"]["voice"] == "ben"
    assert update(edit, audio(input=None))["audio"]["output"]["voice"] == "ben"


def test_nulls_inside_turn_detection_mean_its_defaults() -> None:
    vad = {"type": "server_vad", "create_response": None, "silence_duration_ms": None}
    after = update(editor(), audio(input={"turn_detection": vad}))
    assert after["audio"]["input"]["turn_detection"]["create_response"] is True
    assert after["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_pcm_rates_are_taken_and_echoed(rate: int) -> None:
    pcm = {"type": "audio/pcm", "rate": rate}
    after = update(editor(), audio(input={"format": pcm}, output={"format": pcm}))
    assert after["audio"]["input"]["format"] == pcm
    assert after["audio"]["output"]["format"] == pcm


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_telephone_formats_have_no_rate(kind: str) -> None:
    after = update(editor(), audio(input={"format": {"type": kind, "rate": 8000}}))
    assert after["audio"]["input"]["format"] == {"type": kind}


@pytest.mark.parametrize("voice", ["alloy", "marin", "cedar", {"id": "verse"}])
def test_voices_of_the_big_service_become_the_default_voice(voice: Any) -> None:
    assert update(editor(), audio(output={"voice": voice}))["audio"]["output"]["voice"] == "anna"


def test_a_voice_of_ours_is_taken_and_a_misspelt_one_refused() -> None:
    edit = editor()
    assert update(edit, audio(output={"voice": "ben"}))["audio"]["output"]["voice"] == "ben"
    with pytest.raises(PeerFault, match="choose one of anna, ben"):
        edit.update(audio(output={"voice": "bne"}))


def test_the_voice_is_locked_once_it_was_heard() -> None:
    edit = editor()
    with pytest.raises(PeerFault) as caught:
        edit.update(audio(output={"voice": "ben"}), voice_locked=True)
    assert caught.value.code == "cannot_update_voice"
    edit.update(audio(output={"voice": "alloy"}), voice_locked=True)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (audio(input={"format": {"rate": 22050}}), "invalid_value", "session.audio.input.format.rate"),
    (audio(input={"format": {"type": "mp3"}}), "invalid_value", "session.audio.input.format.type"),
    (audio(input={"format": "pcm16"}), "invalid_type", "session.audio.input.format"),
    (audio(input={"turn_detection": {"threshold": 1.5}}), "invalid_value",
     "session.audio.input.turn_detection.threshold"),
    (audio(input={"turn_detection": {"idle_timeout_ms": 100}}), "invalid_value",
     "session.audio.input.turn_detection.idle_timeout_ms"),
    (audio(input={"turn_detection": {"type": "no_vad"}}), "invalid_value",
     "session.audio.input.turn_detection.type"),
    (audio(input={"turn_detection": {"type": "semantic_vad", "eagerness": "fast"}}),
     "invalid_value", "session.audio.input.turn_detection.eagerness"),
    (audio(input={"turn_detection": {"type": "semantic_vad", "eagerness": 3}}),
     "invalid_value", "session.audio.input.turn_detection.eagerness"),
    (audio(input={"turn_detection": {"create_response": "yes"}}), "invalid_type",
     "session.audio.input.turn_detection.create_response"),
    (audio(output={"speed": 3}), "invalid_value", "session.audio.output.speed"),
    (audio(output={"speed": "fast"}), "invalid_type", "session.audio.output.speed"),
    ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
    ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
    ({"output_modalities": ["smell"]}, "invalid_value", "session.output_modalities.0"),
    ({"output_modalities": ["image"]}, "invalid_value", "session.output_modalities"),
    ({"output_modalities": ["text", "video"]}, "invalid_value", "session.output_modalities"),
    ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
    ({"max_output_tokens": 5000}, "invalid_value", "session.max_output_tokens"),
    ({"instructions": 7}, "invalid_type", "session.instructions"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools.0.name"),
    ({"tools": [{"type": "mcp", "name": "x"}]}, "invalid_value", "session.tools.0.type"),
    ({"tool_choice": "sometimes"}, "invalid_value", "session.tool_choice"),
    ({"tracing": "loud"}, "invalid_value", "session.tracing"),
    ({"truncation": "never"}, "invalid_value", "session.truncation"),
    ({"type": "transcription"}, "invalid_value", "session.type"),
    ({"audio": []}, "invalid_type", "session.audio"),
]  # fmt: skip


@pytest.mark.parametrize(("patch", "code", "param"), WRONG, ids=[w[2] for w in WRONG])
def test_a_wrong_update_is_refused_with_its_path_and_changes_nothing(
    patch: dict[str, Any], code: str, param: str
) -> None:
    edit = editor()
    before = shown(edit)
    with pytest.raises(PeerFault) as caught:
        edit.update({"instructions": "changed", **patch})
    assert (caught.value.code, caught.value.param) == (code, param)
    assert shown(edit) == before


@pytest.mark.parametrize(
    "patch",
    [
        {"tracing": "auto"},
        {"tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}}},
        {"truncation": {"type": "retention_ratio", "retention_ratio": 0.8}},
        {"truncation": "disabled"},
        {"prompt": {"id": "p", "variables": {"a": "b"}}},
        {"include": ["item.input_audio_transcription.logprobs"]},
        {"reasoning": {"effort": "low"}, "parallel_tool_calls": True},
        {"tool_choice": {"type": "function", "name": "f"}, "tools": [{"name": "f"}]},
        {"max_output_tokens": 4096},
        {"max_output_tokens": 100.0},
        {"output_modalities": ["text"]},
        {"model": "gpt-realtime"},
        {"something_new": {"deep": 1}, "audio": {"input": {"unknown": 3}}},
    ],
)
def test_what_clients_send_is_accepted_and_the_echo_suits_the_sdk(patch: dict[str, Any]) -> None:
    edit = editor()
    edit.update({"type": "realtime", **patch})
    event = SessionUpdated(event_id="event_1", session=edit.session)
    assert_sdk_accepts(json.loads(event.model_dump_json()))
    assert shown(edit)["model"] == "nano"


def test_what_a_new_turn_detection_leaves_open_is_as_the_daemon_does_it() -> None:
    usual = ServerVad(threshold=0.6, silence_duration_ms=800, interrupt_response=False)
    meant = SemanticVad(type="semantic_vad", eagerness="low", interrupt_response=False)
    edit = editor(turns=UsualTurns(by_silence=usual, by_meaning=meant))
    assert edit.session.audio.input.turn_detection == usual
    edit.update({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    assert edit.session.audio.input.turn_detection == meant
    edit.update({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
    assert edit.session.audio.input.turn_detection == usual
    high = {"type": "semantic_vad", "eagerness": "high"}
    edit.update({"audio": {"input": {"turn_detection": high}}})
    assert edit.session.audio.input.turn_detection == meant.model_copy(update={"eagerness": "high"})
    asked = {"type": "server_vad", "interrupt_response": True, "threshold": None}
    edit.update({"audio": {"input": {"turn_detection": asked}}})
    assert edit.session.audio.input.turn_detection == usual.model_copy(
        update={"interrupt_response": True}
    )


def test_a_wrong_eagerness_is_told_with_those_there_are() -> None:
    with pytest.raises(PeerFault) as caught:
        editor().update(audio(input={"turn_detection": {"type": "semantic_vad", "eagerness": "x"}}))
    assert caught.value.message == (
        "session.audio.input.turn_detection.eagerness must be 'low', 'medium', 'high' or 'auto'"
    )


def test_a_daemon_that_ends_turns_by_meaning_says_so_first() -> None:
    edit = editor(turns=UsualTurns(detection="semantic"))
    assert shown(edit)["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_a_tool_nested_beyond_measure_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"a": deep}
    edit = editor()
    with pytest.raises(PeerFault) as caught:
        edit.update({"tools": [{"name": "f", "parameters": deep}]})
    assert caught.value.code == "invalid_value"
    assert shown(edit)["tools"] == []


def test_the_speed_shown_is_the_one_there_is() -> None:
    edit = editor(speed=1.2)
    assert shown(edit)["audio"]["output"]["speed"] == 1.2
    assert update(edit, audio(output={"speed": 0.8}))["audio"]["output"]["speed"] == 0.8
    assert update(edit, audio(output={"speed": None}))["audio"]["output"]["speed"] == 1.2
    with pytest.raises(PeerFault):
        edit.update(audio(output={"speed": 2}))


def test_a_model_that_speaks_at_one_rate_shows_it() -> None:
    after = update(editor(speed=None), audio(output={"speed": 1.3}))
    assert after["audio"]["output"]["speed"] == 1.0


def test_tools_and_the_choice_among_them_must_fit() -> None:
    edit = editor()
    function = {"type": "function", "name": "f"}
    for patch, param in (
        ({"tool_choice": {"type": "function", "name": "g"}}, "session.tool_choice"),
        ({"tools": [function, function]}, "session.tools"),
    ):
        with pytest.raises(PeerFault) as caught:
            edit.update({"instructions": "changed", **patch})
        assert (caught.value.code, caught.value.param) == ("invalid_value", param)
        assert shown(edit)["instructions"] == "be brief"
    forced = {"type": "function", "name": "f"}
    assert update(edit, {"tools": [function], "tool_choice": forced})["tool_choice"] == forced
    with pytest.raises(PeerFault):
        edit.update({"tools": []})


def test_a_wrong_name_is_told_in_a_whole_sentence() -> None:
    with pytest.raises(PeerFault) as caught:
        editor().update({"tools": [{"type": "function", "name": "no name"}]})
    assert caught.value.message == "session.tools.0.name must match ^[a-zA-Z0-9_.-]{1,64}$"


def interrupts(session: dict[str, Any]) -> bool:
    return bool(session["audio"]["input"]["turn_detection"]["interrupt_response"])


def test_a_preset_says_whether_speech_interrupts_until_the_client_does() -> None:
    edit = editor()
    waiting = update(edit, {"barge_in": "wait"})
    assert waiting["barge_in"] == "wait" and not interrupts(waiting)
    other_turns = audio(input={"turn_detection": {"type": "server_vad"}})
    assert not interrupts(update(edit, other_turns))
    contrary = {"type": "server_vad", "interrupt_response": True}
    assert interrupts(update(edit, audio(input={"turn_detection": contrary})))
    assert interrupts(update(edit, {"barge_in": "polite"}))
    back = update(edit, {"barge_in": None})
    assert "barge_in" not in back and interrupts(back)


def test_a_preset_for_turns_by_hand_changes_nothing_else() -> None:
    edit = editor()
    update(edit, audio(input={"turn_detection": None}))
    session = update(edit, {"barge_in": "off"})
    assert session["audio"]["input"]["turn_detection"] is None
    assert session["barge_in"] == "off"


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(PeerFault) as fault:
        editor().update({"barge_in": "rude"})
    assert fault.value.param == "session.barge_in"
