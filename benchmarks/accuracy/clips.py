"""Recordings of people, as they are: what nano reads in them and what it would do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.table import Table

from vivavoce.models.dialogue import Pcm
from vivavoce.models.nano.model import NanoModel
from vivavoce.streaming.wavfile import read_wav

from .batched import decided
from .report import Report

QUIET_S = 0.5


def clips(report: Report, model: NanoModel, folder: Path) -> Table:
    """Hear every WAV file of a folder as a turn of its own.

    Raises:
        FileNotFoundError: there is none.
        WavError: one cannot be read.
    """
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise FileNotFoundError(f"there are no .wav files in {folder}")
    table = Table(title="recordings")
    for column in ("file", "s", "read", "sure", "done", "confidence"):
        table.add_column(column)
    rows = []
    sounds = [_read(path, model.input_rate_hz) for path in paths]
    for path, pcm, found in zip(paths, sounds, decided(model, sounds), strict=True):
        done = " ".join([found.name, *map(str, found.arguments.values())])
        seconds = len(pcm) / model.input_rate_hz
        rows.append([path.name, seconds, found.transcript, found.heard, done, found.confidence])
        table.add_row(
            path.name,
            f"{seconds:.1f}",
            found.transcript,
            f"{found.heard:.2f}",
            done,
            f"{found.confidence:.2f}",
        )
    report.details["recordings"] = rows
    return table


def _read(path: Path, rate_hz: int) -> Pcm:
    """One channel at `rate_hz`, with the quiet after it that ends a turn."""
    pcm, _ = read_wav(path, rate_hz)
    return np.pad(pcm, (0, int(QUIET_S * rate_hz)))
