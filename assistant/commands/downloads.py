"""Downloads of models, shown while they run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ..errors import UserError
from ..settings import Config
from .options import configuration

LINE_EVERY_S = 10.0  # where nobody watches a bar, into a log

Hub = Annotated[
    str | None,
    typer.Option("--hub", help="Model hub or mirror, https://...", metavar="URL"),
]


def hub_of(hub: str | None) -> str:
    """Where to download from: as asked, else as configured."""
    return configuration(None, None, "warning", model={"hub": hub}).model.hub


def obtain_model(config: Config) -> None:
    """Have the configured model on this machine before anything starts, downloading if need be.

    Raises:
        UserError: there is no such model, or it cannot be had.
    """
    from ..daemon import limit_threads

    limit_threads(config)
    from ...models import catalog

    name = config.model.name
    try:
        here = name in catalog.SHIPPED or catalog.find(name) is not None
    except ValueError as error:
        raise UserError(f"The model {name!r} cannot be loaded: {error}.") from error
    if not here:
        download_with_bar(name, config.model.hub)


def download_with_bar(name: str, hub: str) -> Path:
    """Bring a model from the hub here, or up to date.

    Raises:
        UserError: it cannot be had; the message says what to do.
    """
    from ...models import catalog

    console = Console(stderr=True)
    try:
        if console.is_terminal:
            with _bar(console) as bar:
                task = bar.add_task(name, total=None)
                return catalog.download(
                    name, hub, lambda here, total: bar.update(task, completed=here, total=total)
                )
        return catalog.download(name, hub, _Lines(name).told)
    except ValueError as error:
        raise UserError(f"The model {name!r} cannot be downloaded: {error}.") from error


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


class _Lines:
    """Progress for a log: a line now and then, on stderr."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last_s = -LINE_EVERY_S

    def told(self, here: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s < LINE_EVERY_S and here < total:
            return
        self._last_s = now_s
        percent = 100 * here // total if total else 100
        print(
            f"{self._name}: {percent} % of {total / 1e9:.2f} GB is here",
            file=sys.stderr,
            flush=True,
        )
