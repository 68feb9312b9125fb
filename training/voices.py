"""nano's own voices: whose recordings they are learnt from.

The order is that of the voice numbers in the weights. Voices of one timbre share a codec encoder.
The pitch of the recordings is low, where a voice's spectrum is smoothest; the audio decoder
raises it again (`AudioDecoderConfig.pitch_scales`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .synthesis import EspeakVoice, FliteVoice

Timbre = Literal["flite", "espeak"]


@dataclass(frozen=True)
class OwnVoice:
    """A voice nano speaks with: its name, its language and who records it.

    shortest_period: of its recordings' pitch, in samples at 16 kHz.
    """

    name: str
    language: str
    recorded: FliteVoice | EspeakVoice
    timbre: Timbre
    shortest_period: int


OWN_VOICES = (
    OwnVoice("slt", "en", FliteVoice("slt", f0_hz=100.0), "flite", 110),
    OwnVoice("mei", "cmn", EspeakVoice("sit/cmn-Latn-pinyin+f2", 185, 22, 85), "espeak", 90),
    OwnVoice("ling", "yue", EspeakVoice("sit/yue+f2", 165, 22, 85), "espeak", 90),
)
NUMBER_OF = {voice.language: number for number, voice in enumerate(OWN_VOICES)}


def voice_numbers(languages: Sequence[str]) -> list[int]:
    """Numbers of the voices of some languages. Raises ValueError where there is none."""
    unknown = [language for language in languages if language not in NUMBER_OF]
    if unknown:
        raise ValueError(f"nano has no voice for {', '.join(unknown)}: {', '.join(NUMBER_OF)}")
    return [NUMBER_OF[language] for language in languages]
