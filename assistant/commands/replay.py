"""`vivavoce replay`: run a recorded session through the conversation core again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UserError


def replay(
    folder: Annotated[Path, typer.Argument(help="A recorded session (see recorder.folder).")],
) -> None:
    """Replay a recording's events; tells whether the core does the same again.

    Ends with 1 when it went another way, and shows where.
    """
    from ..recorder import BadRecording
    from ..recorder import replay as run

    try:
        found = run(folder)
    except BadRecording as error:
        raise UserError(f"{error}.") from None
    print(f"{found.n_events} events, {found.n_effects} effects", end="")
    if found.difference is None:
        print(": identical")
        return
    print(f"; a difference at\n{found.difference}")
    raise typer.Exit(1)
