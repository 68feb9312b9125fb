"""The order of a session's events (protocol page §1.4), checked over everything a client saw."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]

CLOSING = {
    "audio": [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ],
    "text": [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ],
    "call": [
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
    ],
}


def assert_in_order(events: list[Event]) -> None:
    """Every rule that holds for any session whatever."""
    assert events[0]["type"] == "session.created"
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == len(ids), "event ids repeat"
    _assert_items_come_before_use(events)
    for created in (event for event in events if event["type"] == "response.created"):
        _assert_response(created["response"]["id"], events)


def response_events(response_id: str, events: list[Event]) -> list[Event]:
    """The events of one response, its conversation items' among them."""
    item_ids = {
        event["item"]["id"]
        for event in events
        if event["type"] == "response.output_item.added" and event["response_id"] == response_id
    }
    return [event for event in events if _belongs(event, response_id, item_ids)]


def _belongs(event: Event, response_id: str, item_ids: set[str]) -> bool:
    if event.get("response_id") == response_id:
        return True
    if event.get("response", {}).get("id") == response_id:
        return True
    of_item = event["type"] in ("conversation.item.added", "conversation.item.done")
    return of_item and event["item"]["id"] in item_ids


def _assert_items_come_before_use(events: list[Event]) -> None:
    known: set[str] = set()
    for event in events:
        if event["type"] == "conversation.item.added":
            assert event["previous_item_id"] is None or event["previous_item_id"] in known, event
            assert event["item"]["id"] not in known, f"added twice: {event}"
            known.add(event["item"]["id"])
        elif event["type"] == "conversation.item.done":
            assert event["item"]["id"] in known, event


def _assert_response(response_id: str, events: list[Event]) -> None:
    own = response_events(response_id, events)
    kinds = [event["type"] for event in own]
    assert kinds[0] == "response.created", kinds
    assert kinds.count("response.created") == 1
    if "response.done" not in kinds:
        return  # still running when the client left
    assert kinds.count("response.done") == 1
    assert kinds[-1] == "response.done", f"after response.done: {kinds}"
    done = own[-1]["response"]
    assert done["status"] in ("completed", "cancelled", "incomplete", "failed")
    added = [event for event in own if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == list(range(len(added)))
    for event in added:
        _assert_item(event["item"], own, done)
    shown = [event["item"] for event in own if event["type"] == "response.output_item.done"]
    assert [item["id"] for item in done["output"]] == [item["id"] for item in shown]


def _assert_item(item: dict[str, Any], own: list[Event], done: dict[str, Any]) -> None:
    """An item opens from the outside in, and closes from the inside out."""
    mine = [event for event in own if _is_about(event, item["id"])]
    kinds = [event["type"] for event in mine]
    in_conversation = done["conversation_id"] is not None
    opening = ["response.output_item.added"]
    opening += ["conversation.item.added"] if in_conversation else []
    assert item["status"] == "in_progress"
    if item["type"] == "message":
        assert item["content"] == []
        opening.append("response.content_part.added")
    assert kinds[: len(opening)] == opening, kinds
    closing = [
        kind
        for kind in CLOSING[_kind_of(item, mine)]
        if in_conversation or not kind.startswith("conversation.")
    ]
    assert kinds[-len(closing) :] == closing, kinds
    assert all(kind.endswith(".delta") for kind in kinds[len(opening) : -len(closing)]), kinds
    _assert_deltas_add_up(mine)


def _is_about(event: Event, item_id: str) -> bool:
    return event.get("item_id") == item_id or event.get("item", {}).get("id") == item_id


def _kind_of(item: dict[str, Any], mine: list[Event]) -> str:
    if item["type"] == "function_call":
        return "call"
    part: str = next(e["part"]["type"] for e in mine if e["type"] == "response.content_part.added")
    return part


def _assert_deltas_add_up(mine: list[Event]) -> None:
    """What was told in pieces is what is told as a whole."""
    wholes = {
        "response.output_text": "text",
        "response.output_audio_transcript": "transcript",
        "response.function_call_arguments": "arguments",
    }
    for stem, name in wholes.items():
        pieces = "".join(e["delta"] for e in mine if e["type"] == f"{stem}.delta")
        for event in mine:
            if event["type"] == f"{stem}.done":
                assert event[name] == pieces, event
