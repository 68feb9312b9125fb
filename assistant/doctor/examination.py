"""All checks, in the order in which a person would want to know."""

from __future__ import annotations

from collections.abc import Iterator

from ..settings import Config
from . import installation, model, port
from .findings import Finding, fell_over, guarded
from .sound import Say, Wishes, sound


def examine(config: Config, wishes: Wishes, say: Say) -> Iterator[Finding]:
    """One finding after the other; `say` tells what goes on meanwhile."""
    say("looking at the installation")
    yield guarded("python", installation.python)
    yield guarded("packages", installation.packages)
    say(f"looking at the model {config.model.name}")
    yield from _model(config)
    yield guarded("compiler", lambda: installation.compiler(config))
    yield guarded("port", lambda: port.port(config))
    yield guarded("voice detector", lambda: installation.voice_detector(config))
    yield guarded("echo canceller", lambda: installation.echo_canceller(config))
    yield guarded("wake word", lambda: installation.wake_word(config))
    yield from _sound(config, wishes, say)


def _model(config: Config) -> Iterator[Finding]:
    reports = []

    def files() -> Finding:
        finding, report = model.model(config)
        reports.append(report)
        return finding

    yield guarded("model", files)
    report = reports[0] if reports else None
    if report is not None:
        yield guarded("memory", lambda: model.memory(config, report))


def _sound(config: Config, wishes: Wishes, say: Say) -> Iterator[Finding]:
    try:
        yield from sound(config, wishes, say)
    except Exception as error:  # the boundary of a check, as in `guarded`
        yield fell_over("sound", error)
