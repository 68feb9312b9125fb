"""Lights and heating. The state is kept here; nothing is switched until a home is connected."""

from __future__ import annotations

from pydantic import Field

from .skill import Arguments, Context, Skill
from .wording import number_words

FULL_PERCENT = 100


class Room(Arguments):
    room: str = Field(min_length=1, max_length=40, description="such as kitchen or living_room")


class DimRoom(Room):
    percent: int = Field(ge=0, le=100, description="brightness in percent")


class Heat(Arguments):
    degrees: int = Field(ge=5, le=35, description="target in degrees Celsius")


def _on(arguments: Room, context: Context) -> str:
    context.house.lights[arguments.room] = FULL_PERCENT
    return f"{_spaced(arguments.room)} light on"


def _off(arguments: Room, context: Context) -> str:
    context.house.lights[arguments.room] = 0
    return f"{_spaced(arguments.room)} light off"


def _dim(arguments: DimRoom, context: Context) -> str:
    context.house.lights[arguments.room] = arguments.percent
    return f"{_spaced(arguments.room)} light at {number_words(arguments.percent)} percent"


def _heat(arguments: Heat, context: Context) -> str:
    context.house.heat_degrees = arguments.degrees
    return f"heating set to {number_words(arguments.degrees)} degrees"


def _spaced(identifier: str) -> str:
    return identifier.replace("_", " ")


SKILLS = (
    Skill("light_on", "Switch a room's light on.", Room, _on),
    Skill("light_off", "Switch a room's light off.", Room, _off),
    Skill("light_dim", "Set the brightness of a room's light.", DimRoom, _dim),
    Skill("heat", "Set the heating.", Heat, _heat),
)
