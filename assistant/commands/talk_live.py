"""`vivavoce talk` without recordings: converse through this machine's microphone and speaker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import asdict

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from ...streaming.devices import DEVICE_HZ, DeviceUnavailable
from ...streaming.frames import Pcm
from ...streaming.playout import Playout
from ..client import Connection, Conversation
from ..client.connection import Event
from ..client.conversation import RATE_HZ
from ..client.hearer import WireHearer
from ..errors import UserError
from ..microphone_control import MicrophoneControl, MicrophoneRefused, Status
from ..settings import Config
from ..switched_sound import open_switched_sound
from .keys import keys_pressed
from .microphone import in_words
from .typed_line import TypedLine

HELP = (
    "Speak. Space begins and ends a turn by hand, m mutes the microphone, Enter begins a line "
    "to type, Ctrl-C ends."
)


async def converse(url: str, config: Config) -> None:
    """Converse until Ctrl-C.

    Raises:
        UserError: no sound on this machine, or the daemon went away.
    """
    captions = Captions(Console())
    try:
        card, microphone = await open_switched_sound(
            config.audio, config.microphone, on_change=captions.microphone
        )
    except DeviceUnavailable as error:
        raise UserError(f"{error}; or speak with recordings: --input FILE.wav.") from None
    with contextlib.closing(card):
        connection = await Connection.open(url, config.server.api_key)
        async with Conversation(
            connection,
            speaker=CardSpeaker(card.playout),
            on_event=captions.take,
            microphone=False,
        ) as conversation:
            await microphone.begin(card, WireHearer(conversation))
            running = asyncio.create_task(microphone.run())
            try:
                keys = Keys(microphone, conversation, captions)
                with keys_pressed(keys.press) as there_are:
                    captions.console.print(HELP if there_are else "Speak. Ctrl-C ends the talk.")
                    await conversation.ended()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                microphone.close()


class Keys:
    """What the keys do. A terminal tells no release: space is a switch."""

    def __init__(
        self, microphone: MicrophoneControl, conversation: Conversation, captions: Captions
    ) -> None:
        self._microphone = microphone
        self._conversation = conversation
        self._orders: set[asyncio.Task[None]] = set()
        self._line = TypedLine(captions.typed, self._write)

    def press(self, key: str) -> None:
        """Carry out a key's order, in time."""
        if not self._line.press(key) and key in ("m", " "):
            self._order(self._carry_out(key))

    def _write(self, line: str) -> None:
        self._order(self._conversation.write(line))

    def _order(self, order: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(order)
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)

    async def _carry_out(self, key: str) -> None:
        status = self._microphone.status
        with contextlib.suppress(MicrophoneRefused):  # muted: the screen says so already
            if key == "m":
                await self._microphone.set_muted(not status.muted)
            else:
                await self._microphone.talk(not status.talking)


_REDRAW = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


class CardSpeaker:
    """The loudspeaker as the client knows it; every item is a generation of the playout."""

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._item_id = ""
        self._generation = -1
        self._n_written = 0
        self._stopped = True

    def play(self, item_id: str, pcm: Pcm) -> None:
        if item_id != self._item_id:
            self.finish(self._item_id)
            self._item_id = item_id
            self._generation += 1
            self._n_written = 0
            self._stopped = False
            self._playout.open(self._generation, RATE_HZ)
        self._n_written += len(pcm)
        self._playout.write(self._generation, pcm)

    def finish(self, item_id: str) -> None:
        if item_id and item_id == self._item_id:
            self._playout.finish(self._generation)

    def stop(self) -> tuple[str, int] | None:
        """Also what has left the queue may be on its way through the device still."""
        heard = self._playout.heard(self._generation)
        if self._stopped or heard >= self._n_written:
            return None
        self._playout.stop()
        self._stopped = True  # what comes of this item yet is not played
        return self._item_id, heard * 1000 // RATE_HZ

    @property
    def left_s(self) -> float:
        return self._playout.queued_samples / DEVICE_HZ


class Captions:
    """Prints who said what, as it becomes known."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._in_reply = False
        self._shown = ""
        self._typing = False
        self._held: list[Event] = []

    def take(self, event: Event) -> None:
        """Show one server event; while a line is being typed it waits."""
        kind = event.get("type", "")
        if self._typing:
            self._held.append(event)
            return
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

    def typed(self, line: str | None) -> None:
        """Show the line that is being typed, or end it, and then what has come meanwhile."""
        if line is not None:
            self._end_line()
            self._typing = True
            self.console.control(_REDRAW)
            self.console.print(Text.assemble(("you   ", "cyan"), line), end="", soft_wrap=True)
            return
        self.console.print()
        self._typing = False
        held, self._held = self._held, []
        for event in held:
            self.take(event)

    def microphone(self, status: Status) -> None:
        """Show what becomes of the microphone."""
        if status.state != "muted" and not status.device_open:
            return  # the lamp is lit just before the device opens; if it does not, the log says so
        shown, self._shown = self._shown, in_words(asdict(status))
        if shown != self._shown:
            self._end_line()
            self.console.print(f"      microphone {self._shown}", style="dim")

    def _end_line(self) -> None:
        if self._in_reply:
            self.console.print()
        self._in_reply = False
