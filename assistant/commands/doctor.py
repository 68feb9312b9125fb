"""`vivavoce doctor`: one screen with what works, what could be better, and what to do."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ..doctor.examination import examine
from ..doctor.findings import Finding
from ..doctor.sound import Wishes
from .options import ConfigFile, LogLevel, Model, Preset, configuration

_STYLE = {"ok": "green", "warning": "yellow", "problem": "bold red", "skipped": "dim"}
_WIDTH = 15  # of the column with the checks' names


def doctor(
    silent: Annotated[bool, typer.Option("--silent", help="Play no probe sound.")] = False,
    no_speech: Annotated[bool, typer.Option("--no-speech", help="Ask for no sentence.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
    model: Model = None,
    port: Annotated[int | None, typer.Option(help="TCP port the daemon shall have.")] = None,
    file: ConfigFile = None,
    preset: Preset = None,
    log_level: LogLevel = None,
) -> None:
    """Look for what would keep the daemon from working, and say what to do about it.

    Looks at the installation, the model, the port and the sound devices. Listens for a moment,
    plays a few soft chirps to measure latency and echo, and asks for a sentence; about 15 s.
    Ends with 1 when a problem would keep the daemon from working as configured, else with 0.
    """
    from ..daemon import limit_threads

    config = configuration(
        file, preset, log_level or "error", model={"name": model}, server={"port": port}
    )
    limit_threads(config)
    console, aside = Console(highlight=False), Console(stderr=True, highlight=False)
    findings = []
    with aside.status("") as status:

        def say(text: str) -> None:
            """A spinner where somebody looks at it, a line elsewhere."""
            if aside.is_terminal:
                status.update(f"{text} ...")
            else:
                aside.print(f"... {text}")

        for finding in examine(config, Wishes(speech=not no_speech, probe=not silent), say):
            findings.append(finding)
            if not as_json:
                _show(finding, console)
    verdict = _verdict(findings)
    if as_json:
        checks = [finding.as_json() for finding in findings]
        print(json.dumps({"verdict": verdict, "checks": checks}, indent=2, ensure_ascii=False))
    else:
        _sum_up(findings, console)
    raise typer.Exit(1 if verdict == "problem" else 0)


def _show(finding: Finding, console: Console) -> None:
    style = _STYLE[finding.state]
    console.print(
        f"[{style}]{finding.state:8}[/] {finding.check:{_WIDTH}} {escape(finding.text)}",
        soft_wrap=True,
    )
    if finding.advice:
        margin = " " * (9 + _WIDTH)
        console.print(f"{margin} [bold]to do:[/] {escape(finding.advice)}", soft_wrap=True)


def _verdict(findings: list[Finding]) -> str:
    states = {finding.state for finding in findings}
    return next((state for state in ("problem", "warning") if state in states), "ok")


def _sum_up(findings: list[Finding], console: Console) -> None:
    counts = {
        state: sum(finding.state == state for finding in findings)
        for state in ("problem", "warning")
    }
    told = [f"{n} {state}{'s' if n > 1 else ''}" for state, n in counts.items() if n]
    if counts["problem"]:
        console.print(f"\n{' and '.join(told)}: the daemon would not work as configured.")
    elif told:
        console.print(f"\n{told[0]}: the daemon works; what is advised makes it better.")
    else:
        console.print("\nAll is well.")
