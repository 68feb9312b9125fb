"""Calls and what tools answered to them, as words to be spoken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ..dialogue import ToolCall
from .actions import NEEDS_RESULT, REJECT, parse, render
from .memory import Pending
from .speakable import speakable

TOLD = frozenset("hello how who can thanks bye".split())
"""Small talk that nano could answer by itself: a tool's words, where one gives any, vary more."""

_NO_RESULT = {"en": "sorry that did not work", "cmn": "对不起没有做成", "yue": "唔好意思做唔到"}


def no_result(language: str) -> str:
    """What is said where a tool failed, or gave no answer."""
    return _NO_RESULT[language]


def called(call: ToolCall) -> tuple[str, Pending]:
    """A past call as an action line, and what waits for its result."""
    try:
        line = render(call.name, call.arguments)
    except (KeyError, ValueError):
        line = "reject"
    action = parse(line) or REJECT
    waits = call.needs_result or action.name in NEEDS_RESULT | TOLD
    return line, Pending(action, call.call_id, waits)


def answered(pending: Pending, output: str) -> Pending:
    """The action with its tool's answer.

    nano's sentence for a time or a sum has a slot for the answer. Its other sentences say that
    something was done, which only the client knows: so the client's words are spoken instead,
    and nano's own only where those say no more than that it worked.
    """
    if pending.action.name in NEEDS_RESULT or pending.action == REJECT:
        return replace(pending, result=speakable(output, pending.language) or None)
    report = _report(output, pending.language)
    return replace(pending, waits=report is not None, result=report)


def _report(output: str, language: str) -> str | None:
    """The words of an answer, none for a failure; None for a mere "done", as JSON or nothing."""
    try:
        value: Any = json.loads(output)
    except (ValueError, RecursionError):
        return speakable(output, language) or None
    if isinstance(value, str):
        return speakable(value, language) or None
    return "" if value is False or _failed(value) else None


def _failed(value: Any) -> bool:
    """Whether a JSON object says, as tools use to, that it did not work."""
    if not isinstance(value, dict):
        return False
    refused = any(value.get(key) is False for key in ("ok", "success"))
    return refused or bool(value.get("error")) or value.get("status") in ("error", "failed")
