"""People speak over replies: is it noticed, and how fast?"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.assistant.settings import Config
from vivavoce.models.dialogue import SpeechModel
from vivavoce.streaming.acoustics import active_dbfs
from vivavoce.streaming.devices import BLOCK_SAMPLES, DEVICE_HZ
from vivavoce.streaming.resample import resample

from .household import Household, Lived, Setting, live
from .places import PLACES, Material
from .recorded_model import RecordedModel
from .voices import REPLY_HZ, Recording

EARLIEST_S, LATEST_S = 0.8, 3.0  # after the reply began to sound
LEVELS_DB = (0.0, 10.0)  # the person over the echo, at the microphone
PATIENCE_S = 3.0
WARM_UP = 1  # replies before the first interruption


@dataclass(frozen=True)
class Interruption:
    """One person who spoke over a reply. All times from the first voiced sample, in ms.

    Args:
        place: which room.
        name: what was said.
        level_db: the voice over the echo.
        suspected_ms: until the reply was paused for the last time; None when it was not.
        stopped_ms: until it was stopped for good; None when it went on.
        silence_ms: until the last sound of the reply was handed to the loudspeaker.
        audible_ms: until it had left the loudspeaker, playback delay included.
        suspicion_to_silence_ms: from the pause to the last sample handed over.
    """

    place: str
    name: str
    level_db: float
    suspected_ms: float | None
    stopped_ms: float | None
    silence_ms: float | None
    audible_ms: float | None
    suspicion_to_silence_ms: float | None


def interruptions(
    material: Material, ears: SpeechModel, *, place: str, chosen: slice, config: Config, seed: int
) -> Lived[list[Interruption]]:
    """The chosen people each interrupt a reply, one after another in one room."""
    rng = random.Random(f"{seed} {place}")
    offset = rng.randrange(len(material.replies))
    replies = itertools.cycle((*material.replies[offset:], *material.replies[:offset]))
    room = replace(PLACES[place], seed=seed)

    async def scene(home: Household) -> list[Interruption]:
        echo_dbfs = echo_level(home, material)
        for _ in range(WARM_UP):
            await speak(home)
            await home.until(lambda: not home.session.speaking, 30.0)
        found = []
        for person in material.people[chosen]:
            await speak(home)
            above_db = rng.uniform(*LEVELS_DB)
            at_s = home.room.now() + rng.uniform(EARLIEST_S, LATEST_S)
            ends_s = home.room.say(person.sound, at_s, echo_dbfs + above_db)
            await home.run(at_s)
            still = home.session.speaking
            await home.until(lambda: not home.session.speaking, PATIENCE_S)
            await home.run(max(ends_s, home.room.now() + 0.2))
            if still:
                found.append(_outcome(home, place, person, above_db, at_s))
            await quiet(home)
        return found

    return live(Setting(room, RecordedModel(replies, ears), config, material.babble), scene)


async def speak(home: Household) -> None:
    """Until a reply sounds: the answer to what was said last, or one out of nothing."""
    await home.until(lambda: not home.session.listening, 10.0)
    if not home.session.speaking:
        home.session.say("go on")
    before = len(home.room.record.played)
    await home.until(lambda: any(b.any() for b in home.room.record.played[before:]), 3.0)


async def quiet(home: Household) -> None:
    """Until the person's turn is over."""
    await home.until(lambda: not home.session.listening, 10.0)


def echo_level(home: Household, material: Material) -> float:
    """How loud replies are at the microphone, without their pauses, dBFS."""
    reply = resample(material.replies[0], REPLY_HZ, DEVICE_HZ)
    return active_dbfs(home.room.echo_of(reply), DEVICE_HZ)


def _outcome(
    home: Household, place: str, person: Recording, level_db: float, at_s: float
) -> Interruption:
    done = [one for one in home.playout.done if one.at_s >= at_s]
    stopped_s = next((one.at_s for one in done if one.act == "stop"), None)
    if stopped_s is None:
        return Interruption(place, person.name, level_db, None, None, None, None, None)
    before = [one for one in home.playout.done if one.at_s <= stopped_s and one.act == "pause"]
    resumed = [one for one in home.playout.done if one.at_s <= stopped_s and one.act == "resume"]
    paused_s = before[-1].at_s if before else math.nan
    if resumed and resumed[-1].at_s >= paused_s:  # it was not paused when it was stopped
        paused_s = stopped_s
    silent_s = last_sound_s(home, min(paused_s, stopped_s), stopped_s + 0.2)
    late_s = home.room.settings.delay_ms / 1000
    ms = 1000.0
    return Interruption(
        place=place,
        name=person.name,
        level_db=level_db,
        suspected_ms=ms * (paused_s - at_s),
        stopped_ms=ms * (stopped_s - at_s),
        silence_ms=ms * (silent_s - at_s),
        audible_ms=ms * (silent_s + late_s - at_s),
        suspicion_to_silence_ms=ms * (silent_s - min(paused_s, stopped_s)),
    )


def last_sound_s(home: Household, from_s: float, to_s: float) -> float:
    """When the last sample that sounds, of those handed over between two moments, would leave a
    loudspeaker without delay; `from_s` when there is none.
    """
    rate_hz = DEVICE_HZ * (1 + home.room.settings.drift_ppm * 1e-6)
    first, last = (math.ceil(s * rate_hz / BLOCK_SAMPLES - 1e-6) for s in (from_s, to_s))
    blocks = home.room.record.played[first:last]
    sound = np.flatnonzero(np.concatenate(blocks)) if blocks else np.zeros(0)
    if not len(sound):
        return from_s
    return (first * BLOCK_SAMPLES + int(sound[-1]) + 1) / rate_hz
