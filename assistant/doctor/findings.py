"""What a check has found, in words for a person and in values for a script."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

log = logging.getLogger(__name__)

State = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's screen.

    Args:
        check: what was looked at, two words at most.
        state: ok; warning: works, could be better; problem: keeps it from working; skipped: was
            not asked for, or something before it is missing.
        text: what was found.
        advice: what to do about it; "" where nothing need be done.
        values: figures, for scripts.
    """

    check: str
    state: State
    text: str
    advice: str = ""
    values: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "check": self.check,
            "state": self.state,
            "text": self.text,
            "advice": self.advice,
            "values": dict(self.values),
        }


def guarded(check: str, work: Callable[[], Finding]) -> Finding:
    """The finding, also where the check itself falls over: the others shall still be made."""
    try:
        return work()
    except Exception as error:  # the boundary of a check: whatever is broken here, say so
        return fell_over(check, error)


def fell_over(check: str, error: Exception) -> Finding:
    """The finding of a check that could not be made."""
    log.debug("the check %s failed", check, exc_info=error)
    return Finding(
        check,
        "problem",
        f"could not be checked ({type(error).__name__}: {error})",
        "run `vivavoce doctor --log-level debug` and report what it says",
    )
