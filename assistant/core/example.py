"""The plainest value that fits a JSON schema: the arguments of a call that had to be made.

A model can be told to call a function it has no idea how to fill in. What it says must then
still parse against the function's schema, as constrained decoding would see to; this is that
constraint without the decoding. Covered: the keywords below and local references. A pattern or
a format this does not know may be missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_DEEPEST = 32
_LARGEST = 2.0**53  # beyond it JSON numbers are not exact; such a bound is none

_FORMATS = {
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "date-time": "2000-01-01T00:00:00Z",
    "email": "a@example.org",
    "uri": "https://example.org",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "localhost",
    "duration": "PT0S",
}


def example(schema: Any, hints: Mapping[str, Any] | None = None) -> Any:
    """A value that fits `schema`; of an object, hints are kept where they fit.

    Args:
        schema: a JSON schema, already parsed.
        hints: members the model did give; a hint of the wrong type is replaced.
    """
    if not isinstance(schema, Mapping):
        return {}
    value = _value(schema, schema, 0)
    if isinstance(value, dict) and hints:
        parts = _mapping(_resolved(schema, schema).get("properties"))
        for name, hint in hints.items():
            if name in parts and _fits(hint, _resolved(parts[name], schema)):
                value[name] = hint
    return value


def _value(schema: Any, root: Schema, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    make = _MAKERS.get(_type_of(schema), _null)
    return make(schema, root, depth)


def _resolved(given: Any, root: Schema) -> Schema:
    """A schema with its local reference followed and its first alternative taken in."""
    schema: Schema = given if isinstance(given, Mapping) else {}
    for _ in range(_DEEPEST):
        if isinstance(schema.get("$ref"), str):
            schema = {**_followed(schema["$ref"], root), **_without(schema, "$ref")}
            continue
        branch = next((key for key in ("allOf", "anyOf", "oneOf") if schema.get(key)), None)
        if branch is None or not isinstance(schema[branch], list):
            break
        taken = schema[branch] if branch == "allOf" else schema[branch][:1]
        schema = _without(schema, branch)
        for part in taken:
            schema = _joined(schema, part if isinstance(part, Mapping) else {})
    return schema


def _joined(first: Schema, second: Schema) -> Schema:
    """Both at once: members of objects add up, for the rest the second has the last word."""
    parts = {**_mapping(first.get("properties")), **_mapping(second.get("properties"))}
    names = [*_list(first.get("required")), *_list(second.get("required"))]
    joined = {**first, **second}
    if parts:
        joined["properties"] = parts
    if names:
        joined["required"] = names
    return joined


def _followed(reference: str, root: Schema) -> Schema:
    """What `#/a/b` points at; nothing where it points elsewhere."""
    here: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not step:
            continue
        if not isinstance(here, Mapping) or name not in here:
            return {}
        here = here[name]
    found: Schema = here if isinstance(here, Mapping) else {}
    return found


def _without(schema: Schema, key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _type_of(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "object"


# --- one maker for each type -----------------------------------------------------------------


def _object(schema: Schema, root: Schema, depth: int) -> Any:
    parts = _mapping(schema.get("properties"))
    required = schema.get("required")
    names = [name for name in _list(required) if isinstance(name, str)]
    return {name: _value(parts.get(name, {"type": "string"}), root, depth + 1) for name in names}


def _array(schema: Schema, root: Schema, depth: int) -> Any:
    shapes = list(_list(schema.get("prefixItems")))
    n_items = max(_whole(schema.get("minItems")), len(shapes))
    shapes += [schema.get("items", {"type": "string"})] * (min(n_items, 1000) - len(shapes))
    return [_value(shape, root, depth + 1) for shape in shapes]


def _string(schema: Schema, root: Schema, depth: int) -> Any:
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    return "a" * min(_whole(schema.get("minLength")), 10_000)


def _number(schema: Schema, root: Schema, depth: int) -> Any:
    low, high = _lowest(schema), _highest(schema)
    value = _near_zero(schema, low, high)
    if low is not None and high is not None and not low <= value <= high:
        value = low + (high - low) / 2  # the step is wider than the room between the bounds
    return int(value) if float(value).is_integer() else value


def _near_zero(schema: Schema, low: float | None, high: float | None) -> float:
    """Zero, or the bound next to it, moved on to a whole step."""
    unit = _step(schema)
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and low > 0:
        value = math.ceil(low / unit) * unit
        return value + unit if value == over else value
    if high is not None and high < 0:
        value = math.floor(high / unit) * unit
        return value - unit if value == under else value
    if 0 in (over, under):
        return unit if over == 0 else -unit
    return 0


def _step(schema: Schema) -> float:
    """How far apart the values lie that may be taken."""
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and 1e-9 < step <= _LARGEST:
        return step
    return 1 if _type_of(schema) == "integer" else 0.5


def _boolean(schema: Schema, root: Schema, depth: int) -> Any:
    return False


def _null(schema: Schema, root: Schema, depth: int) -> Any:
    return None


_MAKERS: dict[str, Callable[[Schema, Schema, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "null": _null,
}


# --- what is what ----------------------------------------------------------------------------


def _lowest(schema: Schema) -> float | None:
    return max(_bounds(schema, "minimum", "exclusiveMinimum"), default=None)


def _highest(schema: Schema) -> float | None:
    return min(_bounds(schema, "maximum", "exclusiveMaximum"), default=None)


def _bounds(schema: Schema, *keys: str) -> list[float]:
    found = (schema.get(key) for key in keys)
    numbers = [b for b in found if isinstance(b, int | float) and not isinstance(b, bool)]
    return [bound for bound in numbers if abs(bound) <= _LARGEST]


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits(value: Any, schema: Schema) -> bool:
    """Whether a hint has the right type, is one of the words allowed and within the bounds."""
    if isinstance(schema.get("enum"), list):
        return value in schema["enum"]
    if "const" in schema:
        return bool(value == schema["const"])
    kind = _type_of(schema) if "type" in schema else None
    if kind in ("number", "integer"):
        low, high = _lowest(schema), _highest(schema)
        right = _is_number(value) and abs(value) <= _LARGEST
        right = right and (kind == "number" or float(value).is_integer())
        return right and (low is None or value >= low) and (high is None or value <= high)
    kinds: dict[str, type] = {"string": str, "boolean": bool, "array": list, "object": dict}
    return kind not in kinds or isinstance(value, kinds[kind])
