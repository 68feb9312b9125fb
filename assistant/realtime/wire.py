"""The ground under every wire object: what is checked, what is sent, what is left out.

A field without a default is always sent, null included (`previous_item_id`, `usage`, …).
A field with the default None is left out while it is None, unless its class names it in
SEND_NULL: several clients reject a null elsewhere and then drop the whole event.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
    model_validator,
)


class WireObject(BaseModel):
    """An object of the protocol. Nothing that is not in the table can be sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    SEND_NULL: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _omit_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        fields, kept = type(self).model_fields, type(self).SEND_NULL
        return {
            key: value
            for key, value in data.items()
            if value is not None or key in kept or fields[key].is_required()
        }


class PeerObject(WireObject):
    """An object a client sends: unknown keys are ignored, null means "not given"."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data


class ServerEvent(WireObject):
    """Something the daemon tells the client."""

    type: str
    event_id: str


class ClientEvent(PeerObject):
    """Something the client asks for; its `event_id` comes back in errors only."""

    type: str
    event_id: str | None = None


def _whole_number(value: object) -> object:
    """JSON from JavaScript has one number type: 1200.0 is the integer 1200."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


WholeNumber = Annotated[int, Strict(), BeforeValidator(_whole_number)]
