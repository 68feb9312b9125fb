"""Things that sound in a room and are no speech, drawn at random, [n] at 48 kHz, peak 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vivavoce.streaming.acoustics import noise
from vivavoce.streaming.devices import DEVICE_HZ
from vivavoce.streaming.frames import Pcm, samples

from .voices import Recording

Wave = npt.NDArray[np.float64]


def hum(rng: np.random.Generator) -> Wave:
    """ "mhm" with closed lips: two nasal hums, the second higher, a breath between them."""
    f0 = rng.uniform(90, 210)
    first = _nasal(f0, f0 * rng.uniform(0.9, 1.0), rng.uniform(110, 190))
    second = _nasal(f0 * rng.uniform(1.05, 1.3), f0 * rng.uniform(1.0, 1.2), rng.uniform(140, 260))
    breath = 0.03 * rng.standard_normal(_n(rng.uniform(40, 80)))
    return np.concatenate((first, breath, second))


def cough(rng: np.random.Generator) -> Wave:
    """One to three bursts of air, each sharp at first, with the throat's resonances."""
    bursts = []
    for _ in range(rng.integers(1, 4)):
        n = _n(rng.uniform(120, 220))
        air = _band(rng.standard_normal(n), 300, 5000)
        throat = _band(rng.standard_normal(n), rng.uniform(500, 700), rng.uniform(1000, 1500))
        bursts += [(air + 2 * throat) * _decay(n, 60), np.zeros(_n(rng.uniform(60, 150)))]
    return np.concatenate(bursts)


def door(rng: np.random.Generator) -> Wave:
    """A slam: a low thud with a rattle."""
    n = _n(400)
    thud = _band(rng.standard_normal(n), 30, 250) * _decay(n, 80)
    rattle = _band(rng.standard_normal(n), 800, 4000) * _decay(n, 25)
    return 3 * thud + rattle


def keys(rng: np.random.Generator) -> Wave:
    """Someone types: clicks of a few milliseconds, six to nine a second."""
    sound = np.zeros(_n(1500))
    at = 0
    while at < len(sound) - _n(40):
        n = _n(rng.uniform(8, 25))
        click = _band(rng.standard_normal(n), 1500, 9000) * _decay(n, 4)
        sound[at : at + n] += rng.uniform(0.4, 1.0) * click
        at += _n(rng.uniform(90, 200))
    return sound


def dishes(rng: np.random.Generator) -> Wave:
    """A clatter: tones that fit nothing, each ringing for a moment."""
    sound = np.zeros(_n(900))
    for _ in range(rng.integers(2, 5)):
        n = _n(400)
        at = rng.integers(0, len(sound) - n)
        tones = [np.sin(2 * np.pi * f * _time(n)) for f in rng.uniform(1500, 7000, 5)]
        sound[at : at + n] += np.sum(tones, axis=0) * _decay(n, rng.uniform(30, 90))
    return sound


def music(rng: np.random.Generator) -> Wave:
    """Four notes of a plucked string with two overtones."""
    notes = []
    for step in rng.choice([0, 2, 4, 5, 7, 9, 12], 4):
        f0, n = 220 * 2 ** (step / 12), _n(280)
        tone = sum(np.sin(2 * np.pi * k * f0 * _time(n)) / k for k in (1, 2, 3))
        notes.append(tone * _decay(n, 250))
    return np.concatenate(notes)


NOISES: dict[str, Callable[[np.random.Generator], Wave]] = {
    "cough": cough,
    "door": door,
    "keys": keys,
    "dishes": dishes,
    "music": music,
}


def made(name: str, rng: np.random.Generator) -> Recording:
    """One of NOISES, or "mhm"."""
    sound = hum(rng) if name == "mhm" else NOISES[name](rng)
    pcm = (sound / np.abs(sound).max()).astype(np.float32)
    return Recording.of(name, pcm, DEVICE_HZ)


def chatter(voices: list[Pcm], rng: np.random.Generator) -> Recording:
    """People talk in the background for two seconds, several at once."""
    n = 2 * DEVICE_HZ
    pcm = noise("babble", n, rng, voices)
    edge = np.minimum(np.arange(n), np.arange(n)[::-1]) / _n(300)
    return Recording.of("babble", pcm * np.clip(edge, 0, 1).astype(np.float32), DEVICE_HZ)


def _nasal(from_hz: float, to_hz: float, duration_ms: float) -> Wave:
    n = _n(duration_ms)
    phase = 2 * np.pi * np.cumsum(np.linspace(from_hz, to_hz, n)) / DEVICE_HZ
    tone = np.sum([np.sin(k * phase) / k**1.7 for k in range(1, 16)], axis=0)
    edge = np.minimum(np.arange(n), np.arange(n)[::-1]) / _n(25)
    return np.asarray(tone * np.clip(edge, 0, 1))


def _band(sound: Wave, low_hz: float, high_hz: float) -> Wave:
    """What lies between two frequencies, at a root mean square of 1."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / DEVICE_HZ)
    kept = np.fft.irfft(spectrum * ((hz >= low_hz) & (hz <= high_hz)), len(sound))
    return np.asarray(kept / max(float(np.sqrt(np.mean(kept**2))), 1e-9))


def _decay(n: int, tau_ms: float) -> Wave:
    return np.exp(-np.arange(n) / _n(tau_ms))


def _time(n: int) -> Wave:
    return np.arange(n) / DEVICE_HZ


def _n(duration_ms: float) -> int:
    return samples(duration_ms, DEVICE_HZ)
