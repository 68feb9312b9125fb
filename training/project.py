"""Stage `project`: projector and thinker on the frozen encoder; see joint.py."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from . import joint
from .loop import Stage


def stage(device: torch.device, languages: Sequence[str], seed: int = 0) -> Stage:
    """The projector from nothing, the thinker from its text stage."""
    return joint.stage(device, languages, seed, frozen_encoder=True)
