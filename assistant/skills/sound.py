"""Loudness and music. Music is remembered, not played: there is no player yet, and it says so."""

from __future__ import annotations

from pydantic import Field

from .house import VOLUME_STEP_PERCENT
from .skill import Arguments, Context, Skill


class Volume(Arguments):
    percent: int = Field(ge=0, le=100, description="loudness in percent")


class Music(Arguments):
    genre: str = Field("", max_length=40, description="such as jazz; empty for any")


def _up(_: Arguments, context: Context) -> str:
    return _set_volume(context, context.house.volume_percent + VOLUME_STEP_PERCENT)


def _down(_: Arguments, context: Context) -> str:
    return _set_volume(context, context.house.volume_percent - VOLUME_STEP_PERCENT)


def _to(arguments: Volume, context: Context) -> str:
    return _set_volume(context, arguments.percent)


def _set_volume(context: Context, percent: int) -> str:
    context.house.set_volume(percent)
    return context.words.say("volume", percent=context.words.number(context.house.volume_percent))


def _music(arguments: Music, context: Context) -> str:
    context.house.music = arguments.genre
    words = context.words
    genre = words.name("genre", arguments.genre) if arguments.genre else words.say("any_music")
    return words.say("music", genre=genre)


def _music_stop(_: Arguments, context: Context) -> str:
    context.house.music = None
    return context.words.say("music_stop")


SKILLS = (
    Skill("vol_up", "Louder.", Arguments, _up),
    Skill("vol_down", "Quieter.", Arguments, _down),
    Skill("vol_set", "Set the loudness.", Volume, _to),
    Skill("music", "Play music of a genre.", Music, _music),
    Skill("music_stop", "Stop the music.", Arguments, _music_stop),
)
