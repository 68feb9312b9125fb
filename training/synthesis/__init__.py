"""Speech from text with the local engines espeak-ng and flite.

utterance = synthesize("turn on the light", random_voice(rng, "en"))
"""

from . import espeak, flite
from .espeak import EspeakVoice
from .flite import FliteVoice
from .utterance import RATE_HZ, Utterance
from .voices import LANGUAGES, Voice, is_reserved, random_voice

__all__ = [
    "LANGUAGES",
    "RATE_HZ",
    "EspeakVoice",
    "FliteVoice",
    "Utterance",
    "Voice",
    "is_reserved",
    "random_voice",
    "synthesize",
]


def synthesize(text: str, voice: Voice) -> Utterance:
    """Read `text` with `voice`: 16 kHz samples with word and phone times.

    flite reads ASCII only and raises ValueError otherwise.
    """
    if isinstance(voice, FliteVoice):
        return flite.speak(text, voice)
    return espeak.speak(text, voice)
