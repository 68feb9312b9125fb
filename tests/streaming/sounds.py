"""Sounds for the tests: voices made of harmonics, noises, a man reading, and spoken text."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.wavfile import read_wav

RATE_HZ = 16_000
DATA = Path(__file__).parents[1] / "data"

_FORMANTS = ((700, 110), (1220, 120), (2600, 180), (3300, 250))  # Hz and width in Hz: an "a"


def silence(seconds: float, rate_hz: int = RATE_HZ) -> Pcm:
    return np.zeros(round(seconds * rate_hz), dtype=np.float32)


def tone(seconds: float, hz: float = 440.0, rate_hz: int = RATE_HZ, peak: float = 0.5) -> Pcm:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (peak * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def vowel(seconds: float, f0_hz: float = 120.0, peak: float = 0.4) -> Pcm:
    """A voiced sound with melody and syllables, that a voice activity detector takes for speech."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch = f0_hz * (1 + 0.08 * np.sin(2 * np.pi * 3 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    sound = np.zeros_like(t)
    for k in range(1, int(4000 / f0_hz)):
        gain = sum(1 / (1 + ((k * f0_hz - hz) / width) ** 2) for hz, width in _FORMANTS)
        sound += gain / k**0.5 * np.sin(k * phase)
    sound *= 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    return (peak * sound / max(np.abs(sound).max(initial=0), 1e-9)).astype(np.float32)


def noise(seconds: float, level_dbfs: float, seed: int = 0, *, pink: bool = False) -> Pcm:
    """White or pink noise of the given root-mean-square level."""
    n = round(seconds * RATE_HZ)
    white = np.random.default_rng(seed).normal(size=n)
    if pink:
        spectrum = np.fft.rfft(white)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0
        white = np.fft.irfft(spectrum, n)
    return at_level(white.astype(np.float32), level_dbfs)


def at_level(pcm: Pcm, level_dbfs: float) -> Pcm:
    """`pcm` scaled to a root-mean-square level."""
    rms = float(np.sqrt(np.sum(np.square(pcm, dtype=np.float64)) / max(len(pcm), 1)))
    return (pcm * (10 ** (level_dbfs / 20) / max(rms, 1e-12))).astype(np.float32)


@lru_cache
def human() -> Pcm:
    """A man reading, 3.4 s (tests/data/README.md)."""
    return read_wav(DATA / "aishell_BAC009S0915W0292.wav", RATE_HZ)[0]


def spoken(text: str) -> list[Pcm]:
    """`text` by espeak-ng and by flite, as far as they are installed."""
    return [pcm for say in (_espeak, _flite) if (pcm := say(text)) is not None]


def _espeak(text: str) -> Pcm | None:
    return _said("espeak-ng", ["-v", "en-us", "-w", "{}", text])


def _flite(text: str) -> Pcm | None:
    return _said("flite", ["-voice", "slt", "-t", text, "-o", "{}"])


def _said(program: str, arguments: list[str]) -> Pcm | None:
    if shutil.which(program) is None:
        return None
    handle, path = tempfile.mkstemp(suffix=".wav")
    os.close(handle)
    try:
        filled = [path if argument == "{}" else argument for argument in arguments]
        subprocess.run([program, *filled], check=True, capture_output=True, timeout=30)
        return read_wav(path, RATE_HZ)[0]
    finally:
        Path(path).unlink()


def cut(pcm: Pcm, sizes: list[int]) -> list[Pcm]:
    """`pcm` cut into pieces of these sizes, repeated as long as needed; 0 gives an empty one."""
    pieces, at, turn = [], 0, 0
    assert any(sizes)
    while at < len(pcm):
        n = sizes[turn % len(sizes)]
        pieces.append(pcm[at : at + n])
        at, turn = at + n, turn + 1
    return pieces
