"""`vivavoce models`: what can be loaded by name, downloads, and what a folder holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import UserError
from .downloads import Hub, download_with_bar, hub_of

if TYPE_CHECKING:
    from ...models.report import PartReport, Report

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """List the models: what they take and give, their languages and voices.

    Below, the full-size models that can be downloaded, and whether they are on this machine.
    """
    from ...models import catalog

    table = Table("name", "modalities", "languages", "voices", "input", "output")
    for name in catalog.SHIPPED:
        try:
            model = catalog.load(name)
        except FileNotFoundError as error:
            table.add_row(name, f"cannot be loaded: {error}", "", "", "", "")
            continue
        table.add_row(
            model.name,
            ", ".join(model.modalities),
            ", ".join(model.languages),
            ", ".join(model.voices),
            f"{model.input_rate_hz} Hz",
            f"{model.output_rate_hz} Hz",
        )
    Console().print(table)
    more = Table("on the hub", "on this machine")
    for name in catalog.PUBLISHED:
        more.add_row(name, str(catalog.find(name) or "no: `vivavoce models download`"))
    Console().print(more)


@app.command("download")
def download(
    name: Annotated[str, typer.Argument(help="A model on the hub, see `vivavoce models list`.")],
    hub: Hub = None,
) -> None:
    """Download a model, or what is missing of it, and print its folder.

    Leaves out what a voice assistant never loads. A download that broke off goes on where it
    was. Files come from the hub's cache (HF_HOME) if another program has them already.
    """
    print(download_with_bar(name, hub_of(hub)))


@app.command("verify")
def verify(
    path: Annotated[str, typer.Argument(help="A model's folder, or the name of a model here.")],
) -> None:
    """Show what a model's folder holds, what is missing, and what it takes in memory.

    Reads names and shapes of the tensors, not the tensors. Ends with 1 when something is missing
    that a conversation needs.
    """
    from ...models import catalog

    try:
        report = catalog.examine(path)
    except ValueError as error:
        raise UserError(f"{path} cannot be verified: {error}.") from error
    _show(report, Console())
    if not report.usable:
        raise typer.Exit(1)


def _show(report: Report, console: Console) -> None:
    table = Table(title=report.model)
    for heading in ("part", "where", "parameters", "state"):
        table.add_column(heading, overflow="fold")
    for part in report.parts:
        table.add_row(part.name, part.where, _parameters(part.n_parameters), _state(part))
    console.print(table)
    for kind, n_bytes in report.memory.items():
        console.print(f"memory in {kind}: {_gigabytes(n_bytes)}")
    if report.context_bytes:
        whole = report.context_bytes * report.n_positions
        console.print(
            f"and {report.context_bytes / 1024:.0f} KiB for each position of a conversation, "
            f"{_gigabytes(whole)} at the longest ({report.n_positions} positions)"
        )
    if report.reply_bytes:
        console.print(
            f"and {_gigabytes(report.reply_bytes)} for each reply while it is spoken, "
            f"{_gigabytes(report.voice_bytes)} for each voice in use"
        )
    for note in report.notes:
        console.print(note)
    verdict = "can be served" if report.usable else "cannot be served: a needed part is missing"
    console.print(verdict, style="green" if report.usable else "bold red")


def _state(part: PartReport) -> str:
    if not part.fault:
        return "there"
    fault = escape(part.fault)
    if part.needed:
        return f"[bold red]{fault}[/]"
    return f"{fault} ({part.without})" if part.without else fault


def _parameters(n: int) -> str:
    if not n:
        return ""
    return f"{n / 1e9:.2f} billion" if n >= 1e9 else f"{n / 1e6:.2f} million"


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e7 else f"{n_bytes / 1e6:.2f} MB"
