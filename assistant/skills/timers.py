"""Timers and alarms; they belong to the conversation that set them and ring there."""

from __future__ import annotations

import datetime
import math

from pydantic import Field

from .skill import Arguments, Context, Pending, Skill

DAY = datetime.timedelta(days=1)


class Duration(Arguments):
    duration_s: int = Field(ge=1, le=86400, description="length in seconds")


class TimeOfDay(Arguments):
    time: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, 24 hours")


def _set_timer(arguments: Duration, context: Context) -> str:
    words = context.words.duration(arguments.duration_s)
    due = context.now() + datetime.timedelta(seconds=arguments.duration_s)
    _start(context, context.timers, due, context.words.say("timer_rings", duration=words))
    return context.words.say("timer_set", duration=words)


def _cancel_timers(_: Arguments, context: Context) -> str:
    if not context.timers:
        return context.words.timer(None)
    for pending in context.timers:
        pending.handle.cancel()
    context.timers.clear()
    return context.words.say("timer_cancel")


def _query_timer(_: Arguments, context: Context) -> str:
    if not context.timers:
        return context.words.timer(None)
    left = min(pending.due for pending in context.timers) - context.now()
    return context.words.timer(max(0, math.ceil(left.total_seconds())))


def _set_alarm(arguments: TimeOfDay, context: Context) -> str:
    hour, minute = (int(part) for part in arguments.time.split(":"))
    now = context.now()
    due = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if due <= now:
        due += DAY
    words = context.words.time(hour, minute)
    _start(context, context.alarms, due, context.words.say("alarm_rings", time=words))
    return context.words.say("alarm_set", time=words)


def _start(context: Context, shelf: list[Pending], due: datetime.datetime, words: str) -> None:
    def ring() -> None:
        shelf.remove(pending)
        context.ring(words)

    wait_s = max(0.0, (due - context.now()).total_seconds())
    pending = Pending(due, context.schedule(wait_s, ring))
    shelf.append(pending)


SKILLS = (
    Skill("timer_set", "Start a timer.", Duration, _set_timer),
    Skill("timer_cancel", "Cancel the running timers.", Arguments, _cancel_timers),
    Skill(
        "timer_query",
        "How much time is left on the timer.",
        Arguments,
        _query_timer,
        pure=True,
        needs_result=True,
    ),
    Skill("alarm", "Set an alarm for a time of day.", TimeOfDay, _set_alarm),
)
