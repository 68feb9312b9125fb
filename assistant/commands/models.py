"""`vivavoce models list`: what can be loaded by name."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `list` a sub-command while it is the only one."""


@app.command("list")
def list_models() -> None:
    """List the models: what they take and give, their languages and voices."""
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
