"""Calls and what tools answered to them, as words to be spoken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ..dialogue import ToolCall
from .actions import NEEDS_RESULT, REJECT, parse, render
from .memory import Pending
from .speakable import speakable

NO_RESULT = "sorry that did not work"


def called(call: ToolCall) -> tuple[str, Pending]:
    """A past call as an action line, and what waits for its result."""
    try:
        line = render(call.name, call.arguments)
    except (KeyError, ValueError):
        line = "reject"
    action = parse(line) or REJECT
    return line, Pending(action, call.call_id, call.needs_result or action.name in NEEDS_RESULT)


def answered(pending: Pending, output: str) -> Pending:
    """The action with its tool's answer.

    nano's sentence for a time or a sum has a slot for the answer. Its other sentences say that
    something was done, which only the client knows: so the client's words are spoken instead,
    and nano's own only where those say no more than that it worked.
    """
    if pending.action.name in NEEDS_RESULT or pending.action == REJECT:
        return replace(pending, result=speakable(output) or NO_RESULT)
    report = _report(output)
    return replace(pending, waits=report is not None, result=report)


def _report(output: str) -> str | None:
    """The words of an answer; None for a mere "done", as JSON or as nothing at all."""
    try:
        value: Any = json.loads(output)
    except (ValueError, RecursionError):
        return speakable(output) or None
    if isinstance(value, str):
        return speakable(value) or None
    return NO_RESULT if value is False or _failed(value) else None


def _failed(value: Any) -> bool:
    """Whether a JSON object says, as tools use to, that it did not work."""
    if not isinstance(value, dict):
        return False
    refused = any(value.get(key) is False for key in ("ok", "success"))
    return refused or bool(value.get("error")) or value.get("status") in ("error", "failed")
