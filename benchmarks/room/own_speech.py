"""The assistant speaks and nobody else does: does it interrupt itself?"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.assistant.settings import Config
from vivavoce.models.dialogue import SpeechModel
from vivavoce.streaming.devices import BLOCK_SAMPLES, DEVICE_HZ

from .household import Household, Lived, Setting, live
from .places import PLACES, Material
from .recorded_model import RecordedModel

GAP_S = 0.7
WARM_S = 5.0  # of the room's beginning do not count for ERLE: the canceller still learns
ECHO_DBFS = -45.0  # softer blocks say nothing about the canceller


@dataclass(frozen=True)
class OwnSpeech:
    """What came of it.

    Args:
        place: which room.
        echo: what was done about the echo.
        spoken_s: how long a reply was playing or paused.
        n_stopped: replies that ended because something was taken for a person.
        n_paused: how often a reply fell silent for a suspicion.
        early_paused: those of the first WARM_S of speech.
        silent_s: how long it was silent for that.
        erle_db: echo over what is left of it, while it sounds.
    """

    place: str
    echo: str
    spoken_s: float
    n_stopped: int
    n_paused: int
    early_paused: int
    silent_s: float
    erle_db: float


def own_speech(
    material: Material,
    ears: SpeechModel,
    *,
    place: str,
    length_s: float,
    config: Config,
    seed: int,
) -> Lived[OwnSpeech]:
    """One scene of `length_s`."""
    offset = seed * 7 % len(material.replies)
    replies = itertools.cycle((*material.replies[offset:], *material.replies[:offset]))
    room = replace(PLACES[place], seed=seed)

    async def scene(home: Household) -> OwnSpeech:
        spoken_s = 0.0
        while home.room.now() < length_s:
            home.session.say("go on")
            began_s = home.room.now()
            await home.until(lambda: home.session.speaking, 2.0)
            await home.until(lambda: not home.session.speaking, 60.0)
            spoken_s += home.room.now() - began_s
            await home.until(lambda: not home.session.listening, 10.0)
            await home.run(home.room.now() + GAP_S)
        pauses = [done for done in home.playout.done if done.act == "pause"]
        return OwnSpeech(
            place=place,
            echo=home.front_end.kind,
            spoken_s=spoken_s,
            n_stopped=sum(done.act == "stop" for done in home.playout.done),
            n_paused=len(pauses),
            early_paused=sum(done.at_s < WARM_S for done in pauses),
            silent_s=silent_s(home),
            erle_db=erle_db(home),
        )

    return live(Setting(room, RecordedModel(replies, ears), config, material.babble), scene)


def silent_s(home: Household) -> float:
    """How long replies were paused."""
    total_s, since_s = 0.0, None
    for done in home.playout.done:
        if done.act == "pause" and since_s is None:
            since_s = done.at_s
        elif since_s is not None and done.act != "pause":
            total_s, since_s = total_s + done.at_s - since_s, None
    return total_s


def erle_db(home: Household) -> float:
    """Echo at the microphone over what the canceller lets through, once it has learnt."""
    echo = np.array([float(block @ block) for block in home.room.record.echo])
    left = np.array(home.powers)  # 20 ms of the cleaned microphone each
    n = min(len(echo) // 2, len(left))
    echo, left = echo[: 2 * n].reshape(n, 2).sum(axis=1) / 3, left[:n]  # 48 to 16 kHz
    loud = echo > 10 ** (ECHO_DBFS / 10) * BLOCK_SAMPLES * 2 / 3
    loud[: int(WARM_S * DEVICE_HZ / BLOCK_SAMPLES / 2)] = False
    if not loud.any():
        return float("nan")
    return float(10 * np.log10(echo[loud].sum() / max(left[loud].sum(), 1e-12)))
