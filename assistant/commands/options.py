"""Options that several commands share, and the configuration they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import load_config
from ..logs import set_up_logging
from ..settings import Config

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings.", metavar="FILE")
]
Preset = Annotated[
    str | None, typer.Option("--preset", help="Shipped preset to build on.", metavar="NAME")
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Speech model: see `vivavoce models list`, or a folder."),
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda.")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="auto, float32, bfloat16 or float16.")]
Quantize = Annotated[
    str | None, typer.Option("--quantize", help="none, int8 or int4: full-size models' weights.")
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", help="Key that clients must send.", metavar="KEY")
]
LogLevel = Annotated[str | None, typer.Option("--log-level", help="debug, info, warning or error.")]


def configuration(
    file: Path | None, preset: str | None, log_level: str | None = None, **sections: dict[str, Any]
) -> Config:
    """The configuration with what the command line set on top; None leaves a setting alone.

    The log is set up as it says.
    """
    config = load_config(file, preset, {**sections, "log": {"level": log_level}})
    set_up_logging(config.log.level)
    return config
