"""Speech from text with the local engines espeak-ng, flite and, where it is installed, festival.

utterance = synthesize("turn on the light", random_voice(rng, "en"))
"""

from . import espeak, festival, flite
from .espeak import EspeakVoice
from .festival import FestivalVoice
from .flite import FliteVoice
from .utterance import RATE_HZ, Utterance
from .voices import Voice, is_reserved, random_voice

__all__ = [
    "RATE_HZ",
    "EspeakVoice",
    "FestivalVoice",
    "FliteVoice",
    "Utterance",
    "Voice",
    "is_reserved",
    "random_voice",
    "synthesize",
]


def synthesize(text: str, voice: Voice) -> Utterance:
    """Read `text` with `voice`: 16 kHz samples with word and phone times.

    flite and festival read ASCII only and raise ValueError otherwise.
    """
    if isinstance(voice, FliteVoice):
        return flite.speak(text, voice)
    if isinstance(voice, FestivalVoice):
        return festival.speak(text, voice)
    return espeak.speak(text, voice)
