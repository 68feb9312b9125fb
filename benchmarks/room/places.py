"""The fixed set of rooms, and what is said in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.models.dialogue import SpeechModel
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.room import RoomSettings

from .noises import NOISES, chatter, made
from .voices import Recording, Voices

PLACES: dict[str, RoomSettings] = {
    "desk": RoomSettings(
        rt60_s=0.2, delay_ms=20, echo_gain_db=-8, echo_direct_db=6, noise_dbfs=-65
    ),
    "living room": RoomSettings(
        rt60_s=0.4,
        delay_ms=50,
        echo_gain_db=-11,
        drift_ppm=50,
        gain_db=3,
        clipping="tanh",
        noise="pink",
        noise_dbfs=-58,
    ),
    "kitchen": RoomSettings(
        rt60_s=0.6,
        delay_ms=80,
        echo_gain_db=-14,
        echo_direct_db=0,
        drift_ppm=-100,
        gain_db=6,
        clipping="tanh",
        noise="white",
        noise_dbfs=-55,
    ),
    "late loudspeaker": RoomSettings(
        rt60_s=0.3, delay_ms=120, hidden_ms=40, echo_gain_db=-8, drift_ppm=100, noise_dbfs=-62
    ),
    "overdriven": RoomSettings(
        rt60_s=0.3, delay_ms=40, echo_gain_db=-18, gain_db=12, clipping="hard", noise_dbfs=-60
    ),
    "company": RoomSettings(
        rt60_s=0.5,
        delay_ms=100,
        echo_gain_db=-11,
        drift_ppm=-50,
        gain_db=3,
        clipping="tanh",
        noise="babble",
        noise_dbfs=-60,
    ),
}
"""By name: reverberation, playback delay 20 to 120 ms, drift of clocks up to 100 ppm to both
sides, soft and hard clipping, white and pink noise and voices in the background. The echo is
about -28 dBFS everywhere, so that who speaks 10 dB above it does not overdrive the microphone."""


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that sounds, made once.

    Args:
        replies: of the assistant [m], 16 kHz.
        people: who want something, at least 600 ms of speech each.
        bystanders: "mhm" and noises.
        phrases: what turns with inner pauses are put together from, by voice.
        babble: people in the background, 48 kHz.
    """

    replies: Sequence[Pcm]
    people: Sequence[Recording]
    bystanders: Sequence[Recording]
    phrases: Sequence[Sequence[Recording]]
    babble: Sequence[Pcm]


def make_material(
    model: SpeechModel,
    seed: int,
    *,
    n_replies: int,
    n_people: int,
    n_bystanders: int,
    n_turns: int,
    babble: bool = True,
) -> Material:
    """All that is said and done, the same for the same numbers."""
    voices = Voices(model, seed)
    background = voices.babble() if babble else []
    return Material(
        replies=voices.replies(n_replies, at_least_s=7.0),
        people=voices.sentences(n_people),
        bystanders=_bystanders(voices, background, n_bystanders, seed),
        phrases=voices.phrases(n_turns),
        babble=background,
    )


def _bystanders(voices: Voices, babble: list[Pcm], n: int, seed: int) -> list[Recording]:
    """Half people who agree, half noises, in any order."""
    rng = np.random.default_rng((seed, 5))
    agreeing = iter(voices.agreeing(n))
    kinds = [*NOISES, "babble"] if babble else [*NOISES]
    found: list[Recording] = []
    for index in range(n):
        if index % 8 == 0:
            found.append(made("mhm", rng))
        elif index % 2 == 0:
            found.append(next(agreeing))
        else:
            kind = kinds[index // 2 % len(kinds)]
            found.append(chatter(babble, rng) if kind == "babble" else made(kind, rng))
    rng.shuffle(found)  # type: ignore[arg-type]  # or each kind would have a room of its own
    return found
