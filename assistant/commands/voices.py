"""`vivavoce voices`: the voices a model can speak with, and new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..errors import UserError
from .options import ConfigFile, Model, Preset, configuration

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_voices(model: Model = None, file: ConfigFile = None, preset: Preset = None) -> None:
    """List the voices of a model: the one configured, or --model."""
    from ...models.voices import voices

    name = _model_name(model, file, preset)
    try:
        found = voices(name)
    except ValueError as error:
        raise UserError(f"The voices of {name!r} cannot be listed: {error}.") from error
    table = Table("voice", "speech", "words", "kept in", title=name)
    for voice in found:
        length = f"{voice.prompt_s:.1f} s" if voice.prompt_s else ""
        table.add_row(voice.name, length, voice.text, str(voice.file or "the model"))
    Console().print(table)


@app.command("add")
def add_voice(
    name: Annotated[str, typer.Argument(help="What the voice shall be called.")],
    wav: Annotated[
        Path | None, typer.Option(help="Recording of one person, 1 to 30 s.", metavar="FILE")
    ] = None,
    text: Annotated[str, typer.Option(help="What is said in it, word for word.")] = "",
    speaker: Annotated[
        Path | None,
        typer.Option(help="A speaker file (.pt) instead of a recording.", metavar="FILE"),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite a voice of that name.")
    ] = False,
    model: Model = None,
    file: ConfigFile = None,
    preset: Preset = None,
) -> None:
    """Make a voice for a model of a recording and its words; choose it with assistant.voice.

    Copy a voice only of someone who agreed to it. Needs: pip install 'vivavoce[voices]'
    """
    from ...models import voices
    from ...models.dialogue import Unsupported
    from ...streaming.wavfile import read_wav

    if (wav is None) == (speaker is None):
        raise UserError(
            "Give a recording and its words, --wav FILE --text TEXT, or --speaker FILE."
        )
    model_name = _model_name(model, file, preset)
    try:
        if speaker is not None:
            voices.import_voice(model_name, name, speaker, replace)
        elif wav is not None:
            pcm, rate_hz = read_wav(wav)
            voices.add_voice(model_name, name, pcm, rate_hz, text, replace)
    except (ValueError, OSError, Unsupported) as error:
        raise UserError(f"The voice {name!r} cannot be made: {error}.") from error
    print(f"{model_name} can speak as {name} now: set assistant.voice, or ask for it in a session")


def _model_name(model: str | None, file: Path | None, preset: str | None) -> str:
    return configuration(file, preset, "warning", model={"name": model}).model.name
