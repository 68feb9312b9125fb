"""A joke, a coin, a die."""

from __future__ import annotations

from .skill import Arguments, Context, Skill


def _joke(_: Arguments, context: Context) -> str:
    return context.choose("joke", context.words.jokes)


def _coin(_: Arguments, context: Context) -> str:
    return context.words.coin(context.dice.random() < 0.5)


def _dice(_: Arguments, context: Context) -> str:
    return context.words.dice(context.dice.randint(1, 6))


SKILLS = (
    Skill("joke", "Tell a joke.", Arguments, _joke, pure=True, needs_result=True),
    Skill("coin", "Flip a coin.", Arguments, _coin, pure=True, needs_result=True),
    Skill("dice", "Roll a die.", Arguments, _dice, pure=True, needs_result=True),
)
