"""The live view of the demo: who speaks, captions as they are spoken, latency of every turn.

With a terminal the current turn is drawn in place; without one (a log, CI) each turn is printed
when it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..client import Conversation
from ..client.speaker import ImaginedSpeaker
from .director import Scene
from .script import Line

REFRESH_S = 0.1


class View:
    """Draws a conversation while it happens.

    Args:
        console: where to draw.
        conversation: read for captions.
        speaker: read for who speaks right now.
    """

    def __init__(
        self, console: Console, conversation: Conversation, speaker: ImaginedSpeaker
    ) -> None:
        self._console = console
        self._conversation = conversation
        self._speaker = speaker
        self._line: Line | None = None
        self._speaks_until_s = 0.0
        self._n_turns = 0
        self._live: Live | None = None

    async def draw(self) -> None:
        """Redraw the current turn until cancelled; returns at once without a terminal."""
        if not self._console.is_terminal:
            return
        with Live(console=self._console, refresh_per_second=1 / REFRESH_S, transient=True) as live:
            self._live = live
            while True:
                live.update(self._now())
                await asyncio.sleep(REFRESH_S)

    # --- the director's audience -------------------------------------------------------------

    def person_speaks(self, line: Line) -> None:
        self._line = line
        self._n_turns = len(self._conversation.turns)

    def scene_over(self, scene: Scene) -> None:
        self._console.print(_finished(scene))

    # --- drawing -----------------------------------------------------------------------------

    def _now(self) -> RenderableType:
        if self._line is None:
            return Text("...", style="dim")
        speaking = self._speaker.left_s > 0
        rows = [Text.assemble(("  you   ", _style("cyan", not speaking)), self._line.text)]
        turns = self._conversation.turns
        if turns and turns[-1].said and len(turns) > self._n_turns:
            rows.append(Text.assemble(("  voice ", _style("green", speaking)), turns[-1].said))
        elif self._conversation.speaking:
            rows.append(Text("  listening", style="dim"))
        return Group(*rows)


def _style(colour: str, active: bool) -> str:
    return f"bold {colour} reverse" if active else colour


def _finished(scene: Scene) -> RenderableType:
    """A turn when it is over."""
    turn = scene.turn
    heard = turn.heard if turn else ""
    text = Text.assemble(("you   ", "cyan"), scene.line.text)
    if heard and heard != scene.line.text:
        text.append(f"   (heard: {heard})", style="dim")
    if turn is None:
        return text.append("\n      nothing was heard", style="red")
    for action in turn.actions:
        arguments = ", ".join(f"{key}={value}" for key, value in action.arguments.items())
        text.append(f"\n      does {action.name}({arguments})", style="magenta")
    text.append("\nvoice ", style="green").append(turn.said or "(nothing)")
    if turn.interrupted:
        text.append(" ... interrupted", style="yellow")
    return text.append("\n" + _timing(scene), style="dim")


def _timing(scene: Scene) -> str:
    parts = []
    if scene.latency_ms is not None:
        parts.append(f"first sound {scene.latency_ms} ms after the end of speech")
    if scene.silence_s is not None:
        parts.append(f"silent {round(1000 * scene.silence_s)} ms after the interruption began")
    return "      " + ", ".join(parts) if parts else ""


def summary(rows: Sequence[Sequence[str]], header: Sequence[str]) -> Table:
    """A table for the end of the demo."""
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    return table
