"""The command `vivavoce`: one sub-command per file in `commands`."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from .commands import config, demo, devices, doctor, microphone, models, replay, serve, talk, voices
from .errors import UserError

app = typer.Typer(
    name="vivavoce",
    help="A voice assistant that listens, thinks and speaks on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"vivavoce {metadata.version('vivavoce')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """A voice assistant that listens, thinks and speaks on your own machine."""


app.command("serve")(serve.serve)
app.command("talk")(talk.talk)
app.command("demo")(demo.demo)
app.command("replay")(replay.replay)
app.command("devices")(devices.devices)
app.command("microphone")(microphone.microphone)
app.command("mute")(microphone.mute)
app.command("unmute")(microphone.unmute)
app.command("doctor")(doctor.doctor)
app.add_typer(models.app, name="models", help="Speech models: list, download, verify.")
app.add_typer(voices.app, name="voices", help="Voices of a model: list, add.")
app.add_typer(config.app, name="config", help="The configuration in effect.")


def main() -> None:
    """Entry point: a user's mistake is one sentence on stderr, not a traceback."""
    try:
        app()
    except UserError as error:
        print(f"vivavoce: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
