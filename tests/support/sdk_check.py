"""Server events held against the official SDK's own types, strictly: nothing unknown in them."""

from __future__ import annotations

import json
from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

# What the project's protocol page allows beside the SDK's types.
TOLERATED = {("session", "object"), ("session", "id"), ("session", "expires_at")}
TOLERATED |= {("session", "language"), ("session", "dialect")}  # echoed to who has set them

_MODELS: dict[str, TypeAdapter[Any]] = {}
for _model in get_args(get_args(RealtimeServerEvent)[0]):
    for _name in get_args(_model.model_fields["type"].annotation):
        _MODELS[_name] = TypeAdapter(_model)


def assert_sdk_accepts(event: dict[str, Any]) -> None:
    """`event` is one of the SDK's server events, with no field that the SDK does not know."""
    adapter = _MODELS[event["type"]]
    model = adapter.validate_json(json.dumps(event), strict=True)
    extras = [path for path in _extras(model, "") if tuple(path.split(".")[-2:]) not in TOLERATED]
    assert not extras, f"{event['type']} has fields the SDK does not know: {extras}"


def _extras(value: Any, path: str) -> list[str]:
    if isinstance(value, BaseModel):
        found = [f"{path}.{name}".lstrip(".") for name in value.model_extra or {}]
        for name in type(value).model_fields:
            found += _extras(getattr(value, name), f"{path}.{name}".lstrip("."))
        return found
    if isinstance(value, list):
        return [extra for item in value for extra in _extras(item, path)]
    return []
