"""A call that must be made: tool_choice "required", or one function by name.

The model's own call is taken where it made one of the client's; otherwise, as soon as it begins
to speak instead, the call is made for it. Either way the arguments fit the function's schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .events import ReplyHeard, ReplyPart, ReplyToolCall
from .example import example
from .settings import Tool


@dataclass(frozen=True)
class ForcedCall:
    """Which functions will do; the first is called if the model names none of them."""

    tools: tuple[Tool, ...]

    @staticmethod
    def of(choice: str, tools: Sequence[Tool]) -> ForcedCall | None:
        """What `choice` forces, among `tools`; None where the model may do as it likes."""
        if choice in ("auto", "none"):
            return None
        wanted = tuple(t for t in tools if choice in ("required", t.name))
        return ForcedCall(wanted) if wanted else None

    def call(self, part: ReplyPart) -> ReplyToolCall | None:
        """The call to be shown in place of `part`; None lets the part pass."""
        if isinstance(part, ReplyHeard):
            return None
        if isinstance(part, ReplyToolCall):
            tool = next((tool for tool in self.tools if tool.name == part.name), None)
            if tool is not None:
                arguments = _arguments(tool, part.arguments)
                return ReplyToolCall(part.generation, part.call_id, tool.name, arguments, True)
        tool = self.tools[0]
        call_id = f"forced_{part.generation}"
        return ReplyToolCall(part.generation, call_id, tool.name, _arguments(tool, "{}"), True)


def _arguments(tool: Tool, given: str) -> str:
    """Arguments that fit the tool, with what the model gave where that fits."""
    schema: Any = json.loads(tool.parameters)
    hints: Any = json.loads(given)
    value = example(schema, hints if isinstance(hints, dict) else None)
    return json.dumps(value if isinstance(value, dict) else {}, ensure_ascii=False)
