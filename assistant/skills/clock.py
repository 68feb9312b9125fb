"""Time and date."""

from __future__ import annotations

from .skill import Arguments, Context, Skill


def _time(_: Arguments, context: Context) -> str:
    now = context.now()
    return context.words.time(now.hour, now.minute)


def _date(_: Arguments, context: Context) -> str:
    return context.words.date(context.now().date())


SKILLS = (
    Skill("time", "The time of day.", Arguments, _time, pure=True, needs_result=True),
    Skill("date", "Today's date.", Arguments, _date, pure=True, needs_result=True),
)
