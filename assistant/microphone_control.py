"""This machine's microphone, switched: the state machine of `microphone.py` with its hands.

    capture's thread: heard(pcm) -> wake word? -> queue -> run(): Microphone -> effects
    anybody on the event loop: status, changes(), set_muted(), talk()

HTTP, the terminal and later faces (MQTT, Wyoming) use the second line and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from ..streaming.frames import History, Pcm
from ..streaming.wake import LATEST_MS, command_start
from . import microphone as mic
from .microphone import Indicator, Microphone
from .wake_ear import WakeEar

log = logging.getLogger(__name__)

MICROPHONE_HZ = 16_000
LONGEST_BACKLOG = 250  # frames of 20 ms that may wait for the event loop
KEPT_S = 1.0  # of what nobody listened to, for what was said before the microphone opened
CHIME_AFTER_S = 0.35  # of the wake word: who has spoken on by then needs no chime
STOPPING = "the microphone is closed: the daemon is stopping"
_SLOW_WATCHER = 32  # changes that may wait for one who watches; then the oldest is dropped


class MicrophoneRefused(Exception):
    """It cannot be done now; the message says why."""


class Device(Protocol):
    """The sound card, as far as it can be muted. Calls may take a while: not on the event loop."""

    @property
    def microphone_open(self) -> bool:
        """Whether the stream is open at this moment: not muted, not unplugged."""
        ...

    def mute(self) -> None:
        """Close the microphone's stream."""
        ...

    def unmute(self) -> None:
        """Open it again."""
        ...


class Hearer(Protocol):
    """The conversation the microphone speaks to."""

    @property
    def engaged(self) -> bool:
        """Somebody speaks to the assistant, or it answers, until that was heard to its end."""
        ...

    async def hear(self, pcm: Pcm, playing: bool = False) -> None:
        """The next samples [n] at 16 kHz; playing: the loudspeaker may be heard in them."""
        ...

    async def forget(self, by_hand: bool) -> None:
        """Forget an unfinished turn. by_hand: the next one ends with `answer`, not with a pause."""
        ...

    async def answer(self) -> None:
        """What was said since `forget(by_hand=True)` is a turn."""
        ...

    async def interrupt(self, by_hand: bool) -> None:
        """Fall silent. by_hand: a button was pressed; else the wake word was said."""
        ...


@dataclass(frozen=True)
class Status:
    """What everybody may know of the microphone.

    state: muted (stream closed), waiting (only the wake word or the button is waited for) or
        open (the conversation hears).
    why: what opened it: always, wake_word, follow_up or button.
    device_open: whether the stream is open; not while muted or unplugged.
    """

    state: str
    why: str
    muted: bool
    talking: bool
    device_open: bool
    activation: str
    wake_word: str | None


@dataclass(frozen=True, eq=False)
class _Frame:
    pcm: Pcm
    woken: bool
    playing: bool


class _Order:
    """Something that was asked for, and who waits for it."""

    def __init__(self, make: Callable[[int], mic.Event]) -> None:
        self.make = make
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class MicrophoneControl:
    """See the module's text. Belongs to the event loop that made it.

    Args:
        microphone: the state machine, not started.
        wake: hears the wake word; None where none is waited for.
        on_change: is told every new status.
        on_dropped: is told how many samples found no room: the event loop was too busy.
    """

    def __init__(
        self,
        microphone: Microphone,
        wake: WakeEar | None = None,
        on_change: Callable[[Status], None] = lambda status: None,
        on_dropped: Callable[[int], None] = lambda n_samples: None,
    ) -> None:
        self.wake = wake
        self.chime: Callable[[], None] | None = None
        """Sounds when the wake word was heard and nobody speaks on at once."""
        self.chimes_for_button = False
        self._chime_at: int | None = None
        self._loop = asyncio.get_running_loop()
        self._microphone = microphone
        self._on_change = on_change
        self._on_dropped = on_dropped
        self._jammed = False
        """Frames were dropped, and those before them still wait."""
        self._device: Device | None = None
        self._hearer: Hearer | None = None
        self._indicator = Indicator("muted")
        self._passing = False
        self._inbox: asyncio.Queue[_Frame | _Order] = asyncio.Queue()
        self._history = History(round(KEPT_S * MICROPHONE_HZ), MICROPHONE_HZ)
        self._played_until = 0
        """Up to this sample of it the loudspeaker may have been heard."""
        self._watchers: set[asyncio.Queue[Status | None]] = set()
        self._left: list[mic.Effect] = []
        self._told: Status | None = None
        self._closed = False

    # --- the capture's thread ----------------------------------------------------------------

    def heard(self, pcm: Pcm, playing: bool = False) -> None:
        """What the microphone gave, [n] at 16 kHz; playing: the loudspeaker may be heard in it."""
        woken = self.wake is not None and self.wake.feed(pcm, playing)
        self._loop.call_soon_threadsafe(self._keep, _Frame(pcm, woken, playing))

    def _keep(self, frame: _Frame) -> None:
        if self._hearer is None:
            return
        n_waiting = self._inbox.qsize()
        self._jammed = self._jammed and n_waiting > 0
        if n_waiting < LONGEST_BACKLOG or frame.woken:
            self._inbox.put_nowait(frame)
            return
        self._on_dropped(len(frame.pcm))
        if not self._jammed:  # one line for one jam
            self._jammed = True
            log.warning("the daemon is too busy to hear: sound of the microphone is dropped")

    # --- everybody ---------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """How it stands now."""
        device, indicator = self._device, self._indicator
        return Status(
            state=indicator.state,
            why=indicator.why,
            muted=indicator.state == "muted",
            talking=indicator.why == "button",
            device_open=device is not None and device.microphone_open,
            activation=self._microphone.activation,
            wake_word=self.wake.phrase if self.wake is not None else None,
        )

    async def set_muted(self, muted: bool) -> None:
        """Comes back when the stream is closed, or was told to open."""
        await self._order(lambda at: mic.Muted() if muted else mic.Unmuted(at))

    async def talk(self, pushed: bool) -> None:
        """Push the button, or release it: what was said meanwhile is a turn.

        Raises:
            MicrophoneRefused: it is muted.
        """
        if pushed and self._indicator.state == "muted":
            raise MicrophoneRefused("the microphone is muted; unmute it first")
        await self._order(lambda at: mic.Pushed(at) if pushed else mic.Released(at))

    async def changes(self, at_least_every_s: float | None = None) -> AsyncIterator[Status]:
        """The status now, and whenever it changes, until the microphone is closed for good.

        Args:
            at_least_every_s: say it again when it did not change for so long; None: never.
        """
        waiting: asyncio.Queue[Status | None] = asyncio.Queue()
        self._watchers.add(waiting)
        status: Status | None = None if self._closed else self.status
        try:
            while status is not None:
                yield status
                try:
                    status = await asyncio.wait_for(waiting.get(), at_least_every_s)
                except asyncio.TimeoutError:
                    status = None if self._closed else self.status
        finally:
            self._watchers.discard(waiting)

    @property
    def n_watchers(self) -> int:
        """How many follow the changes."""
        return len(self._watchers)

    def device_changed(self) -> None:
        """The device came, or went; on the event loop."""
        if not self._closed:
            self._publish()

    async def _order(self, make: Callable[[int], mic.Event]) -> None:
        if self._closed:
            raise MicrophoneRefused(STOPPING)
        order = _Order(make)
        self._inbox.put_nowait(order)
        await order.done

    # --- its owner ---------------------------------------------------------------------------

    async def begin(self, device: Device, hearer: Hearer) -> None:
        """Open the device, which is closed, unless it shall begin muted. Then `run`."""
        self._device, self._hearer = device, hearer
        try:
            await self._carry_out(self._microphone.start())
        except Exception:  # the supervisor, as in `run`
            log.exception("the microphone could not begin")

    async def run(self) -> None:
        """Serve until cancelled, once begun."""
        while True:
            item = await self._inbox.get()
            try:
                await self._take(item)
            except asyncio.CancelledError:
                _refuse(item, STOPPING)
                raise
            except Exception as error:  # the supervisor: one failure must not make it deaf
                log.exception("the microphone could not handle %s", type(item).__name__)
                _refuse(item, f"it failed: {error}")

    def close(self) -> None:
        """No more changes will come; whoever waits is told."""
        self._closed = True
        for waiting in self._watchers:
            waiting.put_nowait(None)
        while not self._inbox.empty():
            _refuse(self._inbox.get_nowait(), STOPPING)

    async def _take(self, item: _Frame | _Order) -> None:
        if isinstance(item, _Order):
            left, self._left = self._left, []
            effects = self._microphone.receive(item.make(self._history.end))
            await self._carry_out(left + effects)
            if self.chimes_for_button and mic.Indicator("open", "button") in effects:
                self._ring()
            if not item.done.done():
                item.done.set_result(None)
            return
        assert self._hearer is not None
        if self._indicator.state == "muted":
            return  # heard before it was closed, or silence in its place
        self._history.feed(item.pcm)
        if item.playing:
            self._played_until = self._history.end
        at, before = self._history.end, self._passing
        await self._carry_out(self._microphone.receive(mic.Passed(at, self._hearer.engaged)))
        if item.woken:
            recent = self._history.read(at - LATEST_MS * MICROPHONE_HZ // 1000)
            start = recent.start + command_start(recent.pcm)
            effects = self._microphone.receive(mic.WakeHeard(at, start))
            await self._carry_out(effects)
            if effects:
                self._chime_at = at + round(CHIME_AFTER_S * MICROPHONE_HZ)
                return  # attending to what follows the word: this frame is part of it
        if before and self._passing:
            await self._hearer.hear(item.pcm, item.playing)
        if self._chime_at is not None and at >= self._chime_at:
            self._chime_at = None
            if self._passing and not self._hearer.engaged:
                self._ring()

    def _ring(self) -> None:
        if self.chime is not None:
            self.chime()

    async def _carry_out(self, effects: list[mic.Effect]) -> None:
        """What fails, and what comes after it, is tried again with the next order."""
        for done, effect in enumerate(effects):
            try:
                await self._do(effect)
            except Exception:
                self._left = effects[done:]
                raise

    async def _do(self, effect: mic.Effect) -> None:
        assert self._device is not None and self._hearer is not None
        if isinstance(effect, Indicator):
            self._indicator = effect
            self._publish()
        elif isinstance(effect, mic.OpenDevice):
            await asyncio.to_thread(self._device.unmute)
            self._publish()
        elif isinstance(effect, mic.CloseDevice):
            await asyncio.to_thread(self._device.mute)
            self._history = History(round(KEPT_S * MICROPHONE_HZ), MICROPHONE_HZ, self._history.end)
        elif isinstance(effect, mic.Attend):
            self._passing = True
            await self._hearer.forget(effect.by_hand)
            recent = self._history.read(effect.start)
            await self._hearer.hear(recent.pcm, recent.start < self._played_until)
        elif isinstance(effect, mic.Ignore):
            self._passing = False
            await self._hearer.forget(False)
        elif isinstance(effect, mic.Answer):
            await self._hearer.answer()
        else:
            await self._hearer.interrupt(effect.by_hand)

    def _publish(self) -> None:
        status, before = self.status, self._told
        if status == before:
            return
        self._told = status
        if before is None or (before.state, before.why) != (status.state, status.why):
            log.info("the microphone is %s", " ".join(filter(None, (status.state, status.why))))
        self._on_change(status)
        for waiting in self._watchers:
            if waiting.qsize() >= _SLOW_WATCHER:
                waiting.get_nowait()
            waiting.put_nowait(status)


def _refuse(item: _Frame | _Order, why: str) -> None:
    """Whoever waits for an order that is not carried out learns why."""
    if isinstance(item, _Order) and not item.done.done():
        item.done.set_exception(MicrophoneRefused(why))
