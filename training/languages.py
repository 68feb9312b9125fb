"""The languages of the recipe, and how a command line names them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

LANGUAGES = ("en", "cmn", "yue")
_HEARD = ("en", "cmn", "en", "yue")
"""Who speaks next: English has the most voices, accents and words, and is understood least where
each has a third; the other two share most of their signs."""


def hearing_order(languages: Sequence[str]) -> list[str]:
    """The order, again and again, in which the ears hear the languages that are trained."""
    return [name for name in _HEARD if name in languages]


def language_list(text: str) -> list[str]:
    """`en,cmn` as a list, each once.

    Raises:
        argparse.ArgumentTypeError: one that the recipe does not have.
    """
    named = list(dict.fromkeys(text.split(",")))
    unknown = [name for name in named if name not in LANGUAGES]
    if unknown:
        known = ", ".join(LANGUAGES)
        raise argparse.ArgumentTypeError(f"no such language: {', '.join(unknown)}; {known}")
    return named
