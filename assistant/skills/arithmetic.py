"""Sums, differences and products."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from .skill import Arguments, Context, Skill
from .wording import number_words

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
LARGEST_SAYABLE = 9999


class Sum(Arguments):
    a: int = Field(ge=-9999, le=9999, description="left number")
    op: Literal["+", "-", "*"] = Field(description="+, - or *")
    b: int = Field(ge=-9999, le=9999, description="right number")


def _calc(arguments: Sum, _: Context) -> str:
    result = OPERATORS[arguments.op](arguments.a, arguments.b)
    if abs(result) > LARGEST_SAYABLE:
        return "a very large number"
    return number_words(result)


SKILLS = (
    Skill(
        "calc", "Add, subtract or multiply two numbers.", Sum, _calc, pure=True, needs_result=True
    ),
)
