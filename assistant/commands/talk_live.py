"""`vivavoce talk` without recordings: converse through this machine's microphone and speaker."""

from __future__ import annotations

import asyncio
import contextlib

from rich.console import Console
from rich.text import Text

from ...streaming.devices import DEVICE_HZ, DeviceUnavailable
from ...streaming.frames import Frame, Pcm
from ...streaming.playout import Playout
from ...streaming.resample import Resampler
from ..client import Connection, Conversation
from ..client.connection import Event
from ..client.conversation import RATE_HZ
from ..errors import UserError
from ..settings import Config
from ..sound import open_sound_card

MICROPHONE_HZ = 16_000


async def converse(url: str, config: Config) -> None:
    """Converse until Ctrl-C.

    Raises:
        UserError: no sound on this machine, or the daemon went away.
    """
    loop = asyncio.get_running_loop()
    frames: asyncio.Queue[Pcm] = asyncio.Queue()

    def on_frame(frame: Frame) -> None:
        loop.call_soon_threadsafe(frames.put_nowait, frame.pcm)

    try:
        card = open_sound_card(config.audio, on_frame)
    except DeviceUnavailable as error:
        raise UserError(f"{error}; or speak with recordings: --input FILE.wav.") from None
    captions = Captions(Console())
    with contextlib.closing(card):
        speaker = CardSpeaker(card.playout)
        connection = await Connection.open(url, config.server.api_key)
        async with Conversation(
            connection, speaker=speaker, on_event=captions.take, microphone=False
        ) as conversation:
            captions.console.print("Speak. Ctrl-C ends the conversation.", style="dim")
            resampler = Resampler(MICROPHONE_HZ, RATE_HZ)
            while True:
                await conversation.send_audio(resampler.feed(await frames.get()))


class CardSpeaker:
    """The loudspeaker as the client knows it; every item is a generation of the playout."""

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._item_id = ""
        self._generation = -1

    def play(self, item_id: str, pcm: Pcm) -> None:
        if item_id != self._item_id:
            if self._generation >= 0:
                self._playout.finish(self._generation)
            self._item_id = item_id
            self._generation += 1
            self._playout.open(self._generation, RATE_HZ)
        self._playout.write(self._generation, pcm)

    def stop(self) -> tuple[str, int] | None:
        if not self._playout.queued_samples:
            return None
        heard_ms = self._playout.heard(self._generation) * 1000 // RATE_HZ
        self._playout.stop()
        return self._item_id, heard_ms

    @property
    def left_s(self) -> float:
        return self._playout.queued_samples / DEVICE_HZ


class Captions:
    """Prints who said what, as it becomes known."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._in_reply = False

    def take(self, event: Event) -> None:
        """Show one server event."""
        kind = event.get("type", "")
        if kind == "conversation.item.input_audio_transcription.completed":
            self._end_line()
            self.console.print(Text.assemble(("you   ", "cyan"), event.get("transcript", "")))
        elif kind == "response.output_audio_transcript.delta":
            if not self._in_reply:
                self.console.print(Text("voice ", style="green"), end="")
            self._in_reply = True
            self.console.print(event.get("delta", ""), end="", markup=False, highlight=False)
        elif kind == "response.done":
            self._end_line()
            if event["response"].get("status") == "cancelled":
                self.console.print("      interrupted", style="yellow")

    def _end_line(self) -> None:
        if self._in_reply:
            self.console.print()
        self._in_reply = False
