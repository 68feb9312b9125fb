"""All skills by name, and a conversation's own set of them.

A skill never breaks a conversation: wrong arguments and crashes come back as an apology to speak.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from . import (
    arithmetic,
    chance,
    clock,
    home,
    personal,
    phrases,
    small_talk,
    sound,
    timers,
    weather,
)
from .house import House
from .skill import Context, Schedule, Skill, Timer

log = logging.getLogger(__name__)

_SHELVES = (
    clock.SKILLS,
    timers.SKILLS,
    home.SKILLS,
    sound.SKILLS,
    arithmetic.SKILLS,
    weather.SKILLS,
    personal.SKILLS,
    chance.SKILLS,
    phrases.SKILLS,
    small_talk.SKILLS,
)
ALL_SKILLS: Mapping[str, Skill[Any]] = {skill.name: skill for shelf in _SHELVES for skill in shelf}


@dataclass(frozen=True)
class SkillResult:
    """What a skill answered.

    Args:
        output: the words to speak or to give to the model.
        error: why it failed, for the log and the protocol; None when it worked.
    """

    output: str
    error: str | None = None


class SkillSet:
    """The skills of one conversation.

    Args:
        house: state shared with other conversations.
        ring: told the words to say when a timer or alarm is due; called on the event loop.
        disabled: names of skills that shall not be there.
        seed: of coin, dice and jokes; 0 takes chance as it comes.
        schedule: asyncio's call_later unless given.
        now: the local wall clock unless given.
    """

    def __init__(
        self,
        house: House | None = None,
        ring: Callable[[str], None] | None = None,
        disabled: Collection[str] = (),
        default_city: str = "",
        seed: int = 0,
        schedule: Schedule | None = None,
        now: Callable[[], datetime.datetime] = datetime.datetime.now,
    ) -> None:
        self._skills = {name: s for name, s in ALL_SKILLS.items() if name not in disabled}
        self._context = Context(
            house=house or House(),
            now=now,
            schedule=schedule or _call_later,
            ring=ring or _log_ring,
            dice=random.Random(seed or None),
            default_city=default_city,
        )

    def __contains__(self, name: str) -> bool:
        return name in self._skills

    @property
    def context(self) -> Context:
        """State of this conversation, for views and tests."""
        return self._context

    def schemas(self) -> list[dict[str, Any]]:
        """The tools offered to a model, as JSON-schema functions."""
        return [skill.schema() for skill in self._skills.values() if skill.offered]

    @property
    def pure(self) -> frozenset[str]:
        """Names of the skills that may run for a reply that is still speculative."""
        return frozenset(skill.name for skill in self._skills.values() if skill.pure)

    def needs_result(self, name: str) -> bool:
        """Whether the model waits for the skill's words."""
        return name in self._skills and self._skills[name].needs_result

    def run(self, name: str, arguments: Mapping[str, Any], language: str = "en") -> SkillResult:
        """Run a skill; never raises, never blocks for longer than a few milliseconds.

        Args:
            name: of the skill.
            arguments: to be checked.
            language: in which it answers: `en`, `cmn` or `yue`; English for others.
        """
        self._context.language = language
        sorry = self._context.words.say
        skill = self._skills.get(name)
        if skill is None:
            return SkillResult(sorry("sorry_unknown"), f"there is no skill {name!r}")
        try:
            checked = skill.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            log.warning("skill %s refused its arguments: %s", name, _reason(error))
            return SkillResult(sorry("sorry_arguments"), _reason(error))
        try:
            return SkillResult(skill.run(checked, self._context))
        except Exception as error:  # a plugin's fault must not end the conversation
            log.exception("skill %s failed", name)
            return SkillResult(sorry("sorry_crashed"), f"{type(error).__name__}: {error}")

    def remember_said(self, text: str) -> None:
        """Note what the assistant said, for `repeat`."""
        if text.strip():
            self._context.last_said = text.strip()

    def set_ring(self, ring: Callable[[str], None]) -> None:
        """Say who is told when a timer or alarm is due."""
        self._context.ring = ring

    def close(self) -> None:
        """Call off the timers and alarms of a conversation that is over."""
        for pending in (*self._context.timers, *self._context.alarms):
            pending.handle.cancel()
        self._context.timers.clear()
        self._context.alarms.clear()


def _call_later(delay_s: float, call: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(delay_s, call)


def _log_ring(words: str) -> None:
    log.debug("nobody is there to hear: %s", words)


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else str(first["msg"])
