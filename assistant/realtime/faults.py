"""A client's mistakes, as the error events that answer them (protocol page §1.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import PeerFault

__all__ = ["PeerFault", "validated"]

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], raw: Any, path: str = "") -> Model:
    """`raw` as a `model`; the first thing wrong with it as a PeerFault below `path`."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _fault(error.errors(include_url=False)[0], raw, path) from None


def _fault(detail: ErrorDetails, raw: Any, path: str) -> PeerFault:
    param, kind = _param(detail["loc"], raw, path), detail["type"]
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _unknown_kind(param, detail["input"])
    if kind == "missing":
        return PeerFault("missing_required_parameter", f"{param} is required", param)
    if kind.endswith("_type") or kind == "int_from_float":
        return PeerFault("invalid_type", f"{param} must be {_wanted(detail['msg'])}", param)
    if kind == "too_short":
        return PeerFault("invalid_value", f"{param} must not be empty", param)
    if kind == "string_pattern_mismatch":
        pattern = detail["ctx"]["pattern"]
        return PeerFault("invalid_value", f"{param} must match {pattern}", param)
    if kind in ("string_too_long", "string_too_short"):
        wanted = _wanted(detail["msg"]).replace("String should have", "have")
        return PeerFault("invalid_value", f"{param} must {wanted}", param)
    if kind == "value_error":
        return PeerFault("invalid_value", detail["msg"].removeprefix("Value error, "), param)
    return PeerFault("invalid_value", f"{param} must be {_wanted(detail['msg'])}", param)


def _unknown_kind(param: str, given: Any) -> PeerFault:
    """The object says it is something that does not exist, or nothing at all."""
    if not isinstance(given, Mapping):
        return PeerFault("invalid_type", f"{param} must be an object", param)
    if given.get("type") == "message":
        param = f"{param}.role"
        return PeerFault("invalid_value", f"{param} must be system, user or assistant", param)
    param = f"{param}.type"
    if "type" not in given:
        return PeerFault("missing_required_parameter", f"{param} is required", param)
    return PeerFault("invalid_value", f"{param} {given['type']!r} is not supported here", param)


def _wanted(message: str) -> str:
    """What the field should have been, in the words of JSON."""
    wanted = message.removeprefix("Input should be ").split(" or instance of ")[0]
    return "an object" if "dictionary" in wanted else wanted


def _param(loc: Sequence[int | str], raw: Any, path: str) -> str:
    """The field's path in the client's own JSON, without pydantic's names of union members."""
    parts = [path] if path else []
    here = raw
    for place, step in enumerate(loc):
        if isinstance(here, Mapping) and step in here:
            here = here[str(step)]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        elif place + 1 < len(loc) or not isinstance(here, Mapping):
            continue  # the name of a union member, not a field
        parts.append(str(step))
    return ".".join(parts)
