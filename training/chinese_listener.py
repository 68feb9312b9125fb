"""nano's own encoder as the judge of Chinese speech: no other recogniser of it is at hand."""

from __future__ import annotations

from collections.abc import Callable

import jiwer
import numpy as np
import torch
from tqdm import tqdm

from vivavoce.models.nano.hearing import samples_of
from vivavoce.models.nano.model import NanoModel

from .loop import load_modules
from .synthesis import RATE_HZ

PAD_S = 0.2


class ChineseListener:
    """What nano's encoder reads in a recording.

    Args:
        stage: the stage whose checkpoint listens, such as `encoder`; None for what is shipped.
    """

    def __init__(self, stage: str | None = None) -> None:
        self._model = NanoModel.load()
        if stage and not load_modules(stage, {"encoder": self._model.ear.encoder}):
            raise FileNotFoundError(f"stage {stage} has no checkpoint in the runs folder")

    @torch.inference_mode()
    def hear(self, pcm: np.ndarray) -> str:
        """The hanzi in float32 pcm [n] at 16 kHz, without spaces."""
        ear, thinker = self._model.ear, self._model.thinker
        samples = samples_of(np.pad(pcm, round(PAD_S * RATE_HZ)))
        _, state = ear.hear(samples, ear.initial(), thinker)
        _, state = ear.close(state, thinker)
        return self._model.text.decode(list(state.tokens)).replace(" ", "")

    def error_rate(self, texts: list[str], speak: Callable[[str], np.ndarray]) -> float:
        """Character error rate of all texts together, each spoken by `speak`."""
        heard = [self.hear(speak(text)) for text in tqdm(texts, desc="listening", leave=False)]
        return float(jiwer.cer([text.replace(" ", "") for text in texts], heard))
