"""People murmur and things clatter during a reply: does it go on, to the last sample?"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.assistant.outlet import pcm16_of, pcm_of
from vivavoce.assistant.settings import Config
from vivavoce.models.dialogue import SpeechModel
from vivavoce.streaming.devices import BLOCK_SAMPLES, DEVICE_HZ
from vivavoce.streaming.frames import Pcm, samples
from vivavoce.streaming.playout import PAUSE_FADE_MS, Playout

from .household import Household, Lived, Setting, live
from .interruptions import WARM_UP, echo_level, quiet, speak
from .places import PLACES, Material
from .recorded_model import PIECE, RecordedModel
from .voices import REPLY_HZ

EARLIEST_S, LATEST_S = 0.8, 3.0
LEVELS_DB = (-6.0, 6.0)  # over the echo, at the microphone
TOLERANCE = 1e-6  # of what is compared: the same arithmetic made both


@dataclass(frozen=True)
class Disturbance:
    """One sound during a reply that was no wish to interrupt it.

    Args:
        place: which room.
        name: what it was.
        level_db: over the echo.
        ended: it ended the reply.
        silent_ms: how long the reply was paused for it.
        fault: what the loudspeaker played otherwise than it should; "" for nothing.
    """

    place: str
    name: str
    level_db: float
    ended: bool
    silent_ms: float
    fault: str


def disturbances(
    material: Material, ears: SpeechModel, *, place: str, chosen: slice, config: Config, seed: int
) -> Lived[list[Disturbance]]:
    """Each of the chosen sounds during a reply of its own, in one room."""
    rng = random.Random(f"{seed} {place}")
    n_replies = len(material.replies)
    offset = rng.randrange(n_replies)
    numbers = itertools.count(offset)
    said: list[Pcm] = []

    def replies() -> Iterator[Pcm]:
        for number in numbers:
            said.append(material.replies[number % n_replies])
            yield said[-1]

    async def scene(home: Household) -> list[Disturbance]:
        echo_dbfs = echo_level(home, material)
        for _ in range(WARM_UP):
            await speak(home)
            await home.until(lambda: not home.session.speaking, 30.0)
        found = []
        for sound in material.bystanders[chosen]:
            await speak(home)
            n_done = len(home.playout.done)
            above_db = rng.uniform(*LEVELS_DB)
            at_s = home.room.now() + rng.uniform(EARLIEST_S, LATEST_S)
            home.room.say(sound.sound, at_s, echo_dbfs + above_db)
            await home.until(lambda: not home.session.speaking, 30.0)
            await home.run(home.room.now() + 0.3)
            ended = any(one.act == "stop" for one in home.playout.done[n_done:])
            began = home.playout.began[-1] if not ended else len(home.playout.paused)
            paused_ms = 10.0 * sum(home.playout.paused[began:])
            fault = "" if ended else fault_of(home, said[-1], began)
            found.append(Disturbance(place, sound.name, above_db, ended, paused_ms, fault))
            await quiet(home)
        return found

    room = replace(PLACES[place], seed=seed)
    model = RecordedModel(replies(), ears)
    return live(Setting(room, model, config, material.babble), scene)


def fault_of(home: Household, reply: Pcm, began: int) -> str:
    """What the loudspeaker played otherwise than `reply` [m] at REPLY_HZ from block `began` on:
    but for pauses, with a fade at both ends, each sample must be there once; "" if so.
    """
    whole = as_played(reply)
    n_fade = samples(PAUSE_FADE_MS, DEVICE_HZ)
    at, sounding, faded = 0, False, False
    blocks = zip(home.room.record.played[began:], home.playout.paused[began:], strict=True)
    for number, (block, paused) in enumerate(blocks):
        n = min(BLOCK_SAMPLES, len(whole) - at)
        wanted = whole[at : at + n]
        if paused:
            n_soft, n_same = (min(n_fade, n) if sounding else 0), 0
        else:
            n_soft, n_same = (min(n_fade, n) if faded else 0), n
        if not _softer(block[:n_soft], wanted[:n_soft]):
            return f"block {number} fades what does not belong there"
        exact = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        exact[:n_same] = wanted[:n_same]
        if np.abs(block[n_soft:] - exact[n_soft:]).max(initial=0.0) > TOLERANCE:
            return f"block {number}, sample {at} of the reply: something else was played"
        faded = (faded or sounding) and paused
        at, sounding = at + n_same, not paused and n == BLOCK_SAMPLES
        if at == len(whole):
            return ""
    return f"{len(whole) - at} samples of the reply were never played"


def as_played(reply: Pcm) -> Pcm:
    """A reply [m] at REPLY_HZ as the loudspeaker gets it when nothing disturbs it, at 48 kHz."""
    playout = Playout(DEVICE_HZ, lambda: 0.0)
    playout.open(1, REPLY_HZ)
    for at in range(0, len(reply), PIECE):
        playout.write(1, pcm_of(pcm16_of(reply[at : at + PIECE])))
    playout.finish(1)
    out = np.zeros(playout.queued_samples, dtype=np.float32)
    playout.fill(out, 0.0)
    return out


def _softer(block: Pcm, wanted: Pcm) -> bool:
    """Whether a fade of `wanted` is what `block` holds: nowhere louder, nowhere turned over."""
    louder = np.abs(block) > np.abs(wanted) + TOLERANCE
    return not (louder | (block * wanted < -TOLERANCE)).any()
