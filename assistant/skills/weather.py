"""The weather. This daemon is offline and has no weather service, and says so."""

from __future__ import annotations

from pydantic import Field

from .skill import Arguments, Context, Skill


class Forecast(Arguments):
    city: str = Field("", max_length=60, description="such as new_york; empty: here")
    day: str = Field("today", max_length=30, description="today, tomorrow, a weekday, weekend")


def _weather(arguments: Forecast, context: Context) -> str:
    return context.words.no_weather(arguments.city or context.default_city)


SKILLS = (
    Skill(
        "weather",
        "The weather in a city on a day.",
        Forecast,
        _weather,
        pure=True,
        needs_result=True,
    ),
)
