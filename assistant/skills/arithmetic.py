"""Sums, differences and products."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from .skill import Arguments, Context, Skill
from .wording import LARGEST_SAYABLE

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


class Sum(Arguments):
    a: int = Field(ge=-9999, le=9999, description="left number")
    op: Literal["+", "-", "*"] = Field(description="+, - or *")
    b: int = Field(ge=-9999, le=9999, description="right number")


def _calc(arguments: Sum, context: Context) -> str:
    result = OPERATORS[arguments.op](arguments.a, arguments.b)
    if abs(result) > LARGEST_SAYABLE:
        return context.words.say("too_large")
    return context.words.number(result)


SKILLS = (
    Skill(
        "calc", "Add, subtract or multiply two numbers.", Sum, _calc, pure=True, needs_result=True
    ),
)
