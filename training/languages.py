"""The languages of the recipe, and how a command line names them."""

from __future__ import annotations

import argparse

LANGUAGES = ("en", "cmn", "yue")


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
