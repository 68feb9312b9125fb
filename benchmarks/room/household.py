"""The assistant at home: its real ears and conversation between simulated devices.

    async def scene(home: Household) -> None:
        await home.run(until_s=3.0)
        home.room.say(voice, at_s=4.0, level_dbfs=-26)
        await home.run(until_s=9.0)

    live(Setting(RoomSettings(seed=1), RecordedModel(replies)), scene)

Only the model is not the real one: it says recordings. Playout, capture, echo canceller, speech
detection, endpoint, barge-in and session are the daemon's, put together as it does, but on one
thread, and on an event loop whose clock is the room's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar, cast

from vivavoce.assistant.core.notices import Notice
from vivavoce.assistant.engine import Engine
from vivavoce.assistant.session import Session
from vivavoce.assistant.session_defaults import session_defaults
from vivavoce.assistant.settings import Config
from vivavoce.models.dialogue import SpeechModel
from vivavoce.streaming.capture import Capture
from vivavoce.streaming.devices import DEVICE_HZ
from vivavoce.streaming.echo import EchoCanceller, make_canceller
from vivavoce.streaming.frames import Frame, Pcm
from vivavoce.streaming.front_end import FrontEnd
from vivavoce.streaming.playout import Playout
from vivavoce.streaming.reference import Reference
from vivavoce.streaming.room import Room, RoomSettings

from .recorded_model import RoomEngine

Found = TypeVar("Found")
MICROPHONE_HZ = 16_000
Act = Literal["pause", "resume", "stop"]


@dataclass(frozen=True)
class Setting:
    """Where a scene takes place.

    Args:
        room: the room and its devices.
        model: what answers.
        config: of the daemon.
        babble: voices in the background, at 48 kHz.
        speaks: False: the assistant answers in text and is silent.
    """

    room: RoomSettings
    model: SpeechModel
    config: Config = Config()
    babble: Sequence[Pcm] = ()
    speaks: bool = True


@dataclass(frozen=True)
class Lived(Generic[Found]):
    """What came of a scene, and how long it was."""

    found: Found
    simulated_s: float


@dataclass(frozen=True)
class Done:
    """Something that the conversation did to the loudspeaker's queue."""

    act: Act
    at_s: float


class WitnessPlayout(Playout):
    """The loudspeaker's queue, with what is done to it written down."""

    def __init__(self, reference: Reference) -> None:
        super().__init__(DEVICE_HZ, lambda: 0.0, reference)
        self.done: list[Done] = []
        self.paused: list[bool] = []
        """Of each block that was filled: whether the reply was paused."""
        self.began: list[int] = []
        """The block with which each reply begins."""
        self._holds = False
        self._written = -1

    def write(self, generation: int, pcm: Pcm) -> None:
        if generation != self._written:
            self._written = generation
            self.began.append(len(self.paused))
        super().write(generation, pcm)

    def pause(self) -> None:
        self._note("pause", holds=True)
        super().pause()

    def resume(self) -> None:
        self._note("resume", holds=False)
        super().resume()

    def stop(self, generation: int | None = None) -> None:
        self._note("stop", holds=False)
        super().stop(generation)

    def fill(self, out: Pcm, dac_time_s: float) -> bool:
        self.paused.append(self._holds)
        return super().fill(out, dac_time_s)

    def _note(self, act: Act, holds: bool) -> None:
        self.done.append(Done(act, self.now_s()))
        self._holds = holds


class Household:
    """See the module's text. Made inside its own event loop by `live`."""

    def __init__(self, setting: Setting, canceller: EchoCanceller, clock: _Clock) -> None:
        self.frames: list[Frame] = []
        """What came out of the canceller, not yet given to the session."""
        self.powers: list[float] = []
        """Energy of each of those, 20 ms."""
        self.told: list[tuple[float, Notice]] = []
        self._reference = Reference(DEVICE_HZ)
        self.playout = WitnessPlayout(self._reference)
        self.front_end = FrontEnd(self.frames.append, self._reference, canceller, self.playout.duck)
        capture = Capture(self.front_end, rate_hz=MICROPHONE_HZ)
        self.room = Room(setting.room, self.playout, capture, setting.babble)
        clock.read = self.room.now
        model = setting.model
        settings = session_defaults(setting.config, (), model.output_rate_hz, model.input_rate_hz)
        if not setting.speaks:
            settings = replace(settings, core=replace(settings.core, modality="text"))
        engine = cast(Engine, RoomEngine(setting.model))
        self.session = Session(engine, self._told, settings, playout=self.playout)

    async def run(self, until_s: float) -> None:
        """Lets time pass."""
        while self.room.next_s() < until_s:
            self.room.step()
            for notice in self.playout.notices():
                self.session.playout_noticed(notice)
            frames, self.frames[:] = list(self.frames), []
            for frame in frames:
                await self._hear(frame)
            await asyncio.sleep(0)  # whose timers are due

    async def until(self, happened: Callable[[], bool], at_most_s: float) -> bool:
        """Lets time pass until something has happened; whether it did."""
        limit_s = self.room.now() + at_most_s
        while not happened() and self.room.next_s() < limit_s:
            await self.run(self.room.next_s() + 0.01)
        return happened()

    async def _hear(self, frame: Frame) -> None:
        self.powers.append(float(frame.pcm @ frame.pcm))
        self.session.far_end(frame.playing)
        await self.session.append(frame.pcm, frame.rate_hz)

    def _told(self, notice: Notice) -> None:
        self.told.append((self.room.now(), notice))


@dataclass
class _Clock:
    """Reads the room's time once there is a room."""

    read: Callable[[], float] = field(default=lambda: 0.0)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose timers run by another clock."""

    def __init__(self, clock: _Clock) -> None:
        self._room_clock = clock
        super().__init__()

    def time(self) -> float:
        return self._room_clock.read()


def live(setting: Setting, scene: Callable[[Household], Awaitable[Found]]) -> Lived[Found]:
    """What comes of a scene."""
    clock = _Clock()
    loop = _Loop(clock)

    async def whole() -> Lived[Found]:
        audio = setting.config.audio
        home = Household(setting, make_canceller(audio.echo), clock)
        await home.session.open()
        found = await scene(home)
        await home.session.close()
        return Lived(found, home.room.now())

    try:
        return loop.run_until_complete(whole())
    finally:
        loop.close()
