"""Lights and heating. The state is kept here; nothing is switched until a home is connected."""

from __future__ import annotations

from pydantic import Field

from .skill import Arguments, Context, Skill

FULL_PERCENT = 100


class Room(Arguments):
    room: str = Field(min_length=1, max_length=40, description="such as kitchen or living_room")


class DimRoom(Room):
    percent: int = Field(ge=0, le=100, description="brightness in percent")


class Heat(Arguments):
    degrees: int = Field(ge=5, le=35, description="target in degrees Celsius")


def _on(arguments: Room, context: Context) -> str:
    context.house.lights[arguments.room] = FULL_PERCENT
    return context.words.say("light_on", room=_room(arguments, context))


def _off(arguments: Room, context: Context) -> str:
    context.house.lights[arguments.room] = 0
    return context.words.say("light_off", room=_room(arguments, context))


def _dim(arguments: DimRoom, context: Context) -> str:
    context.house.lights[arguments.room] = arguments.percent
    percent = context.words.number(arguments.percent)
    return context.words.say("light_dim", room=_room(arguments, context), percent=percent)


def _heat(arguments: Heat, context: Context) -> str:
    context.house.heat_degrees = arguments.degrees
    return context.words.say("heat", degrees=context.words.number(arguments.degrees))


def _room(arguments: Room, context: Context) -> str:
    return context.words.name("room", arguments.room)


SKILLS = (
    Skill("light_on", "Switch a room's light on.", Room, _on),
    Skill("light_off", "Switch a room's light off.", Room, _off),
    Skill("light_dim", "Set the brightness of a room's light.", DimRoom, _dim),
    Skill("heat", "Set the heating.", Heat, _heat),
)
