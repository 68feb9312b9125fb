"""A session on a scripted model, spoken to in samples; what it told and remembers to look at."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tests.support.scripted_model import RATE_HZ, ScriptedModel, transcript_of
from vivavoce.assistant.core.notices import AudioDelta, Notice, ResponseDone
from vivavoce.assistant.core.settings import Settings
from vivavoce.assistant.engine import Engine
from vivavoce.assistant.session import Session
from vivavoce.assistant.session_settings import SessionSettings
from vivavoce.assistant.skills.registry import SkillSet
from vivavoce.streaming.frames import Pcm

NOW = datetime.datetime(2026, 3, 5, 15, 15)  # what the skills' clock says


@dataclass
class Live:
    """One session under test."""

    model: ScriptedModel
    engine: Engine
    told: list[Notice] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    session: Session = field(init=False)

    def emit(self, notice: Notice) -> None:
        self.told.append(notice)
        self.news.set()

    async def hear(self, pcm: Pcm, piece: int = 320, pace: float = 0.0) -> None:
        """Sound in pieces; pace 1 is real time, 0 as fast as it goes."""
        for start in range(0, len(pcm), piece):
            await self.session.append(pcm[start : start + piece], RATE_HZ)
            if pace:
                await asyncio.sleep(piece / RATE_HZ / pace)

    async def says(self, sentence: str, silence_s: float = 0.7, pace: float = 0.0) -> None:
        """The user says something and is quiet."""
        quiet = np.zeros(int(silence_s * RATE_HZ), dtype=np.float32)
        await self.hear(np.concatenate((self.model.voice(sentence, 0.8), quiet)), pace=pace)

    async def until(self, kind: type, count: int = 1) -> Any:
        """The count-th notice of a kind, waited for."""
        while True:
            found = [notice for notice in self.told if isinstance(notice, kind)]
            if len(found) >= count:
                return found[count - 1]
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 30.0)

    async def reply(self, count: int = 1) -> ResponseDone:
        done: ResponseDone = await self.until(ResponseDone, count)
        return done

    @property
    def sound(self) -> bytes:
        """All that was sent."""
        return b"".join(n.pcm for n in self.told if isinstance(n, AudioDelta))

    @property
    def remembered(self) -> list[tuple[str, str]]:
        """What the model knows of the conversation; to be read when it is at rest."""
        return transcript_of(self.model.dialogues[-1])

    async def at_rest(self) -> None:
        """Until the model has carried out all that it was told so far."""
        await at_rest(self.session)


async def at_rest(session: Session) -> None:
    """Until the model has carried out all that this session told it so far, replies among it."""
    loop, line = asyncio.get_running_loop(), session._line
    worker = line._worker
    busy = True
    while busy:
        told: asyncio.Future[bool] = loop.create_future()
        worker.post(lambda to=told: loop.call_soon_threadsafe(to.set_result, worker.ready))  # type: ignore[arg-type, misc, return-value]
        line.engine.wake()
        busy = await asyncio.wait_for(told, 30.0)
        await asyncio.sleep(0.001)  # orders go before a reply's parts


@contextlib.asynccontextmanager
async def live(
    model: ScriptedModel, settings: SessionSettings | None = None, **core: Any
) -> AsyncIterator[Live]:
    """An open session; `core` are fields of its Settings."""
    extra = {name: core.pop(name) for name in ("recorder", "on_turn", "playout") if name in core}
    engine = Engine(model, **({"stall_s": core.pop("stall_s")} if "stall_s" in core else {}))
    base = settings or SessionSettings(output_rate_hz=RATE_HZ)
    skills = SkillSet(now=lambda: NOW)
    base = replace(base, core=replace(Settings(pure_skills=skills.pure), **core))
    room = Live(model, engine)
    room.session = Session(engine, room.emit, base, skills=skills, **extra)
    await room.session.open()
    try:
        yield room
    finally:
        await room.session.close()
        await engine.close()
