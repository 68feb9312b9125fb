"""`vivavoce config show`: every setting in effect, as TOML."""

from __future__ import annotations

import json
from typing import Any

import typer
from pydantic import BaseModel

from ..settings import Config
from .options import ConfigFile, Preset, configuration

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `show` a sub-command while it is the only one."""


@app.command("show")
def show(file: ConfigFile = None, preset: Preset = None) -> None:
    """Print all settings with their meaning; the output is a valid configuration file."""
    print(as_toml(configuration(file, preset)), end="")


def as_toml(config: Config) -> str:
    """The configuration as TOML text; the API key is masked."""
    lines = [f"preset = {_value(config.preset)}"]
    for name in Config.model_fields:
        section = getattr(config, name)
        if isinstance(section, BaseModel):
            lines += ["", f"[{name}]", *_section(section)]
    return "\n".join(lines) + "\n"


def _section(section: BaseModel) -> list[str]:
    lines = []
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        shown = "****" if key == "api_key" and value else value
        lines += [f"# {field.description}", f"{key} = {_value(shown)}"]
    return lines


def _value(value: Any) -> str:
    """A TOML literal; strings, numbers, booleans and lists of strings are JSON alike."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
