"""`vivavoce demo`: a whole spoken conversation, no sound hardware needed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ..settings import Config
from .options import ConfigFile, Model, Preset, configuration

if TYPE_CHECKING:
    from ..demo.director import Scene
    from ..demo.promises import Promise


def demo(
    output: Annotated[
        Path, typer.Option(help="Folder for the recording, the transcript and the table.")
    ] = Path("demo"),
    url: Annotated[str, typer.Option(help="A running daemon; none: one in this process.")] = "",
    model: Model = None,
    file: ConfigFile = None,
    preset: Preset = None,
) -> None:
    """Hold the scripted conversation with the daemon over its WebSocket, in real time.

    The person is played by recordings that come with the package. Ends with an error when
    something the demo promises did not happen.
    """
    config = configuration(
        file,
        preset or "nano",
        "warning",
        server={"port": 0, "host": "127.0.0.1"},
        audio={"enabled": False},
        model={"name": model},
    )
    kept = asyncio.run(_run(config, url, output, Console()))
    if not kept:
        raise typer.Exit(1)


async def _run(config: Config, url: str, output: Path, console: Console) -> bool:
    from .talk import Plan, daemon_at

    plan = Plan(config, [], url, None, None, False, True)
    console.print("Starting the daemon ...", style="dim")
    async with daemon_at(plan) as address:
        console.print(f"Conversing with {address}\n", style="dim")
        return await _perform(address, config.server.api_key, output, console)


async def _perform(address: str, api_key: str, output: Path, console: Console) -> bool:
    from ..client import Connection, Conversation
    from ..client.conversation import RATE_HZ
    from ..client.speaker import ImaginedSpeaker
    from ..demo.director import Director
    from ..demo.promises import promises
    from ..demo.report import stereo, write_report
    from ..demo.script import load_script
    from ..demo.view import View

    connection = await Connection.open(address, api_key)
    speaker = ImaginedSpeaker(RATE_HZ)
    async with Conversation(connection, speaker=speaker) as conversation:
        # The script is English, and so is what it promises of the replies.
        await conversation.update_session({"language": "en"})
        view = View(console, conversation, speaker)
        drawing = asyncio.create_task(view.draw())
        try:
            scenes = await Director(conversation, speaker, view).perform(load_script())
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
        microphone = conversation.live_microphone
        assert microphone is not None
        kept = promises(scenes)
        sound = stereo(microphone, speaker)
        paths = write_report(output, scenes, kept, sound, microphone.origin_s)
    _conclude(console, scenes, kept, paths)
    return all(one.kept for one in kept)


def _conclude(
    console: Console, scenes: Sequence[Scene], kept: Sequence[Promise], paths: Sequence[Path]
) -> None:
    from ..demo.report import latency_rows
    from ..demo.view import summary

    console.print(summary(latency_rows(scenes), ("you said", "first sound", "reply", "remark")))
    for one in kept:
        mark, style = ("kept  ", "green") if one.kept else ("BROKEN", "bold red")
        console.print(f"{mark} {one.text}", style=style)
    console.print("\nLeft behind: " + ", ".join(str(path) for path in paths), style="dim")
