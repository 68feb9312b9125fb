"""The person's name, the shopping list, and saying it again."""

from __future__ import annotations

from pydantic import Field

from .skill import Arguments, Context, Skill


class Name(Arguments):
    name: str = Field(min_length=1, max_length=40, description="what the person wants to be called")


class ListItem(Arguments):
    item: str = Field(min_length=1, max_length=80, description="what to buy")


def _name(arguments: Name, context: Context) -> str:
    context.user_name = arguments.name
    return context.words.say("name", name=context.words.name("name", arguments.name))


def _add(arguments: ListItem, context: Context) -> str:
    if arguments.item not in context.house.shopping:
        context.house.shopping.append(arguments.item)
    return context.words.say("list", item=context.words.name("item", arguments.item))


def _repeat(_: Arguments, context: Context) -> str:
    return context.last_said or context.words.say("nothing_said")


SKILLS = (
    Skill("name", "Remember the person's name.", Name, _name),
    Skill("list", "Put something on the shopping list.", ListItem, _add),
    Skill("repeat", "Say the last answer again.", Arguments, _repeat, pure=True, needs_result=True),
)
