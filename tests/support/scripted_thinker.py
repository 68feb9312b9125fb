"""Puts words into a Ming model's mouth: its tokens are given, all else is its own work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from vivavoce.models.dialogue import Pcm, Transcript
from vivavoce.models.ming.model import MingModel


@contextlib.contextmanager
def writing(model: MingModel, text: str) -> Iterator[None]:
    """Inside, the next text the model writes is this, token by token."""
    ids = iter([*model.tokenizer.encode(text), model.ids.eos])
    plain = model.thinker.logits

    def logits(hidden: torch.Tensor) -> torch.Tensor:
        sure = torch.full((model.config.thinker.vocabulary,), -1e9)
        sure[next(ids)] = 0
        return sure

    model.thinker.logits = logits  # type: ignore[method-assign]
    try:
        yield
    finally:
        model.thinker.logits = plain  # type: ignore[method-assign]


class Transcribing:
    """A Ming model whose transcripts are given as it would write them, language first.

    asked: the languages that were given as a hint.
    """

    def __init__(self, model: MingModel, answer: str) -> None:
        self._model, self._answer = model, answer
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def transcribe(self, pcm: Pcm, language: str = "auto") -> Transcript:
        self.asked.append(language)
        with writing(self._model, self._answer):
            return self._model.transcribe(pcm, language)
