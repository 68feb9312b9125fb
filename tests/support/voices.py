"""Synthetic people for tests: what flite and espeak-ng say, trimmed and at an even loudness."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.wavfile import read_wav

RATE_HZ = 16_000
_QUIET = 0.02  # of the peak


def missing() -> str | None:
    """Why nobody can speak here; None when somebody can."""
    absent = [name for name in ("flite", "espeak-ng") if shutil.which(name) is None]
    return f"{', '.join(absent)} not installed (apt install flite espeak-ng)" if absent else None


@lru_cache
def says(voice: str, text: str) -> Pcm:
    """`text`, [n] at 16 kHz with a peak of 0.3.

    Args:
        voice: "flite/slt" or "espeak-ng/en-us+f3".
        text: in English.
    """
    program, name = voice.split("/")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        arguments = {
            "flite": ["-voice", name, "-t", text, "-o", str(path)],
            "espeak-ng": ["-v", name, "-w", str(path), text],
        }[program]
        subprocess.run([program, *arguments], check=True, capture_output=True, timeout=30)
        pcm = read_wav(path, RATE_HZ)[0]
    loud = np.flatnonzero(np.abs(pcm) > _QUIET * np.abs(pcm).max())
    said = pcm[loud[0] : loud[-1] + 1]
    return (said * (0.3 / np.abs(said).max())).astype(np.float32)
