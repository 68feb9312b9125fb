"""Where the configuration comes from, lowest layer first.

    built-in defaults < preset < --config FILE < environment < command line

Presets are `configs/*.toml`. The environment names a field as VIVAVOCE_SECTION__KEY, for example
VIVAVOCE_SERVER__PORT=9000; VIVAVOCE_PRESET chooses the preset. An unknown key anywhere is an error
that names its source and the nearest known key.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from .. import configs
from .errors import UserError
from .settings import Config
from .toml import Table, TOMLDecodeError, parse_toml

ENVIRONMENT_PREFIX = "VIVAVOCE_"


class ConfigError(UserError):
    """The user's configuration is wrong; the message says where and what to write instead."""


@dataclass(frozen=True)
class Layer:
    """One source of settings: `table` has sections of keys, or the single key `preset`."""

    source: str
    table: Table


def load_config(
    file: Path | None = None,
    preset: str | None = None,
    overrides: Table | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Merge all layers into one checked configuration.

    Args:
        file: a TOML file of the user's.
        preset: name of a shipped preset; None leaves the choice to environment and file.
        overrides: what the command line set, {"server": {"port": 9000}}; None values are unset.
        environment: os.environ unless given.
    Raises:
        ConfigError: unreadable file, unknown key or preset, or a value out of range.
    """
    upper = _upper_layers(file, preset, overrides, environment)
    named = [str(layer.table["preset"]) for layer in upper if "preset" in layer.table]
    chosen = named[-1] if named else "default"
    layers = [_preset_layer(chosen), *upper]
    merged: Table = {}
    origins: dict[str, str] = {}
    for layer in layers:
        _check_keys(layer)
        for dotted, value in _leaves(layer.table):
            _put(merged, dotted, value)
            origins[dotted] = layer.source
    try:
        return Config.model_validate({**merged, "preset": chosen})
    except ValidationError as error:
        raise ConfigError(_sentence(error, origins)) from None


def preset_names() -> list[str]:
    """The presets shipped with the package."""
    names = (entry.name for entry in resources.files(configs).iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


# --- layers ----------------------------------------------------------------------------------


def _upper_layers(
    file: Path | None,
    preset: str | None,
    overrides: Table | None,
    environment: Mapping[str, str] | None,
) -> list[Layer]:
    layers = [] if file is None else [_file_layer(file)]
    layers += _environment_layers(os.environ if environment is None else environment)
    if overrides:
        layers.append(Layer("the command line", _without_none(overrides)))
    if preset is not None:
        layers.append(Layer("--preset", {"preset": preset}))
    return layers


def _preset_layer(name: str) -> Layer:
    known = preset_names()
    if name not in known:
        raise ConfigError(f"There is no preset {name!r}{_nearest(name, known)}")
    text = resources.files(configs).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return Layer(f"preset {name}", _parse(text, f"preset {name}"))


def _file_layer(path: Path) -> Layer:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"Cannot read the configuration file {path}: {reason}.") from None
    return Layer(str(path), _parse(text, str(path)))


def _parse(text: str, source: str) -> Table:
    try:
        return parse_toml(text)
    except TOMLDecodeError as error:
        raise ConfigError(f"{source} is not valid TOML: {error}.") from None


def _environment_layers(environment: Mapping[str, str]) -> list[Layer]:
    layers = []
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        path = name[len(ENVIRONMENT_PREFIX) :].lower().split("__")
        if len(path) == 1 and path != ["preset"]:
            _refuse_lookalike(name)
            continue
        table: Table = {}
        _put(table, ".".join(path), environment[name])
        layers.append(Layer(f"environment variable {name}", table))
    return layers


def _refuse_lookalike(name: str) -> None:
    """VIVAVOCE_SERVER_PORT is a slip for VIVAVOCE_SERVER__PORT; other variables are not ours."""
    known = {
        ENVIRONMENT_PREFIX + dotted.upper().replace(".", "__")
        for dotted, _ in _leaves(Config().model_dump())
    }
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.92)
    if close:
        raise ConfigError(f"Unknown environment variable {name}; did you mean {close[0]}?")


# --- checking --------------------------------------------------------------------------------


def _check_keys(layer: Layer) -> None:
    sections = Config.model_fields
    for section, keys in layer.table.items():
        if section not in sections:
            hint = _nearest(section, sections)
            if not isinstance(keys, dict) and (homes := _sections_with(section)):
                hint = f"; it belongs into {' or '.join(f'[{home}]' for home in homes)}."
            raise ConfigError(f"Unknown section {section!r} in {layer.source}{hint}")
        kind = sections[section].annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            continue
        if not isinstance(keys, dict):
            raise ConfigError(f"{section!r} in {layer.source} is a section: write [{section}].")
        for key in keys:
            if key not in kind.model_fields:
                hint = _nearest(key, kind.model_fields)
                raise ConfigError(f"Unknown key {section}.{key} in {layer.source}{hint}")


def _sections_with(key: str) -> list[str]:
    """The sections that know a key."""
    kinds = ((name, field.annotation) for name, field in Config.model_fields.items())
    return [name for name, kind in kinds if key in getattr(kind, "model_fields", ())]


def _nearest(word: str, known: Mapping[str, Any] | list[str]) -> str:
    """The end of an error sentence: the nearest known name, or all of them."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}."


def _sentence(error: ValidationError, origins: Mapping[str, str]) -> str:
    first = error.errors(include_url=False)[0]
    dotted = ".".join(str(part) for part in first["loc"][:2])
    what = first["msg"][0].lower() + first["msg"][1:]
    source = origins.get(dotted, "the configuration")
    return f"{dotted} = {first['input']!r} in {source}: {what}."


# --- nested tables -----------------------------------------------------------------------------


def _leaves(table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _put(table: Table, dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
    table[last] = _list_value(dotted, value)


def _list_value(dotted: str, value: Any) -> Any:
    """Lists come from the environment as JSON or separated by commas."""
    section, _, key = dotted.partition(".")
    default = getattr(getattr(Config(), section, None), key, None)
    if not (isinstance(default, tuple) and isinstance(value, str)):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _without_none(table: Table) -> Table:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }
