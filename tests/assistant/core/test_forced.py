"""Calls that must be made: their arguments fit whatever schema the client gave."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.assistant.core.events import ReplyDone, ReplyHeard, ReplyText, ReplyToolCall
from vivavoce.assistant.core.example import example
from vivavoce.assistant.core.forced import ForcedCall
from vivavoce.assistant.core.settings import Tool

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1},
        "note": {"type": "string"},
    },
    "required": ["city", "unit", "days"],
    "additionalProperties": False,
}

CASES: list[tuple[Any, Any]] = [
    (WEATHER, {"city": "", "unit": "celsius", "days": 1}),
    ({}, {}),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
    ({"required": ["a"]}, {"a": ""}),
    ({"type": "string", "minLength": 3}, "aaa"),
    ({"type": "string", "format": "date"}, "2000-01-01"),
    ({"type": ["null", "boolean"]}, False),
    ({"type": "null"}, None),
    ({"const": 4}, 4),
    ({"type": "number", "default": 2.5}, 2.5),
    ({"type": "integer"}, 0),
    ({"type": "integer", "minimum": 3, "multipleOf": 5}, 5),
    ({"type": "integer", "exclusiveMinimum": 0}, 1),
    ({"type": "integer", "exclusiveMinimum": 7}, 8),
    ({"type": "integer", "maximum": -2}, -2),
    ({"type": "integer", "exclusiveMaximum": 0}, -1),
    ({"type": "number", "minimum": 0.2, "maximum": 0.4}, pytest.approx(0.3)),
    ({"type": "array", "items": {"type": "integer"}}, []),
    ({"type": "array", "items": {"enum": ["x"]}, "minItems": 2}, ["x", "x"]),
    ({"type": "array", "prefixItems": [{"type": "null"}, {"const": 1}]}, [None, 1]),
    ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, False),
    (
        {
            "allOf": [
                {"properties": {"a": {"const": 1}}, "required": ["a"]},
                {"properties": {"b": {"const": 2}}, "required": ["b"]},
            ]
        },
        {"a": 1, "b": 2},
    ),
    (
        {
            "type": "object",
            "properties": {"room": {"$ref": "#/$defs/Room"}},
            "required": ["room"],
            "$defs": {"Room": {"enum": ["kitchen", "hall"]}},
        },
        {"room": "kitchen"},
    ),
    ({"$ref": "#/nowhere"}, {}),
    ("not a schema", {}),
]


@pytest.mark.parametrize(("schema", "fits"), CASES)
def test_the_plainest_value_fits_its_schema(schema: Any, fits: Any) -> None:
    assert example(schema) == fits


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    json.dumps(example(endless))
    json.dumps(example({"$ref": "#"}))


WORDS = (
    "type properties required items prefixItems minItems minLength minimum maximum multipleOf "
    "exclusiveMinimum exclusiveMaximum enum const default format allOf anyOf oneOf $ref $defs a"
).split()
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([10**400, -(10**400), 1e308, -1e308, 1e-308]),
    st.sampled_from(["object", "array", "string", "number", "integer", "null", "#", "#/a", "x"]),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(SCHEMAS, st.dictionaries(st.sampled_from(WORDS), LEAVES, max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_a_client_calls_a_schema_gives_some_value(schema: Any, hints: Any) -> None:
    json.dumps(example(schema, hints))


def test_what_the_model_gave_is_kept_where_it_fits() -> None:
    gave = {"city": "paris", "unit": "kelvin", "days": "two", "colour": "red", "note": "x"}
    assert example(WEATHER, gave) == {"city": "paris", "unit": "celsius", "days": 1, "note": "x"}


TOOLS = (Tool("hello"), Tool("weather", "", json.dumps(WEATHER)))


def test_only_required_or_a_name_force_a_call() -> None:
    assert ForcedCall.of("auto", TOOLS) is None
    assert ForcedCall.of("none", TOOLS) is None
    assert ForcedCall.of("required", ()) is None
    assert ForcedCall.of("required", TOOLS) == ForcedCall(TOOLS)
    assert ForcedCall.of("weather", TOOLS) == ForcedCall(TOOLS[1:])


def test_a_model_that_speaks_instead_has_the_call_made_for_it() -> None:
    force = ForcedCall(TOOLS[1:])
    assert force.call(ReplyHeard(3, "hi", "en")) is None
    for part in (ReplyText(3, "hi", 0), ReplyDone(3, "completed")):
        call = force.call(part)
        assert call is not None
        assert (call.generation, call.name) == (3, "weather")
        assert json.loads(call.arguments) == {"city": "", "unit": "celsius", "days": 1}


def test_a_model_that_calls_by_itself_is_taken_at_its_word() -> None:
    own = ReplyToolCall(3, "c1", "weather", '{"city": "rome", "days": 2}', False)
    call = ForcedCall(TOOLS).call(own)
    assert call is not None
    assert call.call_id == "c1"
    assert json.loads(call.arguments) == {"city": "rome", "unit": "celsius", "days": 2}


def test_a_call_to_another_function_is_replaced() -> None:
    call = ForcedCall(TOOLS[1:]).call(ReplyToolCall(3, "c1", "hello", "{}", True))
    assert call is not None
    assert call.name == "weather"
