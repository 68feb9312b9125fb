"""Events, effects, items and settings as JSON and back: {"is": class name, field: value ...}."""

from __future__ import annotations

import base64
import dataclasses
from types import ModuleType
from typing import Any

from .core import effects, events, items, notices, settings


def _classes(*modules: ModuleType) -> dict[str, type]:
    """The dataclasses each module defines, by name; a name must not stand for two."""
    found: dict[str, type] = {}
    for module in modules:
        for name, value in vars(module).items():
            if not isinstance(value, type) or value.__module__ != module.__name__:
                continue
            if dataclasses.is_dataclass(value):
                assert name not in found, name
                found[name] = value
    return found


_CLASSES = _classes(effects, events, items, notices, settings)


def to_json(value: Any) -> Any:
    """A value of the core as JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__, **named}
    if isinstance(value, bytes):
        return {"is": "bytes", "base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, frozenset):
        return {"is": "set", "of": sorted(value)}
    if isinstance(value, tuple | list):
        return [to_json(member) for member in value]
    return value


def from_json(data: Any) -> Any:
    """Back again; a list becomes a tuple. Raises ValueError for a class that is not known."""
    if isinstance(data, list):
        return tuple(from_json(member) for member in data)
    if not isinstance(data, dict):
        return data
    name = data.get("is")
    if name == "bytes":
        return base64.b64decode(data["base64"])
    if name == "set":
        return frozenset(data["of"])
    if name not in _CLASSES:
        raise ValueError(f"there is no {name!r} to be made")
    return _CLASSES[name](**{key: from_json(value) for key, value in data.items() if key != "is"})
