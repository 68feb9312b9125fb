"""The words in which the skills answer: one module a language, all behind `words_in`."""

from __future__ import annotations

from collections.abc import Mapping

from .cantonese import CANTONESE
from .english import (
    CHINESE,
    ENGLISH,
    IN_ENGLISH,
    JOKES,
    MONTHS,
    SKIES,
    coin_words,
    date_words,
    dice_words,
    duration_words,
    no_weather_words,
    number_words,
    time_words,
    timer_words,
    weather_words,
)
from .mandarin import MANDARIN
from .wording import LARGEST_SAYABLE, Wording

__all__ = [
    "CHINESE",
    "ENGLISH",
    "IN_ENGLISH",
    "JOKES",
    "LARGEST_SAYABLE",
    "MONTHS",
    "SKIES",
    "WORDINGS",
    "Wording",
    "coin_words",
    "date_words",
    "dice_words",
    "duration_words",
    "no_weather_words",
    "number_words",
    "time_words",
    "timer_words",
    "weather_words",
    "words_in",
]

WORDINGS: Mapping[str, Wording] = {
    wording.language: wording for wording in (IN_ENGLISH, MANDARIN, CANTONESE)
}


def words_in(language: str) -> Wording:
    """The wording of `en`, `cmn` or `yue`; English where the skills do not speak a language."""
    return WORDINGS.get(language, IN_ENGLISH)
