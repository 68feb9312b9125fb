"""What a skill is: a named function with checked arguments that answers in words."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from .house import House
from .wording import Wording, words_in


class Arguments(BaseModel):
    """The arguments of a skill; this one takes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Timer(Protocol):
    """Something scheduled that can be called off, such as asyncio.TimerHandle."""

    def cancel(self) -> None: ...


Schedule = Callable[[float, Callable[[], None]], Timer]
"""Calls a function once, after so many seconds."""


@dataclass
class Pending:
    """A timer or alarm that has not rung yet."""

    due: datetime.datetime
    handle: Timer


@dataclass
class Context:
    """What a skill may see and change.

    Args:
        house: state shared by all conversations of the daemon.
        now: the local wall clock.
        schedule: how to be called later, seconds ahead.
        ring: told the words to say when a timer or an alarm is due.
        dice: source of chance.
        default_city: where the weather is asked for when no city was said.
        language: of the turn that is answered: `en`, `cmn` or `yue`.
    """

    house: House
    now: Callable[[], datetime.datetime]
    schedule: Schedule
    ring: Callable[[str], None]
    dice: random.Random
    default_city: str = ""
    language: str = "en"
    user_name: str | None = None
    last_said: str = ""
    timers: list[Pending] = field(default_factory=list)
    alarms: list[Pending] = field(default_factory=list)
    last_answers: dict[str, str] = field(default_factory=dict)

    def choose(self, about: str, answers: Sequence[str]) -> str:
        """One of several answers, another one than the last time it was about this."""
        last = self.last_answers.get(about)
        answer = self.dice.choice([answer for answer in answers if answer != last] or answers)
        self.last_answers[about] = answer
        return answer

    @property
    def words(self) -> Wording:
        """What there is to say, in the language of the turn."""
        return words_in(self.language)


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class Skill(Generic[A]):
    """One tool.

    Args:
        pure: it changes nothing, so it may run for a reply that is never spoken.
        needs_result: the model waits for the words and speaks them.
        offered: listed among the tools given to a model; small talk is not.
    """

    name: str
    description: str
    arguments: type[A]
    run: Callable[[A, Context], str]
    pure: bool = False
    needs_result: bool = False
    offered: bool = True

    def schema(self) -> dict[str, Any]:
        """The tool as clients and models know it: a JSON-schema function."""
        parameters = self.arguments.model_json_schema()
        parameters.pop("title", None)
        parameters.pop("description", None)
        for one in parameters.get("properties", {}).values():
            one.pop("title", None)
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": parameters,
        }
