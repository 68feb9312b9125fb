"""Which voices there are, and which of them are kept for evaluation.

Nothing that is trained may hear a RESERVED variant, accent or flite voice.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..languages import LANGUAGES
from . import festival, speakers
from .espeak import EspeakVoice
from .festival import FestivalVoice
from .flite import FliteVoice

Voice = EspeakVoice | FliteVoice | FestivalVoice
Split = Literal["train", "reserved"]

# `cmn` itself reads pinyin letters as English in espeak-ng 1.51; the Latn-pinyin file reads hanzi.
_BASES = {
    "en": (
        "gmw/en-US",
        "gmw/en",
        "gmw/en-GB-x-rp",
        "gmw/en-US-nyc",
        "gmw/en-029",
        "gmw/en-GB-x-gbclan",
        "gmw/en-GB-x-gbcwmd",
    ),
    "cmn": ("sit/cmn-Latn-pinyin",),
    "yue": ("sit/yue",),
}
RESERVED_ACCENT = "gmw/en-GB-scotland"
RESERVED_FLITE = ("awb",)
_RESERVED = "Alicia Hugo adam belinda f4 m3 linda paul steph2 victor klatt3 Michael"
RESERVED_VARIANTS = tuple(_RESERVED.split())
# Left out: rob, which brings espeak-ng 1.51 down (segmentation fault) where the voice is low and
# lively; as hardly human: whisper*, croak, Demonic, robosoft*, *Robot, fast, AnxiousAndy.
_TRAINED = (
    "Alex Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Jacky Lee Marco Mario Mike"
    " Nguyen RicishayMax RicishayMax2 RicishayMax3 Storm Tweaky anika announcer antonio aunty"
    " benjamin boris caleb david ed edward edward2 f1 f2 f3 f5 grandma grandpa gustave iven iven2"
    " iven3 iven4 john kaukovalta klatt klatt2 klatt4 klatt5 klatt6 m1 m2 m4 m5 m6 m7 m8 marcelo"
    " max michel miguel norbert pablo pedro quincy robert sandro shelby steph steph3 travis"
    " zac"
)
TRAIN_VARIANTS = tuple(_TRAINED.split())
TONAL_PITCH, TONAL_RANGE = (20, 91), (10, 66)
"""Pitch and its range in tonal languages, from and below: low voices with lively tones, such as
pitch 11 and range 94 or 21 and 95, bring espeak-ng down as well."""
SPEAKER_SHARE = 0.5  # of espeak-ng's voices are speakers of our own
FESTIVAL_SHARE = 0.08  # of the others, in English
_FLITE_TRAIN = ("kal", "kal16", "slt", "rms")
_FLITE_SHARES = (0.35, 0.25, 0.2, 0.2)  # slt and rms take ten times as long as kal
_F0_HZ = {
    "slt": (130, 230),
    "rms": (75, 130),
    "awb": (90, 160),
    "kal": (80, 140),
    "kal16": (80, 140),
}


def random_voice(
    rng: np.random.Generator, language: str, split: Split = "train", flite_share: float = 0.15
) -> Voice:
    """Draw a voice with its prosody.

    Args:
        rng: source of randomness.
        language: one of LANGUAGES.
        split: "train", or "reserved" for voices that no training hears.
        flite_share: how often an English voice is one of flite's.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no voices for {language!r}; choose one of {', '.join(LANGUAGES)}")
    if language == "en" and rng.random() < flite_share:
        return _random_flite(rng, split)
    if split == "reserved":
        return _random_reserved(rng, language)
    if language == "en" and rng.random() < FESTIVAL_SHARE and festival.available():
        return _random_festival(rng)
    base = _BASES[language][rng.integers(len(_BASES[language]))]
    if rng.random() < SPEAKER_SHARE:
        variant = f"{speakers.PREFIX}{rng.integers(speakers.N_SPEAKERS)}"
    else:
        variant = TRAIN_VARIANTS[rng.integers(len(TRAIN_VARIANTS))]
    pitches, ranges = ((10, 91), (10, 96)) if language == "en" else (TONAL_PITCH, TONAL_RANGE)
    return EspeakVoice(
        f"{base}+{variant}",
        rate_wpm=int(rng.integers(105, 261)),
        pitch=int(rng.integers(*pitches)),
        pitch_range=int(rng.integers(*ranges)),
    )


def _random_reserved(rng: np.random.Generator, language: str) -> EspeakVoice:
    bases = (*_BASES[language], RESERVED_ACCENT) if language == "en" else _BASES[language]
    base = bases[rng.integers(len(bases))]
    variant = RESERVED_VARIANTS[rng.integers(len(RESERVED_VARIANTS))]
    return EspeakVoice(
        f"{base}+{variant}",
        rate_wpm=int(rng.integers(120, 231)),
        pitch=int(rng.integers(15, 86)),
        pitch_range=int(rng.integers(20, 81)),
    )


def _random_flite(rng: np.random.Generator, split: Split) -> FliteVoice:
    if split == "reserved":
        name = RESERVED_FLITE[rng.integers(len(RESERVED_FLITE))]
    else:
        name = _FLITE_TRAIN[rng.choice(len(_FLITE_TRAIN), p=_FLITE_SHARES)]
    return FliteVoice(name, float(rng.uniform(0.8, 1.35)), float(rng.uniform(*_F0_HZ[name])))


def _random_festival(rng: np.random.Generator) -> FestivalVoice:
    name = "ked" if rng.random() < 0.7 else "hts"  # which takes seven times as long
    return FestivalVoice(name, float(rng.uniform(0.8, 1.35)), float(rng.uniform(80, 150)))


def is_reserved(voice: Voice) -> bool:
    """Whether training must never hear this voice."""
    if isinstance(voice, FliteVoice):
        return voice.name in RESERVED_FLITE
    if isinstance(voice, FestivalVoice):
        return False
    base, _, variant = voice.file.partition("+")
    return base == RESERVED_ACCENT or variant in RESERVED_VARIANTS
