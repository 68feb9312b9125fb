"""nano in three languages before its weights know them: what its thinker writes is given."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.text import EOS, REP

LANGUAGES = ("en", "cmn", "yue")
Step = int | tuple[int, float]
"""A token, and with which probability it is written; 1 unless said."""


def trilingual(confirm_probability: float = 0.0) -> NanoModel:
    """The shipped model, told that it has three languages."""
    model = NanoModel.load()
    model.languages = LANGUAGES
    model.config = replace(model.config, confirm_probability=confirm_probability)
    return model


def turn(
    model: NanoModel,
    line: str,
    reply: str = "",
    language: str | None = None,
    sure: Sequence[float] = (),
) -> list[Step]:
    """The tokens of a turn: action line, <rep>, the language where it is the model's choice, reply.

    Args:
        model: whose tokens they are.
        line: the action line.
        reply: its words; empty where they are not the thinker's, as those of a question.
        language: which one it finds; None where it has no choice.
        sure: the probabilities of the action line's tokens, 1 for those after.
    """
    text = model.text
    written = [*text.encode_action(line), REP]
    steps: list[Step] = list(zip(written, [*sure, *[1.0] * len(written)], strict=False))
    steps += [] if language is None else [text.language_id(language)]
    return [*steps, *text.encode_reply(reply), EOS] if reply else steps


@contextlib.contextmanager
def thinking(model: NanoModel, steps: Sequence[Step]) -> Iterator[None]:
    """Inside, these are the tokens the thinker writes, all of them."""
    waiting = iter(steps)
    plain = model.thinker.logits

    def logits(hidden: torch.Tensor) -> torch.Tensor:
        step = next(waiting)
        token, probability = step if isinstance(step, tuple) else (step, 1.0)
        found = torch.full((model.text.vocabulary,), -1e9)
        intents = model.text.intents
        inside = range(intents.start, intents.stop)
        rival = next(i for i in (inside if token in inside else range(100, 102)) if i != token)
        if probability < 1:
            found[rival] = math.log(1 - probability)
        found[token] = math.log(probability)
        return found

    model.thinker.logits = logits  # type: ignore[method-assign]
    try:
        yield
        left = list(waiting)
        assert not left, f"the thinker was not asked for {left}"
    finally:
        model.thinker.logits = plain  # type: ignore[method-assign]
