"""People pause in mid-sentence: are they cut off, and how long is the silence after them?"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vivavoce.assistant.core.notices import SpeechStartedNotice, SpeechStoppedNotice
from vivavoce.assistant.settings import Config
from vivavoce.models.dialogue import SpeechModel

from .household import Household, Lived, Setting, live
from .places import PLACES, Material
from .voices import Recording

SHORT_MS = (100, 400)
LONG_MS = (500, 900)
SPEECH_DBFS = -26.0
LONGEST_WAIT_S = 6.0
GAP_S = 1.2


@dataclass(frozen=True)
class SpokenTurn:
    """One sentence with one or two pauses.

    Args:
        place: which room.
        name: what was said.
        pauses_ms: how long they are.
        n_cuts: ends that were told while more was to come.
        delay_ms: from the last voiced sample to the turn's end; None where none was told.
    """

    place: str
    name: str
    pauses_ms: tuple[float, ...]
    n_cuts: int
    delay_ms: float | None


def turns(
    material: Material,
    model: SpeechModel,
    *,
    place: str,
    chosen: slice,
    pauses_ms: tuple[float, float],
    config: Config,
    seed: int,
) -> Lived[list[SpokenTurn]]:
    """The chosen sentences, in one room, to a model that listens and answers in silence."""
    rng = random.Random(f"{seed} {place}")

    async def scene(home: Household) -> list[SpokenTurn]:
        found = []
        await home.run(1.0)
        for parts in material.phrases[chosen]:
            pauses = tuple(rng.uniform(*pauses_ms) for _ in parts[1:])
            n_told = len(home.told)
            ends_s = _speak(home, parts, pauses)
            await home.run(ends_s)
            await home.until(lambda: not _open(home), LONGEST_WAIT_S)
            stops = [
                at_s for at_s, told in home.told[n_told:] if isinstance(told, SpeechStoppedNotice)
            ]
            cuts = [at_s for at_s in stops if at_s < ends_s]
            delay_ms = 1000 * (stops[-1] - ends_s) if len(stops) > len(cuts) else None
            found.append(SpokenTurn(place, parts[0].name, pauses, len(cuts), delay_ms))
            await home.run(home.room.now() + GAP_S)
        return found

    room = replace(PLACES[place], seed=seed)
    setting = Setting(room, model, config, material.babble, speaks=False)
    return live(setting, scene)


def _speak(home: Household, parts: Sequence[Recording], pauses_ms: Sequence[float]) -> float:
    """Has somebody say a sentence; gives when the last voiced sample is over."""
    at_s = home.room.now() + 0.1
    for part, pause_ms in zip(parts, (*pauses_ms, 0.0), strict=True):
        home.room.say(part.sound, at_s, SPEECH_DBFS)
        ends_s = at_s + part.voiced_s
        at_s = ends_s + pause_ms / 1000
    return ends_s


def _open(home: Household) -> bool:
    """Whether a turn has begun that has not ended."""
    kinds = (SpeechStartedNotice, SpeechStoppedNotice)
    told = [notice for _, notice in home.told if isinstance(notice, kinds)]
    return bool(told) and isinstance(told[-1], SpeechStartedNotice)
